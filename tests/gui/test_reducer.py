"""The state's rules: pure, so each is a fact and what becomes of it."""

from __future__ import annotations

import ast
import dataclasses
from pathlib import Path
from typing import Any

import incidentops_gui
import pytest
from hypothesis import given
from hypothesis import strategies as st
from incidentops_gui import answers, facts, wire
from incidentops_gui.reducer import NOTHING, reduce
from incidentops_gui.state import HISTORY, Phase, State, Tone, Trouble

from gui.conftest import answer

STOPPED = "Service stopped manually"
NOW = 1_800_000_000.0


def services() -> dict[str, wire.Service]:
    return wire.services(answer("services"))


def snapshot(at: float = NOW, **given_services: wire.Service) -> facts.Snapshot:
    whole = {**services(), **given_services}
    return facts.Snapshot(wire.Snapshot(whole, wire.Agent(True, {}), at), at)


@pytest.fixture
def live() -> State:
    state, _ = reduce(snapshot(), State())
    return state


def redis(**changes: Any) -> wire.Service:
    return dataclasses.replace(services()["redis"], **changes)


def test_a_snapshot_makes_everything_live(live: State) -> None:
    assert live.connection.live
    assert set(live.cards) == set(services())
    assert live.is_live("redis")
    _, changes = reduce(snapshot(), State())
    assert changes.roster
    assert changes.connection
    assert changes.logs == set(live.cards)


def test_a_lost_connection_makes_nothing_live_and_forgets_nothing(live: State) -> None:
    state, changes = reduce(facts.LinkChanged(Phase.LOST, Trouble.BROKEN, "gone", NOW + 9, "", NOW + 10), live)
    assert not state.connection.live
    assert not any(state.is_live(name) for name in state.cards)
    assert state.cards == live.cards
    assert state.connection.as_of == NOW
    assert state.connection.retry_at == NOW + 10
    assert changes.cards == set(live.cards)


def test_what_arrives_while_silent_does_not_make_it_live_again(live: State) -> None:
    silent, _ = reduce(facts.LinkChanged(Phase.SILENT, Trouble.NO_ANSWER, "", NOW), live)
    for fact in (facts.Heartbeat(NOW + 1), facts.ServiceChanged(redis(up=False, state="stopped"), NOW + 1)):
        state, _ = reduce(fact, silent)
        assert not state.connection.live
    state, _ = reduce(snapshot(NOW + 2), silent)
    assert state.connection.live


def test_a_service_whose_systemd_is_silent_is_not_live(live: State) -> None:
    state, _ = reduce(facts.ServiceChanged(redis(stale=True), NOW), live)
    assert not state.is_live("redis")
    assert state.is_live("postgres")


def test_nothing_changes_when_nothing_is_different(live: State) -> None:
    _, changes = reduce(facts.ServiceChanged(live.cards["redis"].service, NOW), live)
    assert changes == NOTHING


def test_an_unknown_service_gets_a_card_and_a_missing_one_loses_it(live: State) -> None:
    state, changes = reduce(facts.ServiceChanged(redis(name="grafana"), NOW), live)
    assert changes.roster
    assert changes.logs == {"grafana"}
    state, changes = reduce(snapshot(), state)
    assert "grafana" not in state.cards
    assert changes.roster


def test_figures_never_change_a_state(live: State) -> None:
    stopped, _ = reduce(facts.ServiceChanged(redis(up=False, state="stopped"), NOW), live)
    older = services()  # an answer that was on its way when redis stopped
    state, _ = reduce(facts.FiguresRead(older, NOW + 1), stopped)
    assert not state.cards["redis"].service.up
    assert state.cards["redis"].service.state == "stopped"


def test_an_answered_probe_is_told_with_the_next_figures_and_a_failed_one_at_once(live: State) -> None:
    before = live.cards["redis"].service
    later = dataclasses.replace(before.probe, latency=0.123, at=(before.probe.at or 0) + 5)
    state, changes = reduce(facts.ServiceChanged(redis(probe=later), NOW), live)
    assert changes.cards == frozenset()
    assert state.cards["redis"].latency[-1] == 0.123
    read = {name: card.service for name, card in state.cards.items()}
    assert "redis" in reduce(facts.FiguresRead(read, NOW), state)[1].cards
    failed = dataclasses.replace(later, outcome="failed", failures=1, message="no answer")
    assert reduce(facts.ServiceChanged(redis(probe=failed), NOW), live)[1].cards == {"redis"}


def test_figures_of_another_run_are_left_alone(live: State) -> None:
    unit = dataclasses.replace(redis().unit, invocation_id="another")
    state, changes = reduce(facts.FiguresRead({"redis": redis(unit=unit)}, NOW), live)
    assert state.cards["redis"] == live.cards["redis"]
    assert "redis" not in changes.cards


def with_cpu(seconds: float) -> dict[str, wire.Service]:
    return {"redis": redis(resources=wire.Resources(1e6, seconds, 1))}


def test_the_share_of_a_processor_is_measured_between_readings(live: State) -> None:
    state, _ = reduce(facts.FiguresRead(with_cpu(10.0), NOW), live)
    assert state.cards["redis"].cpu_percent is None
    state, _ = reduce(facts.FiguresRead(with_cpu(10.6), NOW + 6), state)
    assert state.cards["redis"].cpu_percent == pytest.approx(10.0)
    state, _ = reduce(facts.FiguresRead(with_cpu(10.7), NOW + 7), state)
    assert len(state.cards["redis"].cpu_history) == 1, "too short to measure over"


def test_the_share_of_a_processor_is_measured_by_the_agents_own_times(live: State) -> None:
    def read(seconds: float, at: float) -> dict[str, wire.Service]:
        return {"redis": redis(resources=wire.Resources(1e6, seconds, 1, at))}

    state, _ = reduce(facts.FiguresRead(read(10.0, 500.0), NOW), live)
    state, _ = reduce(facts.FiguresRead(read(10.0, 500.0), NOW + 6), state)
    assert state.cards["redis"].cpu_percent is None, "the same reading again is none"
    state, _ = reduce(facts.FiguresRead(read(11.0, 510.0), NOW + 12), state)
    assert state.cards["redis"].cpu_percent == pytest.approx(10.0)
    state, _ = reduce(facts.FiguresRead(read(12.0, 400.0), NOW + 18), state)
    state, _ = reduce(facts.FiguresRead(read(13.0, 420.0), NOW + 24), state)
    assert state.cards["redis"].cpu_history == pytest.approx((10.0, 5.0)), "a clock that was set back"


def test_histories_have_an_end(live: State) -> None:
    state = live
    system = wire.system(answer("system"))
    for step in range(HISTORY * 2):
        probe = dataclasses.replace(redis().probe, at=NOW + step, latency=0.001 * step)
        state, _ = reduce(facts.ServiceChanged(redis(probe=probe), NOW + step), state)
        state, _ = reduce(facts.SystemSampled(system, NOW + step), state)
    assert len(state.cards["redis"].latency) == HISTORY
    assert len(state.history.cpu) == HISTORY
    assert state.cards["redis"].latency[-1] == pytest.approx(0.001 * (HISTORY * 2 - 1))


def test_the_same_probe_is_counted_once(live: State) -> None:
    before = live.cards["redis"].latency
    state, _ = reduce(facts.ServiceChanged(redis(reason="x"), NOW), live)
    assert state.cards["redis"].latency == before


def test_a_command_is_pending_until_it_is_answered(live: State) -> None:
    asked, changes = reduce(facts.Asked("redis", "stop", "key", NOW), live)
    assert asked.cards["redis"].pending is not None
    assert changes.cards == {"redis"}
    done = answers.change(answer("stop"))
    state, _ = reduce(facts.Changed("redis", "stop", done, NOW + 1), asked)
    card = state.cards["redis"]
    assert card.pending is None
    assert card.note is not None
    assert (card.note.tone, card.note.undo) == (Tone.GOOD, "start")
    refused, _ = reduce(facts.Refused("redis", "stop", "masked", "cannot stop redis: it is masked", NOW), asked)
    assert refused.cards["redis"].note is not None
    assert refused.cards["redis"].note.text == "cannot stop redis: it is masked"


def test_what_was_undone_is_not_offered_any_more(live: State) -> None:
    stopped, _ = reduce(facts.ServiceChanged(redis(up=False, state="stopped"), NOW), live)
    noted, _ = reduce(facts.Changed("redis", "stop", answers.change(answer("stop")), NOW), stopped)
    assert noted.cards["redis"].note is not None
    state, _ = reduce(facts.ServiceChanged(redis(), NOW), noted)
    assert state.cards["redis"].note is None


def action(**fields: Any) -> facts.ActionDone:
    made = wire.Action(
        "id", "stop", "redis", 1_795_557_600.0, "root", "unix", "ok", "", "Service stopped manually", 0.1
    )
    return facts.ActionDone(dataclasses.replace(made, **fields), NOW)


def test_the_log_has_the_agents_sentences_word_for_word(live: State) -> None:
    state, changes = reduce(action(), live)
    assert state.cards["redis"].log == ("2026-11-24T22:00:00Z | Service stopped manually",)
    assert changes.logs == {"redis"}
    longer = ("2026-11-24T21:00:00Z | Ping succeeded", *state.cards["redis"].log)
    read, _ = reduce(facts.LogRead("redis", longer, NOW), state)
    assert read.cards["redis"].log == longer


def test_remediation_asks_for_the_logs(live: State) -> None:
    _, changes = reduce(action(action="remediate-start", sentence="Auto-remediation completed"), live)
    assert changes.logs == {"redis"}
    _, changes = reduce(action(action="remediate", service=""), live)
    assert changes == NOTHING


def test_dependants_are_found_through_others(live: State) -> None:
    state, _ = reduce(facts.ServiceChanged(redis(name="shop", depends_on=("worker",)), NOW), live)
    assert state.dependants("redis") == ("shop", "worker")
    assert state.dependants("shop") == ()


def test_clocks_that_differ_are_reckoned_with() -> None:
    ahead = facts.Snapshot(wire.Snapshot(services(), wire.Agent(True, {}), NOW + 3600), NOW)
    state, _ = reduce(ahead, State())
    assert state.clock_offset == 3600
    state, _ = reduce(snapshot(), State())
    assert state.clock_offset == 0


FACTS = st.one_of(
    st.just(snapshot()),
    st.sampled_from(["healthy", "stopped", "failed", "starting"]).map(
        lambda word: facts.ServiceChanged(redis(state=word, up=word == "healthy"), NOW)
    ),
    st.just(facts.Heartbeat(NOW)),
    st.just(facts.LinkChanged(Phase.LOST, Trouble.BROKEN, "", NOW)),
    st.just(facts.FiguresRead(services(), NOW)),
    st.just(action()),
    st.just(facts.Refused("redis", "stop", "x", "no", NOW)),
)


@given(st.lists(FACTS, max_size=30))
def test_live_means_that_a_snapshot_came_after_the_last_loss(happened: list[facts.Fact]) -> None:
    state, live, last = State(), False, ""
    for fact in happened:
        state, _ = reduce(fact, state)
        if isinstance(fact, facts.Snapshot):
            live, last = True, "healthy"
        elif isinstance(fact, facts.LinkChanged):
            live = False
        elif isinstance(fact, facts.ServiceChanged):
            last = fact.service.state
        assert state.connection.live is live
        if last:
            assert state.cards["redis"].service.state == last


PURE = ("answers", "details", "edges", "facts", "ordering", "reducer", "sse", "state", "translate", "wire", "wording")


def test_the_pure_modules_know_nothing_of_qt() -> None:
    folder = Path(incidentops_gui.__file__).parent
    for name in PURE:
        tree = ast.parse((folder / f"{name}.py").read_text())
        for node in ast.walk(tree):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not [one for one in names if one.startswith(("PySide6", "time", "socket", "subprocess"))], name


def test_widgets_are_made_in_widgets_alone() -> None:
    folder = Path(incidentops_gui.__file__).parent
    found = {path.name for path in folder.glob("*.py") if "QtWidgets" in path.read_text()}
    assert found == {"app.py"}
    talking = {path.name for path in folder.rglob("*.py") if "QtNetwork" in path.read_text()}
    assert talking == {"instance.py", "transport.py"}
