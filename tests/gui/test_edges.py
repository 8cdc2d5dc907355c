"""Notifications come on edges only, what happens together is told together, and nothing is told that is not live."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from incidentops_gui import facts, ordering, wire
from incidentops_gui.edges import Edges
from incidentops_gui.reducer import reduce
from incidentops_gui.state import Phase, State, Trouble

from gui.conftest import answer

if TYPE_CHECKING:
    from collections.abc import Iterable


def live(down: Iterable[str] = (), state: str = "failed") -> State:
    services = {
        name: dataclasses.replace(service, up=False, state=state, reason="it fell") if name in down else service
        for name, service in wire.services(answer("services")).items()
    }
    return reduce(facts.Snapshot(wire.Snapshot(services, wire.Agent(True, {}), 1.0), 1.0), State())[0]


def test_only_edges_are_told_and_together() -> None:
    edges = Edges()
    assert edges.collect(live()) is None
    notice = edges.collect(live({"redis", "postgres"}))
    assert notice is not None
    assert (notice.title, notice.text, notice.bad) == (
        "postgres and redis down",
        "postgres: it fell\nredis: it fell",
        True,
    )
    assert edges.collect(live({"redis", "postgres"})) is None
    notice = edges.collect(live({"chaos"}))
    assert notice is not None
    assert notice.title == "chaos down"
    assert "Back up: postgres and redis" in notice.text
    notice = edges.collect(live())
    assert notice is not None
    assert (notice.title, notice.bad) == ("chaos back up", False)


def test_what_is_on_its_way_is_no_news() -> None:
    edges = Edges()
    edges.collect(live())
    assert edges.collect(live({"redis"}, state="stopping")) is None
    assert edges.collect(live({"redis"}, state="stopped")) is not None
    assert edges.collect(live({"redis"}, state="starting")) is None


def test_nothing_is_told_while_it_is_not_known() -> None:
    edges = Edges()
    edges.collect(live())
    lost, _ = reduce(facts.LinkChanged(Phase.LOST, Trouble.BROKEN, "", 2.0), live({"redis"}))
    assert edges.collect(lost) is None
    assert edges.collect(live({"redis"})) is not None


def test_what_needs_attention_comes_first_and_pins_before_all() -> None:
    state = live({"worker"})
    assert ordering.order(state, (), "")[0] == "worker"
    assert ordering.order(state, ("rabbitmq",), "")[:2] == ["rabbitmq", "worker"]
    assert ordering.order(state, (), "", failed_first=False) == sorted(state.cards)
    assert ordering.order(state, (), "down") == ["worker"]
    assert ordering.order(state, (), "SERVER") == ["rabbitmq", "redis"]
