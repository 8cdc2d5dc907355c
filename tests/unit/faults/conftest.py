"""A fake machine on which whole lives of faults can be played, and ended anywhere."""

from __future__ import annotations

import json
import os
import pwd
import socket
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from incidentops_faults import applying, intake, notify, reach, services, state, systemd, undoing, waiting
from incidentops_faults.effects import drop_in
from unit.faults.fake_machine import Machine

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ID = "0123456789abcdef"


class Stage:
    """The fake machine with the faults' own folders beside it."""

    def __init__(self, folder: Path, machine: Machine) -> None:
        self.machine = machine
        self.requests = folder / "requests"
        self.settings = folder / "etc"
        self.catalogue = folder / "services.d"
        for one in (self.requests, self.settings, self.catalogue, folder / "data" / "redis"):
            one.mkdir(parents=True)
        self.data = folder / "data" / "redis"
        with socket.socket() as probe:  # a port that nobody has
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.define()

    def define(self, unit: str = "redis.service") -> None:
        text = f"unit: {unit}\nprobe: {{kind: none}}\nfaults: {{data: {self.data}, ports: [{self.port}]}}\n"
        (self.catalogue / "redis.yaml").write_text(text)

    def ask(self, text: str | None = None, fault_id: str = ID, **asked: Any) -> None:
        known = {"kind": "stop", "service": "redis", "duration": 1}
        (self.requests / f"{fault_id}.json").write_text(json.dumps(known | asked) if text is None else text)

    def apply(self, fault_id: str = ID) -> int:
        return applying.apply(fault_id)

    def undo(self, fault_id: str = ID) -> int:
        return undoing.undo(fault_id)

    def forget(self, fault_id: str = ID) -> None:
        """As after a reboot: an id is good for one fault."""
        state.Record(fault_id).untell()

    def status(self, fault_id: str = ID) -> dict[str, Any]:
        return state.Record(fault_id).status()


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    machine = Machine(tmp_path)
    made = Stage(tmp_path, machine)
    monkeypatch.setattr(subprocess, "run", machine.run)
    monkeypatch.setattr(state, "FOLDER", tmp_path / "faults")
    monkeypatch.setattr(intake, "REQUESTS", made.requests)
    monkeypatch.setattr(intake, "SETTINGS", made.settings / "faults.yaml")
    monkeypatch.setattr(intake, "USER", pwd.getpwuid(os.getuid()).pw_name)
    monkeypatch.setattr(services, "FOLDERS", (made.catalogue,))
    monkeypatch.setattr(services, "ROOT", (os.getuid(),))
    monkeypatch.setattr(systemd, "CGROUPS", machine.cgroups)
    monkeypatch.setattr(drop_in, "UNITS", machine.units)
    monkeypatch.setattr(notify, "JOURNAL", str(tmp_path / "nobody-listens"))
    monkeypatch.setattr(reach, "TIMEOUT", 0.1)
    monkeypatch.setattr(waiting, "EVERY", 0.001)
    # the alarm of the kernel would end the tests; the deadline is now
    monkeypatch.setattr("signal.alarm", lambda seconds: 0)
    monkeypatch.setattr(waiting.Hold, "wait", lambda hold, seconds=0.0: True)
    yield made
    machine.close()
