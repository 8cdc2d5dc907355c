"""Wherever a fault's process dies, before or after any change, its undoing leaves the machine as it was before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from incidentops_faults import state
from unit.faults import fake_machine
from unit.faults.conftest import ID
from unit.faults.fake_machine import Killed

if TYPE_CHECKING:
    from unit.faults.conftest import Stage

LIVES: list[tuple[str, dict[str, Any]]] = [
    ("cpu", {}),
    ("crash-loop", {}),
    ("crash-loop", {"restart": False}),
    ("fd-limit", {"free": 3}),
    ("hang", {}),
    ("io", {}),
    ("kill", {}),
    ("kill", {"signal": "SIGSTOP"}),
    ("memory", {}),
    ("memory", {"hard": False}),
    ("port-taken", {}),
    ("slow-start", {}),
    ("slow-start", {"restart": False}),
    ("stop", {}),
    ("tasks", {}),
    ("wrong-config", {}),
    ("wrong-config", {"mistake": "user"}),
    ("wrong-config", {"restart": False}),
]


def named(value: Any) -> str:
    return ",".join(f"{key}={one}" for key, one in value.items()) if isinstance(value, dict) else str(value)


@pytest.mark.parametrize(("kind", "parameters"), LIVES, ids=named)
def test_a_whole_life(stage: Stage, kind: str, parameters: dict[str, Any]) -> None:
    before = stage.machine.looks()
    stage.ask(kind=kind, parameters=parameters)
    assert stage.apply() == 0, stage.status()
    assert stage.status()["phase"] == "active"
    assert stage.status()["verified"]
    assert stage.undo() == 0
    assert stage.status()["phase"] == "recovered"
    assert stage.machine.looks() == before
    assert list(state.FOLDER.glob("*/")) == []
    assert stage.undo() == 0  # there is nothing left to do


# who is killed closes nothing; the kernel does
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
@pytest.mark.parametrize(("kind", "parameters"), LIVES, ids=named)
def test_death_at_every_change(stage: Stage, kind: str, parameters: dict[str, Any]) -> None:
    deaths = 0
    machine = stage.machine
    before = machine.looks()
    for kill_at in range(100):
        machine.changes, machine.kill_at = 0, kill_at
        stage.ask(kind=kind, parameters=parameters)
        died = 0
        for half in (stage.apply, stage.undo, stage.undo):
            try:
                half()
            except Killed:
                died += 1
                # and the next process dies as early as can be
                machine.changes, machine.kill_at = 0, kill_at % 3
        machine.kill_at = -1
        assert stage.undo() == 0, (kill_at, stage.status())
        assert machine.looks() == before, kill_at
        assert not state.Record(ID).exists()
        assert stage.status()["phase"] in ("recovered", "failed")
        if not died:
            break
        deaths += died
    assert deaths >= 2 or kind == "fd-limit"


def test_a_torn_line_of_the_journal_was_never_made(stage: Stage) -> None:
    stage.ask()
    assert stage.apply() == 0
    with (state.Record(ID).folder / "journal").open("a") as journal:
        journal.write('{"effect": "drop-in", "uni')
    assert stage.undo() == 0
    assert stage.machine.state == "active"


def test_one_effect_that_cannot_be_undone_does_not_keep_the_others(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.ask(kind="hang")
    assert stage.apply() == 0
    thawed = stage.machine.run
    calls = iter([False, True])

    def deaf(argv: tuple[str, ...], **options: Any) -> Any:
        if argv[1] == "thaw" and not next(calls):
            raise OSError(5, "Input/output error")
        return thawed(argv, **options)

    monkeypatch.setattr("subprocess.run", deaf)
    monkeypatch.setattr("incidentops_faults.waiting.settle", lambda look, seconds: look())
    assert stage.undo() == 1
    assert stage.status()["phase"] == "undo-failed"
    assert "frozen" in stage.status()["message"]
    assert state.Record(ID).exists()
    assert stage.undo() == 0
    assert stage.status()["phase"] == "recovered"


def test_what_an_operator_masked_meanwhile_stays_down(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.ask()
    assert stage.apply() == 0
    monkeypatch.setitem(fake_machine.PLAIN, "LoadState", "masked")
    assert stage.undo() == 0
    assert stage.machine.state == "inactive"


def test_a_machine_that_goes_down_is_not_held_up(stage: Stage) -> None:
    stage.ask(kind="hang")
    assert stage.apply() == 0
    stage.machine.stopping = True
    stage.machine.end("inactive")
    assert stage.undo() == 0
    assert stage.machine.state == "inactive"
