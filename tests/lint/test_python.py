"""All Python of the project passes ruff and mypy, strict, and stays small: pyproject.toml has their settings."""

from __future__ import annotations

import ast
import subprocess
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from lint.files import TOP, python_files

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lint.conftest import TypeCheck

LINES_OF_A_FILE = 400
LINES_OF_A_FUNCTION = 60


def run(*command: str) -> None:
    done = subprocess.run(command, cwd=TOP, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_ruff_finds_nothing() -> None:
    run("ruff", "check", "--no-cache", ".")


def test_ruff_would_format_nothing_otherwise() -> None:
    run("ruff", "format", "--no-cache", "--check", "--diff", ".")


def test_every_type_is_right(type_check: TypeCheck) -> None:
    status, output = type_check.result()
    assert status == 0, output


def test_every_package_is_one_that_is_built() -> None:
    """What pyproject.toml does not list would be missing where the debs are installed, and only there."""
    settings = tomllib.loads((TOP / "pyproject.toml").read_text())["tool"]["setuptools"]
    roots = {Path(folder): name for name, folder in settings["package-dir"].items()}
    found = {
        ".".join((name, *path.parent.relative_to(root).parts))
        for path in python_files()
        for root, name in roots.items()
        if path.name == "__init__.py" and path.is_relative_to(root)
    }
    assert set(settings["packages"]) == found


def too_long(name: str, text: str) -> Iterator[str]:
    """A sentence for a file and for each function that has grown too long."""
    count = len(text.splitlines())
    if count > LINES_OF_A_FILE:
        yield f"{name} has {count} lines; {LINES_OF_A_FILE} are the most: split it"
    for node in ast.walk(ast.parse(text, name)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > LINES_OF_A_FUNCTION:
                yield f"{name}:{node.lineno}: {node.name}() has {length} lines; {LINES_OF_A_FUNCTION} are the most"


@pytest.mark.parametrize("path", python_files(), ids=str)
def test_files_and_functions_stay_short(path: str) -> None:
    assert list(too_long(str(path), (TOP / path).read_text())) == []


def test_a_long_file_and_a_long_function_are_noticed() -> None:
    function = "def f():\n" + "    x = 1\n" * 60
    assert list(too_long("a.py", function)) == ["a.py:1: f() has 61 lines; 60 are the most"]
    assert list(too_long("a.py", "def f():\n" + "    x = 1\n" * 59)) == []
    assert list(too_long("a.py", "x = 1\n" * 401)) == ["a.py has 401 lines; 400 are the most: split it"]
