"""The hash chain of the audit trail: each row's hash covers the row before it, so that no row changes unseen.

incidentops-audit(5) describes the encoding for those who check a trail with a program of their own; cli/checking.py
is one.
"""

from __future__ import annotations

import hashlib
import json
import re
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    Value = str | int | float | None

GENESIS = "0" * 64
"""What stands for the hash before the first row."""

COLUMNS = (
    ("seq", "whole"),
    ("action_id", "text"),
    ("phase", "text"),
    ("at", "real"),
    ("action", "text"),
    ("service", "text"),
    ("uid", "whole"),
    ("user", "text"),
    ("pid", "whole"),
    ("pid_started", "whole"),
    ("program", "text"),
    ("door", "text"),
    ("note", "text"),
    ("outcome", "text"),
    ("reason", "text"),
    ("sentence", "text"),
    ("job_id", "whole"),
    ("invocation_id", "text"),
    ("duration", "real"),
    ("incident", "text"),
    ("detail", "text"),
)
"""The values that a hash covers, in this order, and their kinds."""

_NAMES = tuple(name for name, _ in COLUMNS)
_PHASE, _ACTION, _DETAIL = _NAMES.index("phase"), _NAMES.index("action"), _NAMES.index("detail")
CHECKPOINT = "checkpoint"
"""The action of the row that signs off what was removed from the beginning."""


def _bytes(value: Value, kind: str) -> tuple[str, bytes]:
    if value is None:
        return "n", b""
    if kind == "text" and isinstance(value, str):
        return "t", value.encode(errors="surrogateescape")
    if kind == "real" and isinstance(value, float):
        return "r", struct.pack(">d", value).hex().encode()
    if kind == "whole" and isinstance(value, int) and not isinstance(value, bool):
        return "w", str(value).encode()
    raise ValueError(f"{value!r:.50} is no {kind}")


def encode(values: Sequence[Value]) -> bytes:
    """A row's values so that no two rows look the same: for each a letter, the length of its bytes, a colon, the bytes.

    Raises:
        ValueError: a value is of another kind than its column.
    """
    parts = []
    for (name, kind), value in zip(COLUMNS, values, strict=True):
        try:
            tag, data = _bytes(value, kind)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from error
        parts.append(b"%s%d:%s" % (tag.encode(), len(data), data))
    return b"".join(parts)


def link(previous: str, values: Sequence[Value]) -> str:
    """The hash of a row: SHA-256, in hexadecimal, over the hash before it (its 64 characters) and its values."""
    return hashlib.sha256(previous.encode() + encode(values)).hexdigest()


@dataclass(frozen=True, slots=True)
class Head:
    """The newest row of a chain: who keeps it elsewhere can tell later that nothing was cut off."""

    seq: int
    hash: str

    def __str__(self) -> str:
        return f"{self.seq}:{self.hash}"


EMPTY = Head(0, GENESIS)


def head(text: str) -> Head | None:
    """A head as it is written, ``SEQ:HASH``; None for something else."""
    match = re.fullmatch(r"([0-9]{1,18}):([0-9a-f]{64})", text)
    return Head(int(match[1]), match[2]) if match else None


@dataclass(frozen=True, slots=True)
class Problem:
    """The first bad row. ``what``: changed, missing, order, beginning, end, head, unreadable; ``message`` is a
    sentence."""

    seq: int
    what: str
    message: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came out of a walk over ``rows`` rows, from number ``first`` (None without rows) to the head, or to what is
    bad. ``seconds`` is how long it took."""

    problem: Problem | None
    rows: int
    first: int | None
    head: Head
    seconds: float


@dataclass(frozen=True, slots=True)
class Signed:
    """What a checkpoint says: rows up to ``through`` are gone, and ``hash`` was the last one's."""

    through: int
    hash: str


def signed(values: Sequence[Value]) -> Signed | None:
    """The checkpoint that a row is; None when it is none."""
    if (values[_ACTION], values[_PHASE]) != (CHECKPOINT, "noted"):
        return None
    try:
        detail: Mapping[str, Any] = json.loads(str(values[_DETAIL]))
        return Signed(int(detail["through"]), str(detail["hash"]))
    except (ValueError, KeyError, TypeError):
        return None


def rows_text(first: int, last: int) -> str:
    return f"row {first} is" if first == last else f"rows {first} to {last} are"


def sentence(verdict: Verdict) -> str:
    """A verdict for a person."""
    if verdict.problem is not None:
        return f"the audit trail does not hold: {verdict.problem.message}"
    if verdict.first is None:
        return "the audit trail holds: it has no rows yet"
    begin = f"row {verdict.first}" + (", as a checkpoint says," if verdict.first > 1 else "")
    return f"the audit trail holds: {verdict.rows} rows from {begin} to row {verdict.head.seq}"


class Walk:
    """Follows a chain from its oldest row to its newest; ``expected`` is a head that somebody has kept.

    When the beginning was removed, the newest checkpoint, which comes late, says what the first row follows on: its
    own hash is taken as given until the end.
    """

    def __init__(self, expected: Head | None = None) -> None:
        self._expected = expected
        self._signed: Signed | None = None
        self._first_row: tuple[Sequence[Value], str] | None = None
        self.first: int | None = None
        self.head = EMPTY
        self.rows = 0

    def step(self, values: Sequence[Value], digest: str) -> Problem | None:
        """The next row, ``seq`` first among its values, and its hash; what is wrong with it."""
        seq = values[0]
        if not isinstance(seq, int) or seq < 1:
            sentence = f"a row after row {self.head.seq} has the number {seq!r:.30}, which is never given"
            return Problem(self.head.seq + 1, "changed", sentence)
        problem = self._check(seq, values, digest)
        if problem is None:
            self.first = seq if self.first is None else self.first
            self.head = Head(seq, digest)
            self.rows += 1
            self._signed = signed(values) or self._signed
            if self._expected is not None and seq == self._expected.seq and digest != self._expected.hash:
                return Problem(seq, "head", f"row {seq} has another hash than was expected: it was written anew")
        return problem

    def _check(self, seq: int, values: Sequence[Value], digest: str) -> Problem | None:
        last = self.head.seq
        if self.first is not None and seq <= last:
            return Problem(seq, "order", f"row {seq} comes after row {last}")
        if self.first is not None and seq != last + 1:
            return Problem(last + 1, "missing", f"{rows_text(last + 1, seq - 1)} missing")
        try:
            right = link(self.head.hash, values)
        except ValueError as error:
            return Problem(seq, "changed", f"row {seq} was changed: {error}")
        if self.first is None and seq != 1:
            self._first_row = (values, digest)
        elif right != digest:
            return Problem(seq, "changed", f"row {seq} was changed: its values and its hash don't fit together")
        return None

    def end(self, counted: int | None = None) -> Problem | None:
        """What is wrong with the whole. ``counted``: the highest number ever given, where it is known."""
        return self._check_beginning() or self._check_end(counted) or self._check_expected()

    def _check_beginning(self) -> Problem | None:
        through = self._signed.through if self._signed else 0
        if self.first is None or (self.first == 1 and not through):
            return None
        if not through:
            return Problem(
                1, "beginning", f"{rows_text(1, self.first - 1)} missing, and no checkpoint says that they may be"
            )
        if self.first != through + 1:
            sentence = f"the trail begins with row {self.first}, but its newest checkpoint says row {through + 1}"
            return Problem(min(self.first, through + 1), "beginning", sentence)
        assert self._signed is not None
        assert self._first_row is not None
        values, digest = self._first_row
        if link(self._signed.hash, values) != digest:
            return Problem(self.first, "changed", f"row {self.first} does not follow on what the checkpoint signed off")
        return None

    def _check_end(self, counted: int | None) -> Problem | None:
        last = self.head.seq
        if counted is None or counted == last:
            return None
        if counted > last:
            return Problem(last + 1, "end", f"{rows_text(last + 1, counted)} missing from the end")
        return Problem(last, "end", f"row {last} was added by another program: only {counted} were counted")

    def _check_expected(self) -> Problem | None:
        kept = self._expected
        if kept is None or (self.first is not None and self.first <= kept.seq <= self.head.seq):
            return None
        if kept.seq > self.head.seq:
            return Problem(
                self.head.seq + 1, "end", f"{rows_text(self.head.seq + 1, kept.seq)} missing from the end of the trail"
            )
        if kept == EMPTY or (self._signed is not None and kept == Head(self._signed.through, self._signed.hash)):
            return None
        sentence = f"row {kept.seq} can't be compared: the trail begins with row {self.first}"
        return Problem(kept.seq, "head", sentence)


def written_as(values: Sequence[Value], digest: str, others: Iterable[tuple[int, str]]) -> int | None:
    """The number under which a row was written that now has another; ``others`` are the numbers and hashes of all."""
    for seq, previous in others:
        for number in (seq + 1, seq):  # the row before it kept its number, or both were exchanged
            if number != values[0] and link(previous, (number, *values[1:])) == digest:
                return number
    return None
