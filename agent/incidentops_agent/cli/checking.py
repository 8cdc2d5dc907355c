"""Verifies an exported audit trail as incidentops-audit(5) describes it, without an agent."""

from __future__ import annotations

import hashlib
import json
import re
import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    Head = tuple[int, str]
    Problem = dict[str, Any]

GENESIS = "0" * 64

KINDS = {
    "seq": "whole",
    "action_id": "text",
    "phase": "text",
    "at": "real",
    "action": "text",
    "service": "text",
    "uid": "whole",
    "user": "text",
    "pid": "whole",
    "pid_started": "whole",
    "program": "text",
    "door": "text",
    "note": "text",
    "outcome": "text",
    "reason": "text",
    "sentence": "text",
    "job_id": "whole",
    "invocation_id": "text",
    "duration": "real",
    "incident": "text",
    "detail": "text",
}


def encoded(values: Sequence[Any]) -> bytes:
    """The bytes of a row's values; ValueError when one is of another kind than it must be."""
    parts = []
    for (name, kind), value in zip(KINDS.items(), values, strict=True):
        if value is None:
            tag, data = b"n", b""
        elif kind == "text" and isinstance(value, str):
            tag, data = b"t", value.encode(errors="surrogateescape")
        elif kind == "real" and isinstance(value, float):
            tag, data = b"r", struct.pack(">d", value).hex().encode()
        elif kind == "whole" and isinstance(value, int) and not isinstance(value, bool):
            tag, data = b"w", str(value).encode()
        else:
            raise ValueError(f"{name}: {value!r:.50} is no {kind}")
        parts.append(b"%s%d:%s" % (tag, len(data), data))
    return b"".join(parts)


def link(previous: str, values: Sequence[Any]) -> str:
    """The hash of a row that follows on one with the hash ``previous``."""
    return hashlib.sha256(previous.encode() + encoded(values)).hexdigest()


def head(text: str) -> Head | None:
    """SEQ:HASH; None for something else."""
    match = re.fullmatch(r"([0-9]{1,18}):([0-9a-f]{64})", text)
    return (int(match[1]), match[2]) if match else None


def _are(first: int, last: int) -> str:
    return f"row {first} is" if first == last else f"rows {first} to {last} are"


def _problem(seq: int, what: str, message: str) -> Problem:
    return {"seq": seq, "what": what, "message": message}


class Walk:
    """Along the chain. Where the beginning was removed, the first row is held against the newest checkpoint, which is
    known at the end."""

    def __init__(self, expected: Head | None) -> None:
        self.expected = expected
        self.first = 0
        self.last: Head = (0, GENESIS)
        self.rows = 0
        self._first_row: tuple[Sequence[Any], str] = ((), "")
        self._signed: Head | None = None

    def step(self, values: Sequence[Any], digest: str) -> Problem | None:
        """The next row; what is wrong with it."""
        seq, (last, previous) = values[0], self.last
        if not isinstance(seq, int) or seq < 1:
            return _problem(
                last + 1, "changed", f"a row after row {last} has the number {seq!r:.30}, which is never given"
            )
        if self.rows and seq <= last:
            return _problem(seq, "order", f"row {seq} comes after row {last}")
        if self.rows and seq != last + 1:
            return _problem(last + 1, "missing", f"{_are(last + 1, seq - 1)} missing")
        try:
            right = link(previous, values)
        except ValueError as error:
            return _problem(seq, "changed", f"row {seq} was changed: {error}")
        if not self.rows and seq != 1:
            self._first_row = (values, digest)
        elif right != digest:
            return _problem(seq, "changed", f"row {seq} was changed: its values and its hash don't fit together")
        self.first = self.first or seq
        self.last = (seq, digest)
        self.rows += 1
        self._signed = _signed(values) or self._signed
        if self.expected is not None and seq == self.expected[0] and digest != self.expected[1]:
            return _problem(seq, "head", f"row {seq} has another hash than was expected: it was written anew")
        return None

    def end(self) -> Problem | None:
        """What is wrong with the whole."""
        return self._beginning() or self._expected()

    def _beginning(self) -> Problem | None:
        through, digest = self._signed or (0, "")
        if not self.rows or self.first == 1 + through == 1:
            return None
        if not through:
            missing = f"{_are(1, self.first - 1)} missing, and no checkpoint says that they may be"
            return _problem(1, "beginning", missing)
        if self.first != through + 1:
            sentence = f"the trail begins with row {self.first}, but its newest checkpoint says row {through + 1}"
            return _problem(min(self.first, through + 1), "beginning", sentence)
        values, given = self._first_row
        if link(digest, values) != given:
            sentence = f"row {self.first} does not follow on what the checkpoint signed off"
            return _problem(self.first, "changed", sentence)
        return None

    def _expected(self) -> Problem | None:
        kept, last = self.expected, self.last[0]
        if kept is None or (self.rows and self.first <= kept[0] <= last):
            return None
        if kept[0] > last:
            return _problem(last + 1, "end", f"{_are(last + 1, kept[0])} missing from the end of the trail")
        if kept in ((0, GENESIS), self._signed):
            return None
        return _problem(
            kept[0], "head", f"row {kept[0]} can't be compared: the trail begins with row {self.first or None}"
        )


def _signed(values: Sequence[Any]) -> Head | None:
    """The last row that a checkpoint says is gone, and its hash."""
    row = dict(zip(KINDS, values, strict=True))
    if (row["action"], row["phase"]) != ("checkpoint", "noted"):
        return None
    try:
        detail = json.loads(row["detail"])
        return int(detail["through"]), str(detail["hash"])
    except (ValueError, KeyError, TypeError):
        return None


def _row(line: str) -> tuple[list[Any], str]:
    """Values and hash of a line; ValueError when it is no row."""
    row = json.loads(line)
    if not isinstance(row, dict) or set(row) != {*KINDS, "hash"}:
        raise ValueError
    for name, kind in KINDS.items():
        if kind == "real" and type(row[name]) is int:  # another program may have written 1.0 as 1
            row[name] = float(row[name])
    return [row[name] for name in KINDS], str(row["hash"])


def verify(lines: Iterable[str], expected: Head | None) -> dict[str, Any]:
    """What GET /audit/verify answers, for an export."""
    walk = Walk(expected)
    problem: Problem | None = None
    for number, line in enumerate(lines, 1):
        try:
            values, digest = _row(line)
        except (ValueError, OverflowError, RecursionError):
            problem = _problem(walk.last[0] + 1, "unreadable", f"line {number} is no row of an audit trail")
            break
        problem = walk.step(values, digest)
        if problem:
            break
    else:
        problem = walk.end()
    seq, digest = walk.last
    if problem:
        message = f"the audit trail does not hold: {problem['message']}"
    elif not walk.rows:
        message = "the audit trail holds: it has no rows yet"
    else:
        begin = f"row {walk.first}" + (", as a checkpoint says," if walk.first > 1 else "")
        message = f"the audit trail holds: {walk.rows} rows from {begin} to row {seq}"
    return {
        "verified": problem is None,
        "message": message,
        "rows": walk.rows,
        "first_seq": walk.first or None,
        "last_seq": seq or None,
        "head": f"{seq}:{digest}",
        "problem": problem,
    }
