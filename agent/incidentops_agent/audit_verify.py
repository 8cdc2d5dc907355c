"""Walks the audit trail's chain in its database, from the oldest row to the newest."""

from __future__ import annotations

import sqlite3
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from . import audit_store, chain
from .chain import Problem, Verdict, Walk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from .chain import Head

BATCH, REST = 100, 0.0005
"""Rows at a time, which take about two milliseconds, and seconds of rest after them: the event loop needs the
interpreter more. 100,000 rows take about 4 s."""

_ROWS = f"SELECT {audit_store.COLUMNS}, hash FROM audit ORDER BY seq"  # noqa: S608


def verify(path: Path, expected: Head | None, stop: Callable[[], bool] = lambda: False) -> Verdict:
    """The verdict on a trail, be the agent that writes it running or not. ``expected``: a head that was kept.

    Raises:
        OSError: there is nothing that could be verified, or ``stop`` said so.
    """
    began = time.monotonic()
    walk = Walk(expected)
    with audit_store.reading(path, "surrogateescape") as database:
        (schema,) = database.execute("PRAGMA user_version").fetchone()
        if schema != audit_store.SCHEMA_VERSION:
            raise OSError(f"cannot verify {path}: its schema is {schema}, this agent verifies those of schema 2")
        database.execute("BEGIN")  # what is written meanwhile is not looked at
        try:
            problem = _follow(database, walk, stop)
        except sqlite3.Error as error:
            last = walk.head.seq
            problem = Problem(last + 1, "unreadable", f"what follows after row {last} can't be read: {error}")
    return Verdict(problem, walk.rows, walk.first, walk.head, time.monotonic() - began)


def _follow(database: sqlite3.Connection, walk: Walk, stop: Callable[[], bool]) -> Problem | None:
    rows = database.execute(_ROWS)
    while batch := rows.fetchmany(BATCH):
        for *values, digest in batch:
            problem = walk.step(values, digest)
            if problem is not None:
                number = _written_as(database, values, digest, stop) if problem.what == "changed" else None
                if number is None:
                    return problem
                sentence = f"row {problem.seq} is not in its place: it was written as row {number}"
                return replace(problem, what="order", message=sentence)
        _rest(stop)
    return walk.end(audit_store.counted(database))


def _rest(stop: Callable[[], bool]) -> None:
    if stop():
        raise OSError("cannot go on verifying: the agent ends, or nobody waits for it any more")
    time.sleep(REST)


def _written_as(
    database: sqlite3.Connection, values: list[chain.Value], digest: str, stop: Callable[[], bool]
) -> int | None:
    def others() -> Iterator[tuple[int, str]]:
        rows = database.execute("SELECT seq, hash FROM audit ORDER BY seq")
        while batch := rows.fetchmany(BATCH):
            yield from batch
            _rest(stop)

    try:
        return chain.written_as(values, digest, others())
    except ValueError:  # it can't be a row as it is
        return None
