"""What the agent writes is judged: the file itself, what it asks for, and whether there is room."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest
from incidentops_faults import files, state
from unit.faults import fake_machine
from unit.faults.conftest import ID

if TYPE_CHECKING:
    from pathlib import Path

    from unit.faults.conftest import Stage

OTHER = "fedcba9876543210"
RIGHT = json.dumps({"kind": "stop", "service": "redis"})


def refused(stage: Stage, part: str, fault_id: str = ID) -> None:
    """The fault is refused with a sentence, and the machine was not touched."""
    before = stage.machine.looks()
    assert stage.apply(fault_id) == 1
    assert stage.status(fault_id)["phase"] == "refused"
    assert part in stage.status(fault_id)["message"], stage.status(fault_id)
    assert stage.machine.looks() == before
    assert stage.undo(fault_id) == 0


def test_a_refusal_says_to_programs_why(stage: Stage) -> None:
    def refusal(fault_id: str = ID, **asked: Any) -> str:
        stage.ask(fault_id=fault_id, **asked)
        assert stage.apply(fault_id) == 1
        return str(stage.status(fault_id)["refusal"])

    assert refusal(kind="nope") == "malformed"
    assert refusal(duration=-1) == "malformed"
    (stage.settings / "faults.yaml").write_text("disabled: [hang]\nmax_active: 1\n")
    assert refusal(kind="hang") == "denied"
    stage.machine.end("failed")
    assert refusal() == "unavailable"
    stage.machine.start()
    stage.ask()
    assert stage.apply() == 0
    assert refusal(OTHER) == "fault-active"
    busy = json.loads((state.FOLDER / ID / "request").read_text())
    (state.FOLDER / ID / "request").write_text(json.dumps(busy | {"unit": "other.service"}))
    assert refusal(OTHER) == "too-many"
    (state.FOLDER / ID / "request").write_text(json.dumps(busy))
    assert stage.undo() == 0


@pytest.mark.parametrize(
    "fault_id", ["", "../../etc/passwd", "0123456", "0" * 33, "ABCDEF01", "01234567\n", "0123 567"]
)
def test_an_id_is_hexadecimal_and_nothing_else(stage: Stage, fault_id: str) -> None:
    assert stage.apply(fault_id) == 1
    assert not state.FOLDER.exists() or list(state.FOLDER.iterdir()) == []


def test_a_request_is_good_for_one_time(stage: Stage) -> None:
    stage.ask(kind="nope")
    refused(stage, "kind: is 'nope'")
    assert list(stage.requests.iterdir()) == []
    refused(stage, "there is no request")


def test_links_are_not_followed(stage: Stage, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(RIGHT)
    (stage.requests / f"{ID}.json").symlink_to(tmp_path / "secret")
    refused(stage, "can't be opened")
    assert (tmp_path / "secret").read_text() == RIGHT
    os.link(tmp_path / "secret", stage.requests / f"{ID}.json")
    refused(stage, "has 2 names")
    stage.requests.rename(tmp_path / "elsewhere")
    stage.requests.symlink_to(tmp_path / "elsewhere")
    stage.ask()
    refused(stage, "can't be opened at 'requests'")


def test_what_is_no_file_is_refused(stage: Stage) -> None:
    path = stage.requests / f"{ID}.json"
    os.mkfifo(path)
    refused(stage, "no regular file")
    path.mkdir()
    refused(stage, "no regular file")
    path.rmdir()
    path.write_bytes(b"\xff\xfe")
    refused(stage, "not UTF-8")
    path.write_text(" " * (files.LIMIT + 1))
    refused(stage, "larger than 65536 bytes")
    path.write_text(RIGHT)
    path.chmod(0o622)
    refused(stage, "may be written by others")


@pytest.mark.skipif(os.getuid() != 0, reason="needs root, to give a file to another user")
def test_another_users_file_is_refused(stage: Stage) -> None:
    stage.ask()
    os.chown(stage.requests / f"{ID}.json", 12345, 12345)
    refused(stage, "belongs to uid 12345")


@pytest.mark.parametrize(
    ("asked", "part"),
    [
        ({"service": "sshd"}, "service: is 'sshd' but must be one of redis"),
        ({"duration": 99999}, "duration: is 99999"),
        ({"parameters": {"path": "/etc"}}, "parameters.path: is not a known key"),
        ({"kind": "kill", "parameters": {"signal": "KILL"}}, "parameters.signal: is 'KILL'"),
        ({"kind": "tasks", "parameters": {"free": -1}}, "parameters.free: is -1"),
    ],
)
def test_a_wrong_request_changes_nothing(stage: Stage, asked: dict[str, Any], part: str) -> None:
    stage.ask(**asked)
    refused(stage, part)


def test_an_alias_of_what_the_machine_needs_is_refused(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(fake_machine.PLAIN, "Names", "redis.service sshd.service")
    stage.ask()
    refused(stage, "redis.service is sshd.service, which this machine needs")


def test_a_unit_that_is_down_or_not_there_can_not_be_broken(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.machine.end("inactive")
    stage.ask()
    refused(stage, "redis.service is not active, so there is nothing to break")
    monkeypatch.setitem(fake_machine.PLAIN, "LoadState", "not-found")
    stage.ask()
    refused(stage, "is not installed")


def test_one_fault_for_each_service_and_so_many_in_all(stage: Stage) -> None:
    stage.ask()
    assert stage.apply() == 0
    stage.ask(fault_id=OTHER)
    refused(stage, f"redis has the fault {ID} already", OTHER)
    stage.ask()
    refused_again = stage.apply()
    assert refused_again == 1
    assert stage.undo() == 0
    stage.forget()
    (stage.settings / "faults.yaml").write_text("max_active: 1\n")
    state.Record(OTHER).create({"service": "postgres", "unit": "postgres.service"})
    stage.ask()
    refused(stage, "as many as faults.yaml allows at once")


def test_settings_with_a_mistake_allow_nothing(stage: Stage) -> None:
    (stage.settings / "faults.yaml").write_text("max_active: 0\ndisabled: [nope]\nmore: 1\n")
    stage.ask()
    before = stage.machine.looks()
    assert stage.apply() == 1
    message = stage.status()["message"]
    assert all(key in message for key in ("max_active", "disabled", "more")), message
    assert stage.machine.looks() == before


def test_a_watchdog_forbids_freezing(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(fake_machine.PLAIN, "WatchdogUSec", "2min")
    stage.ask(kind="hang")
    refused(stage, "WatchdogSec=2min")


def test_a_missing_controller_is_said(stage: Stage) -> None:
    (stage.machine.cgroups / "cgroup.controllers").write_text("cpu\n")
    stage.ask(kind="memory")
    refused(stage, "the memory controller is missing in this machine's control groups, which have only cpu")


def test_an_effect_that_is_not_seen_is_undone(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fake_machine, "limit", lambda text: "max")
    monkeypatch.setattr("incidentops_faults.kinds.cpu.Cpu.verify_within", 0)
    before = stage.machine.looks()
    stage.ask(kind="cpu")
    assert stage.apply() == 1
    assert stage.undo() == 0
    assert stage.status()["phase"] == "failed"
    assert "cpu of redis had no effect: cpu.max of redis.service is 'max'" in stage.status()["failure"]
    assert stage.machine.looks() == before


def test_a_check_and_a_preview_change_nothing(stage: Stage) -> None:
    before = stage.machine.looks()
    stage.ask(text=json.dumps({"mode": "check"}))
    assert stage.apply() == 0
    found = {one["kind"]: one["available"] for one in stage.status()["capabilities"]}
    assert found["stop"]
    stage.ask(mode="preview", kind="kill", parameters={"repeat": 5})
    assert stage.apply() == 0
    assert stage.status()["preview"] == ["SIGKILL is sent to the main process of redis.service, and again every 5 s."]
    assert stage.status()["unavailable"] == ""
    assert stage.machine.looks() == before
