"""Wherever a fault's process dies, before or after any change, its undoing leaves the machine as it was before."""

from __future__ import annotations

import shutil
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
        stage.forget()
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


@pytest.mark.parametrize("loaded", ["masked", "not-found"])
def test_what_was_masked_or_removed_meanwhile_stays_down(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, loaded: str
) -> None:
    stage.ask()
    assert stage.apply() == 0
    monkeypatch.setitem(fake_machine.PLAIN, "LoadState", loaded)
    assert stage.undo() == 0
    assert stage.machine.state == "inactive"


def test_a_machine_that_goes_down_is_not_held_up(stage: Stage) -> None:
    stage.ask(kind="hang")
    assert stage.apply() == 0
    stage.machine.stopping = True
    stage.machine.end("inactive")
    assert stage.undo() == 0
    assert stage.machine.state == "inactive"


def test_a_service_that_the_catalogue_has_no_more_is_brought_back(stage: Stage) -> None:
    stage.ask()
    assert stage.apply() == 0
    (stage.catalogue / "redis.yaml").unlink()
    assert stage.undo() == 0
    assert stage.status()["phase"] == "recovered"
    assert "the catalogue has no service redis any more" in stage.status()["message"]
    assert stage.machine.state == "active"


def test_who_took_no_connection_before_need_not_after(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("incidentops_faults.reach.complaint", lambda target: "it takes no connection from here")
    stage.ask()
    assert stage.apply() == 0
    assert stage.undo() == 0
    assert stage.status()["phase"] == "recovered"


@pytest.mark.parametrize("mistake", [OSError(30, "Read-only file system"), KeyError("x"), RecursionError()])
def test_no_mistake_in_one_effect_keeps_the_others(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, mistake: Exception
) -> None:
    def wrong(_effect: object) -> None:
        raise mistake

    stage.ask(kind="wrong-config")
    assert stage.apply() == 0
    with monkeypatch.context() as broken:
        broken.setattr("incidentops_faults.effects.renewed.Renewed.undo", wrong)
        assert stage.undo() == 1
        assert type(mistake).__name__ in stage.status()["message"]
        assert stage.machine.state == "active"
        assert not list(stage.machine.units.rglob("*.conf"))
    assert stage.undo() == 0
    assert stage.status()["phase"] == "recovered"


def test_a_full_run_keeps_no_fault(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """What can't be told is undone all the same, and nothing seems to be injected afterwards."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    stage.ask()
    assert stage.apply() == 0
    monkeypatch.setattr(state, "_write", full)
    assert stage.undo() == 0
    assert stage.machine.state == "active"
    assert list(state.FOLDER.glob("*/")) == []
    assert stage.status() == {}


def test_nothing_seems_injected_whenever_the_process_dies(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed at each write to the fault's files, also when the undoing is: no status but that of a fault with a folder
    says that it is there, so an attempt more always ends it."""
    real_write, real_rmtree = state._write, shutil.rmtree
    for die_at in range(100):
        stage.forget()
        left = die_at

        def die() -> None:
            nonlocal left
            left -= 1
            if left == -1:
                raise Killed

        def write(*about: Any) -> None:
            die()
            real_write(*about)
            die()

        def rmtree(*about: Any, **more: Any) -> None:
            die()
            real_rmtree(*about, **more)

        stage.ask()
        with monkeypatch.context() as dying:
            dying.setattr(state, "_write", write)
            dying.setattr(shutil, "rmtree", rmtree)
            died = False
            for half in (stage.apply, stage.undo):
                try:
                    half()
                except Killed:
                    died = True
        shown = stage.status().get("phase", "refused")
        # the undo unit is started when there is a folder
        assert state.Record(ID).exists() or shown in state.OVER, (die_at, stage.status())
        assert stage.undo() == 0
        assert stage.status().get("phase", "refused") in state.OVER
        assert not state.Record(ID).exists()
        assert stage.machine.state == "active"
        if not died:
            assert die_at > 10
            return
    pytest.fail("it always dies")


def test_an_id_is_good_for_one_fault(stage: Stage) -> None:
    stage.ask()
    assert stage.apply() == 0
    told = stage.status()
    stage.ask(kind="hang")
    assert stage.apply() == 1
    assert stage.status() == told
    assert stage.undo() == 0
    told = stage.status()
    assert stage.apply() == 1
    assert stage.undo() == 0
    assert stage.status() == told


def test_nobody_else_holds_up_the_admission(stage: Stage) -> None:
    stage.ask()
    assert stage.apply() == 0
    assert stage.undo() == 0
    assert (state.FOLDER / ".admission").stat().st_mode & 0o777 == 0o600


def test_what_dies_by_itself_just_now_does_not_end_the_fault(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """systemctl kill fails when there is nothing to kill any more."""
    waits = iter([False, True])
    monkeypatch.setattr("incidentops_faults.waiting.Hold.wait", lambda *_: next(waits))
    stage.ask(kind="kill", parameters={"signal": "SIGSTOP", "repeat": 1})
    killed = stage.machine.run
    calls = 0

    def gone(argv: tuple[str, ...], **options: Any) -> Any:
        nonlocal calls
        done = killed(argv, **options)
        calls += argv[1] == "kill"
        if argv[1] == "kill" and calls == 2:
            done.returncode = 1
        return done

    monkeypatch.setattr("subprocess.run", gone)
    assert stage.apply() == 0, stage.status()
    assert calls == 2
    assert stage.undo() == 0
