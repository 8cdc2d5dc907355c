"""Why a service is down, by the evidence: one cause, one sentence, the facts; and one remedy for each cause."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from incidentops_agent import causes, rules
from incidentops_agent.causes import Cause, Diagnosis, Remedy
from incidentops_agent.model import JournalEntry, ProbeOutcome, ProbeSpec, ProbeView, UnitView
from samples import ANSWERED, NOT_ASKED, NOW, active, failed, probed, spec, stopped

REFUSED = probed(ProbeOutcome.FAILED, "connection refused", failures=2)
FIRST = probed(ProbeOutcome.FAILED, "connection refused", failures=1, ever_ok=False)
FRESH = int((NOW - 1) * 1e6)
HOLDER = "127.0.0.1:6379 is taken by a program of user nobody"
EXITED = failed(result="exit-code", exec_main_code=1, exec_main_status=1)


def diagnose(
    unit: UnitView | None,
    probe: ProbeView = NOT_ASKED,
    exited: bool = False,
    down: tuple[str, ...] = (),
    held: str = "",
) -> Diagnosis | None:
    service = spec("redis", *down)
    health = rules.health(service, unit, probe, exited, NOW)
    return causes.diagnose(service, unit, health, probe, exited, down, held)


# What systemd says, what the probe says, the cause, and a part of its sentence.
TABLE: list[tuple[UnitView | None, ProbeView, Cause, str]] = [
    (None, NOT_ASKED, Cause.UNKNOWN, "systemd has not answered yet"),
    (stopped(), NOT_ASKED, Cause.STOPPED, "it is stopped"),
    (EXITED, NOT_ASKED, Cause.EXITED, "exited with status 1"),
    (failed(result="protocol"), NOT_ASKED, Cause.EXITED, "start-up protocol"),
    (failed(), NOT_ASKED, Cause.KILLED, "killed by SIGKILL"),
    (failed(result="core-dump", exec_main_status=11), NOT_ASKED, Cause.KILLED, "SIGSEGV and dumped core"),
    # Its ExecStop= failed when the main process was gone: Result= tells of that command.
    (failed(result="exit-code", exec_main_code=2), NOT_ASKED, Cause.KILLED, "was killed by SIGKILL"),
    (failed(result="exit-code", exec_main_status=0), NOT_ASKED, Cause.EXITED, "a start or stop command of its unit"),
    (failed(result="oom-kill"), NOT_ASKED, Cause.OUT_OF_MEMORY, "memory ran out"),
    (failed(result="start-limit-hit"), NOT_ASKED, Cause.START_LIMIT, "start limit hit"),
    (
        failed(restart_policy="on-failure", n_restarts=3),
        NOT_ASKED,
        Cause.START_LIMIT,
        "restarted it 3 times and gives up",
    ),
    (failed(restart_policy="on-failure", n_restarts=0), NOT_ASKED, Cause.KILLED, "killed by SIGKILL"),
    (failed(restart_policy="on-watchdog", n_restarts=1), NOT_ASKED, Cause.KILLED, "killed by SIGKILL"),
    (failed(sub_state="failed-before-auto-restart"), NOT_ASKED, Cause.RESTARTING, "about to restart"),
    (failed(result="timeout"), NOT_ASKED, Cause.TIMEOUT, "longer than systemd allows"),
    (failed(result="watchdog"), NOT_ASKED, Cause.WATCHDOG, "watchdog"),
    (failed(result="exit-code", exec_main_status=203), NOT_ASKED, Cause.NOT_BEGUN, "its program can't be executed"),
    (failed(result="resources"), NOT_ASKED, Cause.NOT_BEGUN, "resources"),
    (stopped(load_state="bad-setting"), NOT_ASKED, Cause.BAD_UNIT, "can't be loaded (bad-setting)"),
    (active(load_state="not-found"), REFUSED, Cause.BAD_UNIT, "is gone"),
    (stopped(load_state="masked"), NOT_ASKED, Cause.MASKED, "redis.service is masked"),
    (active(load_state="masked"), REFUSED, Cause.MASKED, "redis.service is masked"),
    (stopped(condition_usec=1, condition_result=False), NOT_ASKED, Cause.CONDITION_UNMET, "a condition of its unit"),
    (stopped(result="exec-condition"), NOT_ASKED, Cause.CONDITION_UNMET, "ExecCondition said no"),
    (active(freezer_state="frozen"), ANSWERED, Cause.FROZEN, "its processes are frozen"),
    (active(freezer_state="frozen", load_state="masked"), ANSWERED, Cause.FROZEN, "its processes are frozen"),
    (active(), REFUSED, Cause.UNRESPONSIVE, "its probe fails: connection refused"),
    (active(active_enter_usec=FRESH), FIRST, Cause.STARTING, "its first answer"),
    (active(active_state="activating", sub_state="start"), NOT_ASKED, Cause.STARTING, "systemd is starting it"),
    (failed(active_state="activating", sub_state="auto-restart"), NOT_ASKED, Cause.RESTARTING, "by itself"),
    (active(active_state="deactivating", sub_state="stop-sigterm"), NOT_ASKED, Cause.STOPPING, "is stopping it"),
    (UnitView("redis.service"), NOT_ASKED, Cause.NOT_INSTALLED, "there is no unit redis.service"),
    (active(active_state="maintenance"), NOT_ASKED, Cause.UNKNOWN, "'maintenance'"),
]


@pytest.mark.parametrize(("unit", "probe", "cause", "part"), TABLE)
def test_the_table_of_causes(unit: UnitView | None, probe: ProbeView, cause: Cause, part: str) -> None:
    found = diagnose(unit, probe)
    assert found is not None
    assert found.cause is cause
    assert part in found.sentence


def test_every_cause_is_proven_here() -> None:
    elsewhere = {Cause.DEPENDENCY_DOWN, Cause.PORT_TAKEN}
    assert {cause for _, _, cause, _ in TABLE} | elsewhere == set(Cause)


def test_what_is_healthy_has_no_cause() -> None:
    assert diagnose(active(), ANSWERED) is None
    assert diagnose(active(), probed(ProbeOutcome.FAILED, "late", failures=1)) is None, "one failure is none yet"


def test_evidence_is_what_was_seen() -> None:
    found = diagnose(failed(n_restarts=3))
    assert found is not None
    assert found.evidence == (
        "ActiveState=failed",
        "SubState=failed",
        "Result=signal",
        "ExecMainStatus=9 (SIGKILL)",
        "Restart=no",
        "NRestarts=3",
    )
    found = diagnose(active(freezer_state="frozen"), REFUSED)
    assert found is not None
    assert found.evidence[-2:] == ("FreezerState=frozen", "probe: connection refused")
    found = diagnose(active(), ANSWERED, exited=True)
    assert found is not None
    assert (found.cause, found.evidence[-1]) == (Cause.STOPPING, "kernel: main process 1000 is gone")


@pytest.mark.parametrize("unit", [EXITED, failed(result="timeout"), active()])
def test_what_a_missing_dependency_explains(unit: UnitView) -> None:
    found = diagnose(unit, REFUSED, down=("postgres", "rabbitmq"))
    assert found is not None
    assert found.cause is Cause.DEPENDENCY_DOWN
    assert found.sentence.startswith("it needs postgres, rabbitmq, which are down; ")
    assert found.evidence[-2:] == ("down: postgres", "down: rabbitmq")


def test_its_first_answer_does_not_come_before_its_dependency_does() -> None:
    found = diagnose(active(active_enter_usec=FRESH), FIRST, down=("postgres",))
    assert found is not None
    assert found.cause is Cause.DEPENDENCY_DOWN


@pytest.mark.parametrize(
    "unit", [failed(), failed(result="start-limit-hit"), stopped(), active(freezer_state="frozen")]
)
def test_what_it_does_not_explain(unit: UnitView) -> None:
    alone, beside = diagnose(unit), diagnose(unit, down=("postgres",))
    assert alone is not None
    assert beside == alone


def test_a_port_that_somebody_else_holds() -> None:
    found = diagnose(EXITED, held=HOLDER)
    assert found is not None
    assert (found.cause, found.sentence, found.evidence[-1]) == (Cause.PORT_TAKEN, HOLDER, HOLDER)
    for runs in (active(), active(active_state="deactivating"), active(active_state="activating", sub_state="start")):
        held = diagnose(runs, REFUSED, held=HOLDER)
        assert held is not None
        assert held.cause is not Cause.PORT_TAKEN, "it is its own"
    masked = diagnose(stopped(load_state="masked"), held=HOLDER)
    assert masked is not None
    assert masked.cause is Cause.MASKED


@pytest.mark.parametrize("cause", Cause)
def test_every_cause_has_its_remedy(cause: Cause) -> None:
    assert causes.remedy(cause) is not Remedy.NONE


ANY_UNIT: st.SearchStrategy[UnitView] = st.builds(
    active,
    load_state=st.sampled_from(["loaded", "masked", "not-found", "error", "bad-setting"]),
    active_state=st.sampled_from([*rules.ACTIVE, *rules.DOWN, "activating", "maintenance"]),
    sub_state=st.sampled_from(["running", "dead", "auto-restart", "auto-restart-queued", "start"]),
    result=st.sampled_from([*causes._BY_RESULT, "success", "protocol", "new-one"]),
    exec_main_status=st.integers(0, 255),
    freezer_state=st.sampled_from(["running", "frozen", "freezing", "thawing", "frozen-by-parent"]),
    condition_usec=st.sampled_from([0, 1]),
    condition_result=st.booleans(),
)
ANY_PROBE = st.sampled_from([NOT_ASKED, ANSWERED, REFUSED, FIRST, probed(ProbeOutcome.UNAVAILABLE, "no login")])


@given(
    st.tuples(
        st.none() | ANY_UNIT, ANY_PROBE, st.booleans(), st.sampled_from([(), ("a",)]), st.sampled_from(["", HOLDER])
    )
)
def test_whatever_is_seen_has_one_cause_and_a_sentence_or_is_healthy(seen: Any) -> None:
    found = diagnose(*seen)
    unit, probe, exited, down, _ = seen
    up = rules.health(spec("redis", *down), unit, probe, exited, NOW).up
    assert (found is None) is up
    assert found == diagnose(*seen), "the same evidence, the same diagnosis"
    if found is not None:
        assert found.sentence
        assert "\n" not in found.sentence


def test_the_table_in_the_readme_is_what_is_done() -> None:
    text = (Path(__file__).parents[3] / "agent" / "README.md").read_text().partition("## Remediation")[2]
    rows = re.findall(r"^\| `([a-z-]+)` \| .+ \| ([a-z-]+(?: and [a-z]+)?) \|$", text, re.MULTILINE)
    assert rows == [(cause.value, causes.remedy(cause).value) for cause in Cause]


@pytest.mark.parametrize(
    ("said", "line"),
    [
        ([], ""),
        ([(6, "starting"), (6, "ready")], "ready"),
        ([(6, "starting"), (6, "bind: Address already in use"), (6, "bye")], "bind: Address already in use"),
        ([(3, "out of room"), (6, "an error is told"), (6, "bye")], "out of room"),
        ([(6, "first error"), (6, "last error")], "last error"),
        ([(6, "\x1b[31mcannot\tgo\non\x00")], "[31mcannot go on"),
        ([(6, "   "), (6, "")], ""),
        ([(6, "x" * 300)], "x" * 197 + "..."),
    ],
)
def test_the_line_of_a_journal_that_says_why(said: list[tuple[int, str]], line: str) -> None:
    assert causes.last_words([JournalEntry(NOW, priority, "redis", 7, words) for priority, words in said]) == line


def test_where_a_service_listens_by_its_probe() -> None:
    local: dict[str, str | int | float | bool] = {"host": "127.0.0.1", "port": 6379}
    table: list[tuple[str, dict[str, str | int | float | bool], tuple[str, int] | None]] = [
        ("redis", local, ("127.0.0.1", 6379)),
        ("postgres", {"host": "/var/run/postgresql", "port": 5432}, None),
        ("postgres", {"host": "localhost", "port": 5432}, ("localhost", 5432)),
        ("http", local, None),
        ("worker", local, None),
        ("none", {}, None),
    ]
    for kind, options, at in table:
        probe = ProbeSpec(kind, options=options)
        assert causes.listens_at(replace(spec(), probe=probe)) == at
