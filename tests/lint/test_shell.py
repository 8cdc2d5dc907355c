"""Every shell script of the project passes shellcheck, without exemptions but those argued for in the script itself."""

import subprocess
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]


def shell_scripts() -> list[str]:
    """The tracked and not yet tracked files that are shell scripts, relative to the top."""
    names = subprocess.run(
        ["git", "-c", f"safe.directory={TOP}", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=TOP,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split("\0")
    return [name for name in sorted(filter(None, names)) if (TOP / name).is_file() and is_shell(TOP / name)]


def is_shell(path: Path) -> bool:
    with path.open("rb") as file:
        first = file.readline(100)
    return first.startswith((b"#!/bin/sh", b"#!/bin/bash", b"# shellcheck shell="))


def test_shell_scripts_pass_shellcheck() -> None:
    scripts = shell_scripts()
    assert {"lab", ".ci/run", "packaging/lab/up.sh", "packaging/lab/machine.sh"} <= set(scripts)
    found = subprocess.run(
        ["shellcheck", "--external-sources", *scripts], cwd=TOP, capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stdout + found.stderr
