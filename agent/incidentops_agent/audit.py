"""The audit trail in SQLite: append-only, written by one thread, never in the event loop's way.

A finished action counts as recorded when its transaction is on the disk (WAL, synchronous=FULL), so neither SIGKILL nor
a power cut takes back what was acknowledged. That an action was requested is handed to the kernel before the action
begins, which SIGKILL can't take back either, and is on the disk with the next finished one. When writing fails, rows
wait in memory for the disk to recover and the failure is reported; the agent goes on controlling services meanwhile.
"""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
from collections import deque
from typing import TYPE_CHECKING, Any

from .model import Actor, AuditRow
from .ports import SchemaError
from .views import iso_seconds

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SCHEMA_VERSION = 1
SCHEMA = """
CREATE TABLE audit (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    action_id TEXT NOT NULL,
    phase TEXT NOT NULL,
    at REAL NOT NULL,
    action TEXT NOT NULL,
    service TEXT NOT NULL,
    uid INTEGER,
    user TEXT NOT NULL,
    pid INTEGER,
    pid_started INTEGER,
    program TEXT NOT NULL,
    door TEXT NOT NULL,
    note TEXT NOT NULL,
    outcome TEXT NOT NULL,
    reason TEXT NOT NULL,
    sentence TEXT NOT NULL,
    job_id INTEGER,
    invocation_id TEXT NOT NULL,
    duration REAL
) STRICT;
CREATE INDEX audit_log ON audit (service, seq) WHERE sentence != '';
CREATE INDEX audit_action ON audit (action_id);
"""
COLUMNS = (
    "action_id, phase, at, action, service, uid, user, pid, pid_started, program, door, note,"
    " outcome, reason, sentence, job_id, invocation_id, duration"
)
INSERT = f"INSERT INTO audit ({COLUMNS}) VALUES ({', '.join('?' * len(COLUMNS.split(',')))})"  # noqa: S608

UNWRITTEN_MOST = 10_000
SENTENCES_MOST = 500
RETRY_SECONDS = 5.0


def _values(row: AuditRow) -> tuple[Any, ...]:
    who = row.actor
    values = (
        *(row.action_id, row.phase, row.at, row.action, row.service),
        *(who.uid, who.user, who.pid, who.pid_started, who.program, who.door, who.note),
        *(row.outcome, row.reason, row.sentence, row.job_id, row.invocation_id, row.duration),
    )
    # A text that holds half a character would be refused, and with it all rows that wait beside it.
    return tuple(value.encode(errors="replace").decode() if isinstance(value, str) else value for value in values)


def _row(values: tuple[Any, ...]) -> AuditRow:
    action_id, phase, at, action, service, uid, user, pid, started, program, door, note, *rest = values
    return AuditRow(action_id, phase, at, action, service, Actor(uid, user, pid, started, program, door, note), *rest)


class SqliteAudit:
    """ports.Audit. ``report`` is called in the event loop with a sentence when writing starts to fail, and with an
    empty text when it works again; ``journal`` in the writer's thread, for every finished row."""

    def __init__(self, path: Path, report: Callable[[str], None], journal: Callable[[AuditRow], None]) -> None:
        self._path = path
        self._report = report
        self._journal = journal
        self._loop = asyncio.get_running_loop()
        self._queue: queue.SimpleQueue[tuple[AuditRow, asyncio.Future[bool]] | None] = queue.SimpleQueue()
        self._unwritten: deque[AuditRow] = deque(maxlen=UNWRITTEN_MOST)
        self._sentences: dict[str, deque[str]] = {}
        self._database: sqlite3.Connection | None = None
        self._failing = ""
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

    async def rows(self, service: str | None, limit: int, before: int | None) -> list[tuple[int, AuditRow]]:
        """The newest rows first, at most ``limit``, with numbers below ``before``.

        Raises:
            OSError: the database can't be read.
        """
        return await asyncio.to_thread(self._read_rows, service, limit, before)

    def close(self) -> None:
        """Write what waits and stop the thread."""
        self._queue.put(None)
        self._thread.join(10)

    def _remember(self, row: AuditRow) -> None:
        log = self._sentences.setdefault(row.service, deque(maxlen=SENTENCES_MOST))
        log.append(f"{iso_seconds(row.at)} | {row.sentence}")

    def _read_rows(self, service: str | None, limit: int, before: int | None) -> list[tuple[int, AuditRow]]:
        where, values = ["1"], []
        if service is not None:
            where.append("service = ?")
            values.append(service)
        if before is not None:
            where.append("seq < ?")
            values.append(str(before))
        text = f"SELECT seq, {COLUMNS} FROM audit WHERE {' AND '.join(where)} ORDER BY seq DESC LIMIT ?"  # noqa: S608
        try:
            database = sqlite3.connect(f"file:{self._path}?mode=ro", uri=True)
            try:
                found = database.execute(text, (*values, limit)).fetchall()
            finally:
                database.close()
        except sqlite3.Error as error:
            raise OSError(f"cannot read the audit trail: {error}") from error
        return [(values[0], _row(values[1:])) for values in found]

    # -- the writer's side

    def _open_and_recover(self) -> None:
        """Open the database, close what an earlier run left open, and load the action log.

        A database that can't be opened now is tried again with every write; one of another version stops the agent.
        """
        try:
            database = self._connect()
            rows = database.execute(
                f"SELECT {COLUMNS} FROM (SELECT seq, {COLUMNS}, row_number() OVER"  # noqa: S608
                " (PARTITION BY service ORDER BY seq DESC) AS newest FROM audit WHERE sentence != '')"
                " WHERE newest <= ? ORDER BY seq",
                (SENTENCES_MOST,),
            ).fetchall()
        except (sqlite3.Error, OSError) as error:
            self._failing = f"the audit trail can't be opened: {error}"
            self._loop.call_soon(self._report, self._failing)
            return
        for values in rows:
            self._remember(_row(values))

    def interrupted(self) -> list[AuditRow]:
        """The requests of earlier runs that never got a finish: what the agent was doing when it was killed."""
        if self._database is None:
            return []
        try:
            return self._read_interrupted()
        except sqlite3.Error as error:
            self._failing = f"the audit trail can't be read: {error}"
            self._loop.call_soon(self._report, self._failing)
            return []

    def _read_interrupted(self) -> list[AuditRow]:
        text = (
            f"SELECT {COLUMNS} FROM audit WHERE phase = 'requested' AND action_id NOT IN"  # noqa: S608
            " (SELECT action_id FROM audit WHERE phase = 'finished') ORDER BY seq"
        )
        database = sqlite3.connect(f"file:{self._path}?mode=ro", uri=True)
        try:
            return [_row(values) for values in database.execute(text)]
        finally:
            database.close()

    def _connect(self) -> sqlite3.Connection:
        if self._database is not None:
            return self._database
        database = sqlite3.connect(self._path, check_same_thread=False, isolation_level=None, timeout=2)
        try:
            self._prepare(database)
        except BaseException:
            database.close()
            raise
        self._database = database
        return database

    def _prepare(self, database: sqlite3.Connection) -> None:
        database.execute("PRAGMA journal_mode = WAL")
        (version,) = database.execute("PRAGMA user_version").fetchone()
        if version > SCHEMA_VERSION:
            raise SchemaError(
                f"{self._path} was written by a newer agent (schema {version}, this one knows {SCHEMA_VERSION});"
                " install that version again, or move the file away to begin a new audit trail"
            )
        if version == 0:
            database.executescript(f"BEGIN; {SCHEMA} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;")

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
            self._write([entry for entry in batch if entry is not None])
            if None in batch:
                if self._database is not None:
                    self._database.close()
                return

    def _write(self, batch: list[tuple[AuditRow, asyncio.Future[bool]]]) -> None:
        rows = [*self._unwritten, *(row for row, _ in batch)]
        failing = ""
        try:
            database = self._connect()
            begins_only = all(row.phase == "requested" for row in rows)
            database.execute(f"PRAGMA synchronous = {'NORMAL' if begins_only else 'FULL'}")
            database.execute("BEGIN IMMEDIATE")
            try:
                database.executemany(INSERT, map(_values, rows))
                database.execute("COMMIT")
            except BaseException:
                if database.in_transaction:
                    database.execute("ROLLBACK")
                raise
        except Exception as error:  # whatever it was, the thread goes on: every action waits for it
            failing = f"the audit trail can't be written: {error}"
            self._unwritten.extend(row for row, _ in batch)
            self._forget_connection()
        else:
            self._unwritten.clear()
        self._loop.call_soon_threadsafe(self._settle, failing, [stored for _, stored in batch])
        for row, _ in batch:
            if row.phase == "finished":
                self._journal(row)

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
        if failing != self._failing:
            self._failing = failing
            self._report(failing)
