"""What a test may leave behind: nothing. Tasks, threads, child processes, descriptors and log lines are counted."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import re
import threading
from dataclasses import dataclass, field
from pathlib import Path

from waiting import eventually

LAST_STEPS = 20
"""Turns of the event loop that cancelled tasks get to end."""


@dataclass(frozen=True)
class Held:
    """What this process holds: threads, children by pid, and open descriptors by what they are."""

    threads: frozenset[str]
    children: frozenset[int]
    descriptors: frozenset[tuple[int, str]]

    @classmethod
    def now(cls) -> Held:
        return cls(
            frozenset(f"{thread.name} ({thread.ident})" for thread in threading.enumerate()),
            frozenset(_children()),
            frozenset(_descriptors()),
        )

    def more_than(self, before: Held) -> list[str]:
        """A sentence for each thing that was not there before."""
        return [
            *(f"the thread {name} still runs" for name in self.threads - before.threads),
            *(f"the child process {pid} is still there: {_command(pid)}" for pid in self.children - before.children),
            *(f"descriptor {number} is still open: {what}" for number, what in self.descriptors - before.descriptors),
        ]


def _children() -> set[int]:
    found: set[int] = set()
    for path in Path("/proc/self/task").glob("*/children"):
        with contextlib.suppress(OSError):  # a thread that ended meanwhile
            found.update(map(int, path.read_text().split()))
    return found


def _command(pid: int) -> str:
    try:
        return (
            Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ").strip() or "it has ended, nobody waited for it"
        )
    except OSError:
        return "gone meanwhile"


def _descriptors() -> set[tuple[int, str]]:
    found = set()
    # Without pathlib, which makes this three times as slow, and it is done twice for each test.
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208
        with contextlib.suppress(OSError):  # the one that lists
            found.add((int(name), os.readlink(f"/proc/self/fd/{name}")))  # noqa: PTH115
    return {(number, what) for number, what in found if what != "/dev/urandom" and not what.startswith("/proc/")}


def check_nothing_left(before: Held, grace: float = 2.0) -> list[str]:
    """What is still there after ``grace`` seconds, in which threads and processes that are ending may end."""
    left = Held.now().more_than(before)
    if left:
        with contextlib.suppress(BaseException):
            eventually(lambda: not Held.now().more_than(before), grace)
        left = Held.now().more_than(before)
    return sorted(left)


async def unfinished_tasks() -> list[str]:
    """The tasks of this event loop, beside the present one, that don't end by themselves at once."""
    for _ in range(LAST_STEPS):
        if len(asyncio.all_tasks()) == 1:
            return []
        await asyncio.sleep(0)
    return sorted(repr(task) for task in asyncio.all_tasks() - {asyncio.current_task()})


@dataclass
class LogWatch(logging.Handler):
    """Collects warnings and worse; a test says which of them it expects."""

    records: list[logging.LogRecord] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(logging.WARNING)

    def __hash__(self) -> int:
        return id(self)

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)

    def expect(self, *expressions: str) -> None:
        """Allow lines that an expression is found in; each must be found in one at least."""
        self.expected.extend(expressions)

    def complaints(self) -> list[str]:
        lines = [f"{record.levelname} {record.name}: {record.getMessage()}" for record in self.records]
        surprising = [line for line in lines if not any(re.search(one, line) for one in self.expected)]
        missing = [one for one in self.expected if not any(re.search(one, line) for line in lines)]
        return [
            *(f"an unexpected log line: {line}" for line in surprising),
            *(f"no log line has {one!r}" for one in missing),
        ]
