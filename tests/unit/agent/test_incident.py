"""Which services make one incident, and how its record grows; held against every order of facts that comes to mind."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from incidentops_agent import book as books
from incidentops_agent import incident
from incidentops_agent.book import Book
from incidentops_agent.causes import Cause
from incidentops_agent.grouping import Home, home, refines
from incidentops_agent.incident import Fact, Incident, Kind, Member, Phase, Span
from samples import NOW

NEEDS = {"worker": {"redis", "postgres"}, "web": {"worker", "redis", "postgres"}, "redis": set(), "postgres": set()}
NAMES = sorted(NEEDS)


def opening(name: str = "redis", at: float = NOW, number: int = 1, **detail: Any) -> Fact:
    about = {"began": at - 1, "began_source": "systemd", "cause": "stopping", "ttd": 1.0, "source": "systemd"}
    return Fact(Kind.OPENED, f"{number:08x}", name, at, {**about, **detail})


def of(kind: Kind, service: str = "redis", at: float = NOW, user: str = "", **detail: Any) -> Fact:
    return Fact(kind, "00000001", service, at, detail, user)


def book_of(*facts: Fact) -> Book:
    book = Book()
    for fact in facts:
        book.apply(fact)
    return book


def only(*facts: Fact) -> Incident:
    (found,) = book_of(*facts).every()
    return found


# -- who belongs to whom


def test_a_service_joins_what_explains_it() -> None:
    book = book_of(opening("redis"))
    assert home(book.live(), NEEDS, "worker", NOW + 3600) == Home("00000001")
    assert home(book.live(), NEEDS, "web", NOW + 1) == Home("00000001")
    assert home(book.live(), NEEDS, "postgres", NOW + 1) == Home()
    assert home(book.live(), NEEDS, "worker", NOW + 1, own_cause=True) == Home()


def test_a_service_joins_what_is_down_rather_than_what_has_recovered() -> None:
    book = book_of(opening("postgres"), of(Kind.RECOVERED, "postgres", NOW + 2), opening("redis", NOW + 3, 2))
    assert home(book.live(), NEEDS, "worker", NOW + 5) == Home("00000002")
    book.apply(Fact(Kind.RECOVERED, "00000002", "redis", NOW + 6, {}, ""))
    assert home(book.live(), NEEDS, "worker", NOW + 7) == Home("00000001")


@pytest.mark.parametrize(("later", "takes_over"), [(0.0, True), (10.0, True), (10.1, False), (-1.0, False)])
def test_a_dependency_that_fails_soon_after_takes_over(later: float, takes_over: bool) -> None:
    book = book_of(opening("worker"))
    expected = Home("00000001", takes_over=True) if takes_over else Home()
    assert home(book.live(), NEEDS, "redis", NOW + later) == expected


@pytest.mark.parametrize("known", [{"deliberate": True}, {"fault": {"id": "f1", "kind": "kill"}}])
def test_what_has_a_cause_of_its_own_is_not_taken_over(known: dict[str, Any]) -> None:
    """An operator who stops the worker and then redis has stopped two services, not one that took the other down."""
    book = book_of(opening("worker", **known))
    assert home(book.live(), NEEDS, "redis", NOW + 1) == Home()


def test_a_dependency_of_a_member_that_is_explained_already_is_another_matter() -> None:
    book = book_of(opening("redis"), of(Kind.JOINED, "worker", NOW + 1))
    assert home(book.live(), NEEDS, "postgres", NOW + 2) == Home()


def test_what_two_incidents_have_in_common_makes_them_one() -> None:
    needs = {"a": {"redis"}, "b": {"redis"}, "redis": set()}
    book = book_of(opening("a", NOW, 1), opening("b", NOW + 1, 2))
    found = home(book.live(), needs, "redis", NOW + 2)
    assert found == Home("00000001", takes_over=True, merge=("00000002",))
    book.apply(of(Kind.JOINED, "redis", NOW + 2, root="redis", cause="killed", sentence="killed", began=NOW - 5))
    book.apply(of(Kind.MERGED, "redis", NOW + 2, **{"from": "00000002"}))
    (one,) = book.live()
    assert (one.root, one.services, one.cause, one.began) == ("redis", ("a", "redis", "b"), "killed", NOW - 5)
    assert book.get("00000002") == one
    assert [moment.what for moment in one.timeline] == [
        "began",
        "detected",
        "began",
        "detected",
        "joined",
        "joined",
    ] or (sorted(moment.at for moment in one.timeline[:-1]) == [moment.at for moment in one.timeline[:-1]])


@given(st.permutations(NAMES), st.lists(st.floats(0, 30), min_size=4, max_size=4))
def test_the_root_needs_no_other_member_and_everybody_has_one_home(order: list[str], gaps: list[float]) -> None:
    book, numbers, at = Book(), itertools.count(1), NOW
    for name, gap in zip(order, gaps, strict=True):
        at += gap
        where = home(book.live(), NEEDS, name, at)
        if not where.incident:
            book.apply(opening(name, at, next(numbers)))
            continue
        root = {"root": name} if where.takes_over else {}
        book.apply(Fact(Kind.JOINED, where.incident, name, at, root))
        for other in where.merge:
            book.apply(Fact(Kind.MERGED, where.incident, name, at, {"from": other}))
    found = sorted(name for one in book.live() for name in one.services)
    assert found == NAMES
    for one in book.live():
        assert not NEEDS[one.root] & set(one.services)
        assert all(
            one.root in NEEDS[name] or NEEDS[name] & set(one.services) for name in one.services if name != one.root
        )


# -- causes


def test_only_the_way_down_is_refined() -> None:
    assert refines(Cause.STOPPING, Cause.KILLED)
    assert refines(Cause.STOPPING, Cause.RESTARTING)
    assert refines(Cause.RESTARTING, Cause.START_LIMIT)
    assert refines(Cause.UNRESPONSIVE, Cause.FROZEN)
    assert not refines(Cause.KILLED, Cause.STARTING)
    assert not refines(Cause.KILLED, Cause.STOPPED)
    assert not refines(Cause.UNRESPONSIVE, Cause.STOPPED)
    assert not refines(Cause.RESTARTING, Cause.UNRESPONSIVE)


@given(st.sampled_from(Cause), st.sampled_from(Cause))
def test_refinement_never_goes_round(one: Cause, other: Cause) -> None:
    assert not (refines(one, other) and refines(other, one))


# -- one incident's life


def test_the_life_of_an_incident() -> None:
    facts = [
        opening("redis", fault={"id": "f1", "kind": "stop"}, text="it left healthy", evidence=["ActiveState=failed"]),
        of(Kind.CAUSE, at=NOW + 0.01, cause="killed", sentence="killed by SIGKILL", evidence=["Result=signal"]),
        of(Kind.JOINED, "worker", NOW + 1, text="it needs redis"),
        of(Kind.ACKNOWLEDGED, at=NOW + 2, user="anna", note="on it", tta=2.0),
        of(Kind.ACKNOWLEDGED, at=NOW + 3, user="ben", note="me too", tta=3.0),
        of(Kind.ACTION, at=NOW + 4, text="start by anna"),
        of(Kind.ACTION, at=NOW + 5, text="restart by anna"),
        of(Kind.RECOVERED, at=NOW + 6, source="probe", ttr=7.0),
        of(Kind.RECOVERED, "worker", NOW + 7, source="probe", ttr=8.0),
    ]
    one = only(*facts)
    assert (one.phase, one.root, one.services, one.cause) == (Phase.RECOVERED, "redis", ("redis", "worker"), "killed")
    assert (one.began, one.detected, one.first_action, one.recovered) == (NOW - 1, NOW, NOW + 4, NOW + 7)
    assert (one.acknowledged, one.acknowledged_by, one.note) == (NOW + 2, "anna", "me too")
    assert (one.ttd, one.tta, one.ttr) == (1.0, 2.0, 8.0)
    assert one.fault == {"id": "f1", "kind": "stop"}
    again = only(*facts, of(Kind.RELAPSED, at=NOW + 9))
    assert (again.phase, again.recovered, again.ttr) == (Phase.OPEN, None, None)
    member = again.member("redis")
    assert member is not None
    assert [(span.begin, span.end) for span in member.spans] == [(NOW - 1, NOW + 6), (NOW + 9, None)]
    closed = only(*facts, of(Kind.CLOSED, at=NOW + 17))
    assert (closed.phase, closed.closed, closed.live) == (Phase.CLOSED, NOW + 17, False)
    what = [moment.what for moment in closed.timeline]
    assert what == [
        *("began", "detected", "cause", "joined", "acknowledged", "acknowledged", "action", "action"),
        *("recovered", "recovered", "closed"),
    ]


def test_a_root_that_takes_over_brings_its_cause_and_its_beginning() -> None:
    first = opening("worker", deliberate=True)
    later = of(
        *(Kind.JOINED, "redis", NOW + 3),
        root="redis",
        cause="killed",
        sentence="killed",
        began=NOW - 4,
        began_source="kernel",
        ttd=4.0,
    )
    one = only(first, later)
    assert (one.root, one.cause, one.began, one.began_source, one.ttd) == ("redis", "killed", NOW - 4, "kernel", 4.0)
    assert not one.deliberate
    assert one.detected == NOW


def test_a_fault_that_is_heard_of_late_is_the_beginning() -> None:
    about: dict[str, Any] = {
        "fault": {"id": "f1", "kind": "hang"},
        "began": NOW - 3,
        "ttd": 3.0,
        "text": "the fault hang was injected",
    }
    one = only(opening("redis"), of(Kind.CAUSE, at=NOW + 1, **about))
    assert (one.fault, one.began, one.began_source, one.ttd) == ({"id": "f1", "kind": "hang"}, NOW - 3, "fault", 3.0)
    assert [(moment.what, moment.source) for moment in one.timeline] == [("began", "fault"), ("detected", "systemd")]


def test_what_is_over_does_not_change_and_what_is_unknown_is_left_out() -> None:
    book = book_of(opening("redis"), of(Kind.RECOVERED, at=NOW + 1), of(Kind.CLOSED, at=NOW + 11))
    before = book.every()
    for kind in Kind:
        detail = {"from": "00000001"} if kind is Kind.MERGED else {}
        assert book.apply(Fact(kind, "00000001", "redis", NOW + 20, detail)) is None
        if kind is not Kind.OPENED:
            assert book.apply(Fact(kind, "ffffffff", "redis", NOW + 20, detail)) is None
    assert book.every() == before
    assert book.of("redis") is None


def test_an_incident_whose_end_was_lost_does_not_stay_open_for_ever() -> None:
    book = book_of(opening("redis", NOW), opening("redis", NOW + 60, 2))
    first, second = book.every()
    assert (first.phase, first.closed, first.timeline[-1].text) == (Phase.CLOSED, NOW + 60, books.END_LOST)
    assert (first.recovered, first.ttr) == (NOW, None)
    assert first.members == (Member("redis", NOW, (Span(NOW - 1, NOW),)),)
    assert book.of("redis") == second


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(books, "CLOSED_MOST", 3)
    monkeypatch.setattr(books, "OLDER_MOST", 4)
    book = Book()
    for number in range(1, 10):
        book.apply(opening("redis", NOW + number, number))
        book.apply(Fact(Kind.CLOSED, f"{number:08x}", "redis", NOW + number + 0.5))
    book.apply(opening("redis", NOW + 99, 99))
    assert [one.id for one in book.every()] == ["00000007", "00000008", "00000009", "00000063"]
    figures = [one.id for one in book.measured()]
    assert figures == [f"{number:08x}" for number in (3, 4, 5, 6, 7, 8, 9, 99)], "older ones count on"
    assert [one.timeline for one in book.measured()[:4]] == [()] * 4
    assert [one.members for one in book.measured()[:1]] == [(Member("redis", NOW + 3, (Span(NOW + 2),)),)]


def test_a_flapping_member_makes_no_endless_record() -> None:
    book = book_of(opening("redis"))
    for number in range(1000):
        book.apply(of(Kind.RECOVERED, at=NOW + 2 * number))
        book.apply(of(Kind.RELAPSED, at=NOW + 2 * number + 1))
    (one,) = book.live()
    member = one.member("redis")
    assert member is not None
    assert len(one.timeline) == incident.TIMELINE_MOST
    assert [moment.what for moment in one.timeline[:2]] == ["began", "detected"]
    assert len(member.spans) == incident.SPANS_MOST
    assert member.spans[0].begin == NOW - 1
    assert member.spans[-1] == incident.Span(NOW + 1999)


FACTS = st.builds(
    lambda kind, number, name, after, detail: Fact(kind, f"{number:08x}", name, NOW + after, detail, "anna"),
    st.sampled_from(Kind),
    st.integers(1, 3),
    st.sampled_from(NAMES),
    st.floats(0, 100),
    st.fixed_dictionaries(
        {},
        optional={
            "began": st.floats(NOW - 100, NOW + 100),
            "ttd": st.floats(-5, 5),
            "tta": st.floats(-5, 5),
            "ttr": st.floats(-5, 5),
            "root": st.sampled_from(NAMES),
            "from": st.sampled_from(["00000001", "00000002", "00000003"]),
            "cause": st.sampled_from(["killed", "stopped"]),
        },
    ),
)


@given(st.lists(FACTS, max_size=30))
def test_whatever_comes_the_record_holds_together_and_comes_back_from_json(facts: list[Fact]) -> None:
    book, again = Book(), Book()
    for fact in facts:
        book.apply(fact)
        text = json.loads(json.dumps(fact.detail))
        again.apply(Fact(fact.kind, fact.incident, fact.service, fact.at, text, fact.user))
    assert book.every() == again.every()
    for one in book.every():
        assert len(set(one.services)) == len(one.services)
        assert one.root in one.services
        assert all(value is None or value >= 0 for value in (one.ttd, one.tta, one.ttr))
        assert (one.closed is not None) == (one.phase is Phase.CLOSED)
        if one.phase is Phase.RECOVERED:
            assert one.recovered is not None
            assert not any(member.down for member in one.members)
        for member in one.members:
            ends = [span.end for span in member.spans[:-1]]
            assert None not in ends
            assert all(span.end is None or span.end >= span.begin for span in member.spans)
