"""The audit trail in SQLite: append-only, written by one thread, never in the event loop's way.

A finished action counts as recorded when its transaction is on the disk (WAL, synchronous=FULL), so neither SIGKILL nor
a power cut takes back what was acknowledged. That an action was requested is handed to the kernel before the action
begins, which SIGKILL can't take back either, and is on the disk with the next finished one. When writing fails, rows
wait in memory for the disk to recover and the failure is reported; the agent goes on controlling services meanwhile.

Rows are chained where they are written, in the writer's thread. It knows the newest row by heart, so that a database
which somebody else has changed meanwhile is reported and its chain broken for all to see.
"""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import audit_retention, audit_store, audit_verify
from .ports import BrokenTrailError, Checkpoint
from .views import iso_seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from .chain import Head, Verdict
    from .model import Actor, AuditRow
    from .ports import AuditQuery

UNWRITTEN_MOST = 10_000
SENTENCES_MOST = 500
RETRY_SECONDS = 5.0


_Entry = tuple["AuditRow", "asyncio.Future[bool]"]


@dataclass(frozen=True, slots=True)
class _Prune:
    """Asks the writer for a checkpoint."""

    before: float
    who: Actor
    done: asyncio.Future[Checkpoint]


class SqliteAudit:
    """ports.Audit. ``report`` is called in the event loop with a sentence when writing starts to fail, and with an
    empty text when it works again; ``journal`` in the writer's thread, for every finished row, with its place in the
    chain, or None where the disk has not taken it."""

    def __init__(
        self, path: Path, report: Callable[[str], None], journal: Callable[[AuditRow, Head | None], None]
    ) -> None:
        self._path = path
        self._report = report
        self._journal = journal
        self._loop = asyncio.get_running_loop()
        self._queue: queue.SimpleQueue[_Entry | _Prune | None] = queue.SimpleQueue()
        self._unwritten: deque[AuditRow] = deque(maxlen=UNWRITTEN_MOST)
        self._sentences: dict[str, deque[str]] = {}
        self._database: sqlite3.Connection | None = None
        self._head: Head | None = None
        self._tried: tuple[list[AuditRow], Head] | None = None
        self._verifying = asyncio.Lock()
        self._verdict: tuple[float, Head | None, Verdict] | None = None
        self._closing = False
        self._failing = ""
        self._changed = ""
        self._said = ""
        self._open_and_recover()
        self._thread = threading.Thread(target=self._write_forever, name="audit", daemon=True)
        self._thread.start()

    # -- the event loop's side

    async def append(self, row: AuditRow) -> bool:
        if row.sentence:
            self._remember(row)
        stored: asyncio.Future[bool] = self._loop.create_future()
        self._queue.put((row, stored))
        return await stored

    def sentences(self, service: str) -> list[str]:
        return list(self._sentences.get(service, ()))

    @property
    def unwritten(self) -> int:
        """How many rows wait in memory because the disk did not take them."""
        return len(self._unwritten)

    @property
    def failing(self) -> str:
        """Why rows can't be written, empty while they can."""
        return self._failing

    async def rows(self, query: AuditQuery, limit: int, before: int | None = None) -> list[tuple[int, AuditRow]]:
        """The newest rows first, at most ``limit``, with numbers below ``before``.

        Raises:
            OSError: the database can't be read.
        """
        return await asyncio.to_thread(audit_store.newest, self._path, query, limit, before)

    async def extent(self, query: AuditQuery) -> tuple[int, int]:
        """How many rows a query finds now, and the highest number among them, 0 for none; raises OSError."""
        return await asyncio.to_thread(audit_store.extent, self._path, query)

    async def export(self, query: AuditQuery, after: int, through: int, limit: int) -> list[tuple[int, bytes]]:
        """Rows as lines of JSON, oldest first; raises OSError."""
        return await asyncio.to_thread(audit_store.export, self._path, query, after, through, limit)

    async def verify(self, expected: Head | None = None) -> Verdict:
        """Walk the chain in a thread, one walk at a time; who asks the same meanwhile shares the next answer.

        Raises:
            OSError: the database can't be read.
        """
        asked = time.monotonic()
        async with self._verifying:
            if self._verdict is None or self._verdict[0] < asked or self._verdict[1] != expected:
                began, stop = time.monotonic(), threading.Event()
                try:
                    verdict = await asyncio.to_thread(
                        audit_verify.verify, self._path, expected, lambda: stop.is_set() or self._closing
                    )
                finally:
                    stop.set()
                self._verdict = began, expected, verdict
            return self._verdict[2]

    async def checkpoint(self, before: float, who: Actor) -> Checkpoint:
        """Remove the rows before a time (seconds since the epoch) from the beginning, signed off by ``who``.

        Raises:
            BrokenTrailError: the trail is not as it was written, which nobody should sign.
            OSError: the database can't be read or written now.
        """
        verdict = await self.verify()
        if verdict.problem is not None:
            raise BrokenTrailError(verdict.problem)
        done: asyncio.Future[Checkpoint] = self._loop.create_future()
        self._queue.put(_Prune(before, who, done))
        return await done

    def replay(self, actions: Sequence[str], limit: int) -> list[AuditRow]:
        """The newest ``limit`` rows of these actions, oldest first, before them what was carried over a checkpoint.

        For the start: it reads while others wait. Empty when it can't, which is reported.
        """
        return self._read_at_start(lambda: audit_store.replay(self._path, actions, limit))

    def interrupted(self) -> list[AuditRow]:
        """The requests of earlier runs that never got a finish: what the agent was doing when it was killed."""
        return self._read_at_start(lambda: audit_store.open_requests(self._path))

    def _read_at_start(self, read: Callable[[], list[AuditRow]]) -> list[AuditRow]:
        if self._database is None:
            return []
        try:
            return read()
        except OSError as error:
            self._failing = str(error)
            self._loop.call_soon(self._say)
            return []

    def close(self) -> None:
        """Write what waits and stop the thread."""
        self._closing = True
        self._queue.put(None)
        self._thread.join(10)

    def _remember(self, row: AuditRow) -> None:
        log = self._sentences.setdefault(row.service, deque(maxlen=SENTENCES_MOST))
        log.append(f"{iso_seconds(row.at)} | {row.sentence}")

    # -- the writer's side

    def _open_and_recover(self) -> None:
        """Open the database, close what an earlier run left open, and load the action log.

        A database that can't be opened now is tried again with every write; one of another version stops the agent.
        """
        self._loop.call_soon(self._say)
        try:
            database = self._connect()
            rows = audit_store.with_sentences(database, SENTENCES_MOST)
        except (sqlite3.Error, OSError) as error:
            self._failing = f"the audit trail can't be opened: {error}"
            return
        for row in rows:
            self._remember(row)

    def _connect(self) -> sqlite3.Connection:
        if self._database is not None:
            return self._database
        database = sqlite3.connect(self._path, check_same_thread=False, isolation_level=None, timeout=2)
        try:
            audit_store.prepare(database, self._path)
            self._follow(database)
        except BaseException:
            database.close()
            raise
        self._database = database
        return database

    def _follow(self, database: sqlite3.Connection) -> Head:
        """The newest row, which the next one follows on; takes note when somebody else has changed it."""
        tried, self._tried = self._tried, None
        if tried is not None and audit_store.newest_head(database) == tried[1]:
            self._head = tried[1]  # the disk said no, but took it
            for row in tried[0]:
                if self._unwritten and self._unwritten[0] is row:
                    self._unwritten.popleft()
        head, changed = audit_store.next_head(database, self._head)
        if changed:
            self._changed = f"the audit trail was changed by somebody else: {changed}"
        self._head = head
        return head

    def _write_forever(self) -> None:
        while True:
            try:
                first = self._queue.get(timeout=RETRY_SECONDS if self._unwritten else None)
            except queue.Empty:
                self._write([])
                continue
            batch = [first]
            while not self._queue.empty():
                batch.append(self._queue.get())
            self._write([entry for entry in batch if isinstance(entry, tuple)])
            for entry in batch:
                if isinstance(entry, _Prune):
                    self._prune(entry)
            if None in batch:
                if self._database is not None:
                    self._database.close()
                return

    def _write(self, batch: list[_Entry]) -> None:
        if not (batch or self._unwritten):
            return
        failing = ""
        rows: list[AuditRow] = []
        heads: list[Head] = []
        try:
            database = self._connect()
            rows = [*self._unwritten, *(row for row, _ in batch)]
            begins_only = all(row.phase == "requested" for row in rows)
            database.execute(f"PRAGMA synchronous = {'NORMAL' if begins_only else 'FULL'}")
            with audit_store.writing(database):
                heads = audit_store.append(database, self._follow(database), rows)
        except Exception as error:  # whatever it was, the thread goes on: every action waits for it
            failing = f"the audit trail can't be written: {error}"
            self._unwritten.extend(row for row, _ in batch)
            self._tried = (rows, heads[-1]) if heads else None
            self._forget_connection()
        else:
            self._head = heads[-1] if heads else self._head
            self._unwritten.clear()
        self._loop.call_soon_threadsafe(self._settle, failing, [stored for _, stored in batch])
        places = [None] * len(batch) if failing else heads[len(heads) - len(batch) :]
        for (row, _), place in zip(batch, places, strict=True):
            if row.phase == "finished":
                self._journal(row, place)

    def _prune(self, asked: _Prune) -> None:
        """Make a checkpoint; the one who asked is told how it went, the trail goes on in any case."""
        made: Checkpoint | None = None
        try:
            database = self._connect()
            database.execute("PRAGMA synchronous = FULL")
            with audit_store.writing(database):
                last = self._follow(database)
                made, row = audit_retention.checkpoint(database, last, asked.before, asked.who)
        except Exception as error:  # as in _write
            self._tried = ([], made.head) if made is not None else None
            self._forget_connection()
            refused = OSError(f"cannot remove old rows of the audit trail: {error}")
            self._loop.call_soon_threadsafe(_settle, asked.done, refused)
            return
        self._head = made.head
        self._loop.call_soon_threadsafe(_settle, asked.done, made)
        if row is not None:
            self._journal(row, made.head)

    def _forget_connection(self) -> None:
        """After an error the next try begins with a fresh connection."""
        database, self._database = self._database, None
        if database is not None:
            try:
                database.close()
            except sqlite3.Error:
                return

    def _settle(self, failing: str, stored: list[asyncio.Future[bool]]) -> None:
        for future in stored:
            if not future.done():
                future.set_result(not failing)
        self._failing = failing
        self._say()

    def _say(self) -> None:
        """Report what is wrong when that is news."""
        problem = "; ".join(filter(None, (self._failing, self._changed)))
        if problem != self._said:
            self._said = problem
            self._report(problem)


def _settle(done: asyncio.Future[Checkpoint], result: Checkpoint | OSError) -> None:
    if done.done():  # nobody waits any more
        return
    if isinstance(result, OSError):
        done.set_exception(result)
    else:
        done.set_result(result)
