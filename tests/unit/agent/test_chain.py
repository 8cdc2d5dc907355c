"""Whatever is done to a row of the trail, the walk along its chain says which."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from incidentops_agent import chain
from incidentops_agent.chain import COLUMNS, EMPTY, GENESIS, Head, Problem, Walk

if TYPE_CHECKING:
    from collections.abc import Sequence

Row = tuple[tuple[Any, ...], str]

KINDS: dict[str, st.SearchStrategy[Any]] = {
    "text": st.text(max_size=6),
    "whole": st.none() | st.integers(-(2**63), 2**63 - 1),
    "real": st.none() | st.floats(allow_nan=False, allow_infinity=False).map(lambda value: value + 0.0),
}
VALUES = st.tuples(*(KINDS[kind] for _, kind in COLUMNS[1:]))


def chained(bodies: Sequence[tuple[Any, ...]], last: Head = EMPTY) -> list[Row]:
    made: list[Row] = []
    for body in bodies:
        values = (last.seq + 1, *body)
        last = Head(last.seq + 1, chain.link(last.hash, values))
        made.append((values, last.hash))
    return made


CHAINS = st.lists(VALUES, min_size=1, max_size=6).map(chained)


def plain(name: str = "a", **changes: Any) -> tuple[Any, ...]:
    """A row without its number."""
    values: dict[str, Any] = {"text": name, "whole": 7, "real": 1.5}
    return tuple(changes.get(column, values[kind]) for column, kind in COLUMNS[1:])


def checkpoint(through: int, digest: str) -> tuple[Any, ...]:
    return plain(action="checkpoint", phase="noted", detail=f'{{"hash":"{digest}","through":{through}}}')


def walked(rows: Sequence[Row], counted: int | None = None, expected: Head | None = None) -> Problem | None:
    walk = Walk(expected)
    for values, digest in rows:
        problem = walk.step(values, digest)
        if problem is not None:
            return problem
    return walk.end(counted)


def said(problem: Problem | None) -> tuple[int, str]:
    assert problem is not None
    assert problem.message
    return problem.seq, problem.what


# -- the encoding


def test_the_encoding_is_the_one_that_is_documented() -> None:
    values: tuple[Any, ...] = (1, "id", "noted", 1.5, "ping", "", None, "é", 2, -3, *[""] * 6, None, "", None, "", "{}")
    assert chain.encode(values) == (
        b"w1:1t2:idt5:notedr16:3ff8000000000000t4:pingt0:n0:t2:\xc3\xa9w1:2w2:-3t0:t0:t0:t0:t0:t0:n0:t0:n0:t0:t2:{}"
    )
    assert chain.link(GENESIS, values) == "cf4c704beab3935e06ebbfdae4dcf040c7332aa3e454fc7df24c89e06e3480bf"


@given(VALUES, VALUES)
def test_no_two_rows_look_the_same(one: tuple[Any, ...], other: tuple[Any, ...]) -> None:
    def exact(values: tuple[Any, ...]) -> list[Any]:
        return [struct.pack(">d", value) if isinstance(value, float) else value for value in values]

    assert (chain.encode((1, *one)) == chain.encode((1, *other))) == (exact(one) == exact(other))


@pytest.mark.parametrize("wrong", [b"x", True, "7", 7.0])
def test_a_value_of_another_kind_is_refused(wrong: Any) -> None:
    with pytest.raises(ValueError, match="uid: .* is no whole"):
        chain.encode((1, *plain(uid=wrong)))


def test_a_head_as_text() -> None:
    one = Head(12, "ab" * 32)
    assert chain.head(str(one)) == one
    for wrong in ("", "12", "12:ab", f"-1:{'ab' * 32}", f"12:{'AB' * 32}", f"12:{'ab' * 32} "):
        assert chain.head(wrong) is None


# -- what is found


@given(CHAINS)
def test_a_chain_that_nobody_touched_is_right(rows: list[Row]) -> None:
    for seq, (values, digest) in enumerate(rows, 1):
        assert walked(rows, len(rows), Head(seq, digest)) is None, values


@given(CHAINS, st.data())
def test_any_change_of_any_value_is_found(rows: list[Row], data: st.DataObject) -> None:
    seq = data.draw(st.integers(1, len(rows)), "row")
    column = data.draw(st.integers(1, len(COLUMNS) - 1), "column")
    values, digest = rows[seq - 1]
    fresh = data.draw(KINDS[COLUMNS[column][1]], "value")
    assume(repr(fresh) != repr(values[column]))
    rows[seq - 1] = ((*values[:column], fresh, *values[column + 1 :]), digest)
    assert said(walked(rows, len(rows))) == (seq, "changed")


@given(CHAINS, st.data())
def test_a_row_that_is_changed_with_its_hash_is_found_by_the_next(rows: list[Row], data: st.DataObject) -> None:
    assume(len(rows) > 1)
    seq = data.draw(st.integers(1, len(rows) - 1), "row")
    values = (seq, *plain("forged"))
    rows[seq - 1] = (values, chain.link(rows[seq - 2][1] if seq > 1 else GENESIS, values))
    assert said(walked(rows, len(rows))) == (seq + 1, "changed")


@given(CHAINS)
def test_a_forged_end_is_found_by_a_head_that_was_kept(rows: list[Row]) -> None:
    kept = Head(len(rows), rows[-1][1])
    forged = [*rows[:-1], *chained([plain("forged")], Head(len(rows) - 1, rows[-2][1] if len(rows) > 1 else GENESIS))]
    assume(forged != rows)
    assert walked(forged, len(rows)) is None
    assert said(walked(forged, len(rows), kept)) == (len(rows), "head")


@given(CHAINS, st.data())
def test_any_exchange_is_found_and_named(rows: list[Row], data: st.DataObject) -> None:
    assume(len(rows) > 1)
    one, other = sorted(data.draw(st.lists(st.integers(0, len(rows) - 1), min_size=2, max_size=2, unique=True)))
    (first, a), (second, b) = rows[one], rows[other]
    assert said(walked([*rows[:one], rows[other], *rows[one + 1 : other], rows[one], *rows[other + 1 :]]))[1] in (
        "missing",
        "beginning",
        "order",
    )
    # The numbers exchanged, as they would be in the database, where the order is that of the numbers.
    rows[one], rows[other] = ((one + 1, *second[1:]), b), ((other + 1, *first[1:]), a)
    problem = walked(rows, len(rows))
    assert said(problem) == (one + 1, "changed")
    hashes = [(seq, digest) for seq, (_, digest) in enumerate(rows, 1)]
    assert chain.written_as(*rows[one], hashes) == other + 1


def test_a_row_that_was_only_changed_was_written_under_no_other_number() -> None:
    rows = chained([plain("a"), plain("b"), plain("c")])
    assert chain.written_as((2, *plain("x")), rows[1][1], [(seq, row[1]) for seq, row in enumerate(rows, 1)]) is None


@given(CHAINS, st.data())
def test_any_deletion_is_found(rows: list[Row], data: st.DataObject) -> None:
    first = data.draw(st.integers(1, len(rows)), "first")
    last = data.draw(st.integers(first, len(rows)), "last")
    left = [*rows[: first - 1], *rows[last:]]
    what = "end" if last == len(rows) else "beginning" if first == 1 else "missing"
    problem = walked(left, len(rows))
    assert said(problem) == (first, what)
    assert problem is not None
    assert (f"row {first} is" if first == last else f"rows {first} to {last} are") in problem.message
    if what == "end":
        assert walked(left) is None, "nothing in the rows says so"
        assert said(walked(left, None, Head(len(rows), rows[-1][1]))) == (first, "end")


@given(CHAINS)
def test_a_row_too_many_is_found(rows: list[Row]) -> None:
    more = [*rows, *chained([plain("forged")], Head(len(rows), rows[-1][1]))]
    assert said(walked(more, len(rows))) == (len(rows) + 1, "end")


# -- checkpoints


@given(st.lists(VALUES, min_size=2, max_size=6), st.data())
def test_a_beginning_that_was_signed_off_may_be_missing(bodies: list[tuple[Any, ...]], data: st.DataObject) -> None:
    rows = chained(bodies)
    through = data.draw(st.integers(1, len(rows)))
    rows += chained([checkpoint(through, rows[through - 1][1])], Head(len(rows), rows[-1][1]))
    left = rows[through:]
    assert walked(left, len(rows)) is None
    assert walked(left, len(rows), Head(through, rows[through - 1][1])) is None
    # One row more is gone than was signed off, or the row that is first now was changed.
    if len(left) > 1:
        assert said(walked(left[1:], len(rows))) == (through + 1, "beginning")
        assert said(walked(left[:-1], len(rows)))[1] in ("beginning", "end")
    forged = [((left[0][0][0], *plain("forged")), left[0][1]), *left[1:]]
    if len(left) > 1:
        assert said(walked(forged, len(rows))) == (through + 1, "changed")
    if through > 1:
        assert said(walked(left, len(rows), Head(1, rows[0][1]))) == (1, "head")


def test_the_newest_checkpoint_counts_and_rows_that_are_back_are_noticed() -> None:
    rows = chained([plain(name) for name in "abcd"])
    rows += chained([checkpoint(1, rows[0][1])], Head(4, rows[3][1]))
    rows += chained([plain("e"), checkpoint(3, rows[2][1])], Head(5, rows[4][1]))
    assert walked(rows[3:], 7) is None
    assert said(walked(rows[1:], 7)) == (2, "beginning")
    assert said(walked(rows, 7)) == (1, "beginning")


@pytest.mark.parametrize("detail", ["", "[]", "{}", '{"through": "x", "hash": "y"}', "null"])
def test_a_checkpoint_without_sense_signs_nothing_off(detail: str) -> None:
    rows = chained([plain("a"), plain("b"), plain(action="checkpoint", phase="noted", detail=detail)])
    assert said(walked(rows[1:], 3)) == (1, "beginning")


def test_an_empty_trail() -> None:
    assert walked([], 0) is None
    assert walked([], 0, EMPTY) is None
    assert said(walked([], 3)) == (1, "end")
    assert said(walked([], 0, Head(3, GENESIS))) == (1, "end")
