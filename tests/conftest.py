"""For every tier: coroutines are tests, and a test that leaves something behind or logs a surprise fails.

A test asks for ``logs`` to say which warnings it expects: ``logs.expect("the bus worker ended")``.
"""

from __future__ import annotations

import asyncio
import gc
import inspect
import logging
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest
from leaks import Held, LogWatch, check_nothing_left, unfinished_tasks

if TYPE_CHECKING:
    from collections.abc import Iterator

LOGGERS = ("incidentops_agent", "incidentops_chaos", "asyncio", "aiohttp")

# The same examples each time, and none kept: a run on any machine gives what the run before gave.
hypothesis.settings.register_profile("project", derandomize=True, database=None, deadline=None, max_examples=50)
hypothesis.settings.load_profile("project")


def pytest_configure(config: pytest.Config) -> None:
    # hypothesis looks for referrers of its random generator, which the garbage collector does not know once frozen.
    config.addinivalue_line("filterwarnings", "ignore:It looks like `register_random`")


def pytest_collection_finish() -> None:
    gc.collect()
    gc.freeze()  # modules and tests live for ever; the collections between tests need not look at them


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a test that is a coroutine function in an event loop of its own, and count its tasks at the end."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in inspect.signature(pyfuncitem.obj).parameters}

    async def scenario() -> list[str]:
        await pyfuncitem.obj(**arguments)
        return await unfinished_tasks()

    left = asyncio.run(scenario())
    if left:
        pytest.fail("tasks were left running:\n" + "\n".join(left))
    return True


@pytest.fixture
def logs() -> Iterator[LogWatch]:
    """What the agent and asyncio log from the warning level on; see LogWatch.expect."""
    watch = LogWatch()
    for name in LOGGERS:
        logging.getLogger(name).addHandler(watch)
    yield watch
    for name in LOGGERS:
        logging.getLogger(name).removeHandler(watch)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user of this machine can enter, unlike pytest's own."""
    with tempfile.TemporaryDirectory(prefix="incidentops-test-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture(autouse=True)
def _nothing_left_behind(request: pytest.FixtureRequest) -> Iterator[None]:
    # The lab's processes are those of the machine and go with it; linters run none of the project's code.
    if request.node.get_closest_marker("lab") or "lint" in request.node.path.parts:
        yield
        return
    watch: LogWatch = request.getfixturevalue("logs")
    before = Held.now()
    yield
    gc.collect()  # an object that was dropped open warns now, in the test that dropped it
    gc.freeze()  # and what is left need not be looked at again
    complaints: list[Any] = [*check_nothing_left(before), *watch.complaints()]
    if complaints:
        pytest.fail("\n".join(complaints), pytrace=False)
