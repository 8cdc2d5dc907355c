"""The project's own files: what git tracks, and what is new and not ignored."""

from __future__ import annotations

import functools
import subprocess
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]


@functools.cache
def project_files() -> tuple[Path, ...]:
    """Paths relative to TOP, in the order of their names."""
    names = subprocess.run(
        ["git", "-c", f"safe.directory={TOP}", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=TOP,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split("\0")
    return tuple(Path(name) for name in sorted(set(filter(None, names))) if (TOP / name).is_file())


def python_files(*folders: str) -> list[Path]:
    """The Python files below the folders, relative to TOP; all of the project's without an argument."""
    wanted = [path for path in project_files() if path.suffix == ".py"]
    return [path for path in wanted if not folders or path.parts[0] in folders]
