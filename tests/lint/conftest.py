"""mypy takes longest: it begins before the first test and is waited for at the end, on a core of its own."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass

import pytest
from lint.files import TOP


@dataclass
class TypeCheck:
    """A running mypy over everything that pyproject.toml names."""

    process: subprocess.Popen[str]

    def result(self) -> tuple[int, str]:
        """Wait for its exit status and what it said."""
        output, _ = self.process.communicate()
        return self.process.returncode, output


RUNNING = pytest.StashKey[TypeCheck]()


def needs_type_check(item: pytest.Item) -> bool:
    return "type_check" in getattr(item, "fixturenames", ())


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The test that waits for mypy comes last of the fast ones; tests of the lab machine come after all others."""
    items.sort(key=lambda item: (item.get_closest_marker("lab") is not None, needs_type_check(item)))


def pytest_collection_finish(session: pytest.Session) -> None:
    if session.config.option.collectonly or not any(map(needs_type_check, session.items)):
        return
    process = subprocess.Popen(
        [sys.executable, "-m", "mypy"], cwd=TOP, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    session.config.stash[RUNNING] = TypeCheck(process)


def pytest_unconfigure(config: pytest.Config) -> None:
    running = config.stash.get(RUNNING, None)
    if running is not None and running.process.poll() is None:  # the run was broken off
        running.process.kill()
        running.process.communicate()


@pytest.fixture
def type_check(pytestconfig: pytest.Config) -> TypeCheck:
    return pytestconfig.stash[RUNNING]
