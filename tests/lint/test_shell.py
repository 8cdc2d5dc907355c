"""Every shell script of the project passes shellcheck, without exemptions but those argued for in the script itself."""

from __future__ import annotations

import subprocess

from lint.files import TOP, project_files

SHELLS = (b"#!/bin/sh", b"#!/bin/bash", b"# shellcheck shell=")


def shell_scripts() -> list[str]:
    """The scripts, relative to TOP, known by their first line."""
    found = []
    for path in project_files():
        with (TOP / path).open("rb") as file:
            if file.readline(100).startswith(SHELLS):
                found.append(str(path))
    return found


def test_shell_scripts_pass_shellcheck() -> None:
    scripts = shell_scripts()
    assert {"lab", ".ci/run", "packaging/lab/up.sh", "packaging/lab/machine.sh"} <= set(scripts)
    found = subprocess.run(
        ["shellcheck", "--external-sources", *scripts], cwd=TOP, capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stdout + found.stderr
