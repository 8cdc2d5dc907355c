"""The audit trail's database: its schema, and what is read from it and written to it. Nothing here keeps a state."""

from __future__ import annotations

import contextlib
import json
import math
import sqlite3
import time
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from . import access, chain
from .chain import EMPTY, Head
from .model import Actor, AuditRow
from .ports import AuditQuery, SchemaError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

SCHEMA_VERSION = 2
_INDEXES = """
CREATE INDEX audit_log ON audit (service, seq) WHERE sentence != '';
CREATE INDEX audit_action ON audit (action_id);
CREATE INDEX audit_incident ON audit (incident, seq) WHERE incident != '';
"""
SCHEMA = f"""
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
    duration REAL,
    incident TEXT NOT NULL DEFAULT '',
    detail TEXT NOT NULL DEFAULT '{{}}',
    hash TEXT NOT NULL DEFAULT ''
) STRICT;
{_INDEXES}
"""
_FROM_1 = (
    "ALTER TABLE audit ADD COLUMN incident TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE audit ADD COLUMN detail TEXT NOT NULL DEFAULT '{}'",
    "ALTER TABLE audit ADD COLUMN hash TEXT NOT NULL DEFAULT ''",
    "CREATE INDEX audit_incident ON audit (incident, seq) WHERE incident != ''",
)
NAMES = tuple(name for name, _ in chain.COLUMNS)
COLUMNS = ", ".join(NAMES)
INSERT = f"INSERT INTO audit ({COLUMNS}, hash) VALUES ({', '.join('?' * (len(NAMES) + 1))})"  # noqa: S608
OPEN_ACTIONS = "phase = 'requested' AND action_id NOT IN (SELECT action_id FROM audit WHERE phase = 'finished')"
BATCH = 1000
"""Rows that a migration holds in memory at once."""


# -- rows as values


def canonical(detail: Mapping[str, Any]) -> str:
    """JSON as one text: keys in order, no blanks, ASCII. What is no JSON is kept as far as it can be."""
    try:
        return json.dumps(detail, sort_keys=True, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError):  # a row is never refused for what it holds
        return json.dumps({"unreadable": repr(detail)[:2000]}, separators=(",", ":"))


def _storable(value: Any) -> Any:
    """As SQLite gives it back: half a character would be refused, and with it all rows that wait beside it."""
    if isinstance(value, str):
        return value.encode(errors="replace").decode()
    if isinstance(value, float):
        return value + 0.0 if math.isfinite(value) else None
    return value


def values_of(row: AuditRow) -> tuple[Any, ...]:
    """A row without its number."""
    who = row.actor
    at = float(row.at) if math.isfinite(row.at) else 0.0
    values = (
        *(row.action_id, row.phase, at, row.action, row.service),
        *(who.uid, who.user, who.pid, who.pid_started, who.program, who.door, who.note),
        *(row.outcome, row.reason, row.sentence, row.job_id, row.invocation_id),
        *(None if row.duration is None else float(row.duration), row.incident, canonical(row.detail)),
    )
    return tuple(map(_storable, values))


def row_of(values: Sequence[Any]) -> AuditRow:
    """The row of such values."""
    action_id, phase, at, action, service, uid, user, pid, started, program, door, note, *rest, detail = values
    try:
        read = json.loads(detail)
    except ValueError:  # somebody has changed it; GET /audit shows the rest all the same
        read = None
    who = Actor(uid, user, pid, started, program, door, note)
    row = AuditRow(action_id, phase, at, action, service, who, *rest)
    return replace(row, detail=read) if isinstance(read, dict) and read else row


# -- writing


def prepare(database: sqlite3.Connection, path: Path) -> None:
    """Give a fresh database its schema, and one of the schema before its hashes.

    Raises:
        SchemaError: a newer agent wrote it.
    """
    database.execute("PRAGMA journal_mode = WAL")
    (version,) = database.execute("PRAGMA user_version").fetchone()
    if version > SCHEMA_VERSION:
        raise SchemaError(
            f"{path} was written by a newer agent (schema {version}, this one knows {SCHEMA_VERSION});"
            " install that version again, or move the file away to begin a new audit trail"
        )
    if version == 0:
        database.executescript(f"BEGIN; {SCHEMA} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;")
    if version == 1:
        with writing(database):
            _migrate(database)


@contextlib.contextmanager
def writing(database: sqlite3.Connection) -> Iterator[None]:
    """A transaction: all of it is stored, or nothing."""
    database.execute("BEGIN IMMEDIATE")
    try:
        yield
        database.execute("COMMIT")
    except BaseException:
        if database.in_transaction:
            database.execute("ROLLBACK")
        raise


def _migrate(database: sqlite3.Connection) -> None:
    for statement in _FROM_1:
        database.execute(statement)
    last, count = EMPTY, 0
    while batch := database.execute(
        f"SELECT {COLUMNS} FROM audit WHERE seq > ? ORDER BY seq LIMIT ?",  # noqa: S608
        (last.seq, BATCH),
    ).fetchall():
        for values in batch:
            last = Head(values[0], chain.link(last.hash, values))
            database.execute("UPDATE audit SET hash = ? WHERE seq = ?", (last.hash, last.seq))
        count += len(batch)
    detail = {"from": 1, "to": SCHEMA_VERSION, "rows": count}
    append(database, next_head(database, None)[0], [noted("audit-migrated", access.agent_actor(), detail)])
    database.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def noted(action: str, who: Actor, detail: Mapping[str, Any]) -> AuditRow:
    """A fact about the trail itself."""
    return AuditRow(uuid.uuid4().hex, "noted", time.time(), action, "", who, detail=detail)


def append(database: sqlite3.Connection, last: Head, rows: Iterable[AuditRow]) -> list[Head]:
    """Write rows after ``last``, in order, in the transaction that is open; the heads that they make."""
    heads = [last]
    for row in rows:
        values = (heads[-1].seq + 1, *values_of(row))
        heads.append(Head(heads[-1].seq + 1, chain.link(heads[-1].hash, values)))
        database.execute(INSERT, (*values, heads[-1].hash))
    return heads[1:]


def next_head(database: sqlite3.Connection, known: Head | None) -> tuple[Head, str]:
    """What the next row follows on; a sentence when the database is not as this agent left it (``known``).

    A number that was given once is not given again, so that a tail which was cut off leaves a gap. Where the newest
    row has been changed, the next one follows on what it was, so that the change stays visible.
    """
    last = newest_head(database)
    highest = max(last.seq, counted(database))
    here = Head(highest, last.hash)
    if known is None:
        cut = f"{chain.rows_text(last.seq + 1, highest)} missing from its end" if highest > last.seq else ""
        return here, cut
    if known in (here, EMPTY) or highest == 0:
        return here, ""
    same = database.execute("SELECT 1 FROM audit WHERE seq = ? AND hash = ?", (known.seq, known.hash)).fetchone()
    if same:
        return here, f"rows after row {known.seq} were added by another program"
    return Head(max(highest, known.seq), known.hash), f"row {known.seq} was changed or removed"


def newest_head(database: sqlite3.Connection) -> Head:
    found = database.execute("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1").fetchone()
    return Head(*found) if found else EMPTY


def counted(database: sqlite3.Connection) -> int:
    """The highest number ever given to a row, sqlite.org/autoinc.html."""
    found = database.execute("SELECT max(seq) FROM sqlite_sequence WHERE name = 'audit'").fetchone()
    return int(found[0] or 0)


# -- reading


@contextlib.contextmanager
def reading(path: Path, errors: str = "replace") -> Iterator[sqlite3.Connection]:
    """A connection of one's own that can only read. ``errors``: what becomes of texts that are no UTF-8.

    Raises:
        OSError: it can't be read, there and in the body.
    """
    try:
        with contextlib.closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as database:
            database.text_factory = lambda raw: raw.decode(errors=errors)
            yield database
    except sqlite3.Error as error:
        raise OSError(f"cannot read the audit trail: {error}") from error


def any_of(actions: Sequence[str]) -> tuple[str, list[str]]:
    """A condition for actions by name, or by how the name begins: ``breaker-*``."""
    parts = ["action GLOB ?" if action.endswith("*") else "action = ?" for action in actions]
    return f"({' OR '.join(parts)})", list(actions)


def where(query: AuditQuery) -> tuple[str, list[Any]]:
    """The condition of a query and its values."""
    parts, values = ["1"], list[Any]()
    for condition, value in (
        ("service = ?", query.service or None),
        ("user = ?", query.user or None),
        ("incident != '' AND incident = ?", query.incident or None),
        ("at >= ?", query.since),
        ("at < ?", query.until),
    ):
        if value is not None:
            parts.append(condition)
            values.append(value)
    if query.actions:
        part, names = any_of(query.actions)
        parts.append(part)
        values += names
    return " AND ".join(parts), values


def newest(path: Path, query: AuditQuery, limit: int, before: int | None) -> list[tuple[int, AuditRow]]:
    condition, values = where(query)
    if before is not None:
        condition += " AND seq < ?"
        values.append(before)
    text = f"SELECT {COLUMNS} FROM audit WHERE {condition} ORDER BY seq DESC LIMIT ?"  # noqa: S608
    with reading(path) as database:
        return [(found[0], row_of(found[1:])) for found in database.execute(text, (*values, limit))]


def extent(path: Path, query: AuditQuery) -> tuple[int, int]:
    """How many rows a query finds, and the highest number among them, 0 for none."""
    condition, values = where(query)
    with reading(path) as database:
        found = database.execute(f"SELECT count(*), max(seq) FROM audit WHERE {condition}", values).fetchone()  # noqa: S608
        return int(found[0]), int(found[1] or 0)


def export(path: Path, query: AuditQuery, after: int, through: int, limit: int) -> list[tuple[int, bytes]]:
    """Rows with their hashes as lines of JSON, oldest first, each value as the hash covers it."""
    condition, values = where(query)
    text = (
        f"SELECT {COLUMNS}, hash FROM audit WHERE {condition} AND seq > ? AND seq <= ?"  # noqa: S608
        " ORDER BY seq LIMIT ?"
    )
    names = (*NAMES, "hash")
    with reading(path, "surrogateescape") as database:
        return [
            (found[0], json.dumps(dict(zip(names, found, strict=True))).encode() + b"\n")
            for found in database.execute(text, (*values, after, through, limit))
        ]


def open_requests(path: Path) -> list[AuditRow]:
    """The requests that never got a finish, oldest first."""
    with reading(path) as database:
        text = f"SELECT {COLUMNS} FROM audit WHERE {OPEN_ACTIONS} ORDER BY seq"  # noqa: S608
        return [row_of(values[1:]) for values in database.execute(text)]


def with_sentences(database: sqlite3.Connection, most: int) -> list[AuditRow]:
    """The newest ``most`` rows of each service that the action log shows, oldest first."""
    text = (
        f"SELECT {COLUMNS} FROM (SELECT {COLUMNS}, row_number() OVER"  # noqa: S608
        " (PARTITION BY service ORDER BY seq DESC) AS newest FROM audit WHERE sentence != '')"
        " WHERE newest <= ? ORDER BY seq"
    )
    return [row_of(values[1:]) for values in database.execute(text, (most,))]


def carried(database: sqlite3.Connection) -> list[list[Any]]:
    """The values of the rows that the newest checkpoint has carried forward, oldest first; none without one."""
    first = database.execute("SELECT min(seq) FROM audit").fetchone()[0] or 1
    found = None
    if first > 1:
        found = database.execute(
            "SELECT detail FROM audit WHERE action = ? AND phase = 'noted' ORDER BY seq DESC LIMIT 1",
            (chain.CHECKPOINT,),
        ).fetchone()
    if found is None:
        return []
    try:
        kept = json.loads(found[0])["carried"]
        return [[one[name] for name in NAMES] for one in kept]
    except (ValueError, KeyError, TypeError):  # somebody has changed it: verify says so
        return []


def replay(path: Path, actions: Sequence[str], limit: int) -> list[AuditRow]:
    """The newest ``limit`` rows of these actions, and before them what was carried over a checkpoint, oldest first."""
    condition, names = any_of(actions)
    text = f"SELECT {COLUMNS} FROM audit WHERE {condition} ORDER BY seq DESC LIMIT ?"  # noqa: S608
    with reading(path) as database:
        found = [row_of(values[1:]) for values in database.execute(text, (*names, limit))]
        old = [row_of(values[1:]) for values in carried(database)]
    return [*(row for row in old if _is_one_of(row.action, actions)), *reversed(found)]


def _is_one_of(action: str, names: Sequence[str]) -> bool:
    return any(action.startswith(name[:-1]) if name.endswith("*") else action == name for name in names)
