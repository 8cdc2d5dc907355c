"""Faults of a lab machine as the tests speak of them: cases, injection without the agent, comparison, killing."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from system.fingerprint import differences
from system.machine import eventually

if TYPE_CHECKING:
    from collections.abc import Callable

    from system.machine import Lab

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Case:
    """A fault to try. ``seen`` looks with a tool that is not ours whether its effect is there; ``up_within`` is how
    many seconds its service may take to be healthy again. ``detected``: whether the agent must see the service down,
    which is not so where it only gets worse, or where something else than its probe fails."""

    kind: str
    service: str
    seen: Callable[[Lab], bool]
    parameters: dict[str, Any] = field(default_factory=dict)
    duration: float = 3
    up_within: float = 30
    detected: bool = True

    def __str__(self) -> str:
        parameters = "".join(f",{name}={value}" for name, value in self.parameters.items())
        return f"{self.kind}-{self.service}{parameters}"

    def request(self, duration: float = 0) -> str:
        asked = {"kind": self.kind, "service": self.service, "parameters": self.parameters}
        return json.dumps(asked | {"duration": duration or self.duration, "user": "test"})


def fresh_id() -> str:
    return secrets.token_hex(8)


def drive(lab: Lab, *words: str) -> dict[str, Any]:
    """Run fault_driver.py inside; what it prints."""
    text = (HERE / "fault_driver.py").read_text()
    return dict(json.loads(lab.run("python3", "-", *words, input=text, timeout=240).stdout))


def fingerprint(lab: Lab) -> dict[str, Any]:
    return dict(json.loads(lab.run("python3", "-", input=(HERE / "fingerprint.py").read_text()).stdout))


def as_before(lab: Lab, before: dict[str, Any], deadline: float = 30) -> None:
    """The machine is what it was, as soon as its services have come to rest; fails with the differences."""
    changes: list[str] = []

    def same() -> bool:
        changes[:] = differences(before, fingerprint(lab)) if lab.all_up() else [f"states: {lab.states()}"]
        return not changes

    try:
        eventually(same, deadline, every=0.5)
    except BaseException as error:
        raise AssertionError("the machine is not as before:\n" + "\n".join(changes)) from error
