"""What a kind of fault says of itself and can do; README.md tells how to add one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from .. import systemd
from ..effects.unit_state import UnitState

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from incidentops_agent.parameters import Parameter, Value

    from ..effects.base import Effect
    from ..services import Target
    from ..waiting import Hold


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be done: validated. ``others`` are the targets that parameters of type service name."""

    id: str
    target: Target
    values: Mapping[str, Value] = field(default_factory=dict)
    duration: float = 60
    others: Mapping[str, Target] = field(default_factory=dict)


class Fault(ABC):
    """One fault. The runner calls, in this order: ``check``, ``effects``, ``verify``, ``hold``; and in another process,
    however this one ended, it undoes the effects from the journal and calls ``recovered``."""

    kind: ClassVar[str]
    title: ClassVar[str]
    summary: ClassVar[str]
    """One sentence: what happens to the service."""
    needs: ClassVar[str] = ""
    """What the machine must have, in words."""
    parameters: ClassVar[tuple[Parameter, ...]] = ()
    probes: ClassVar[tuple[str, ...]] = ()
    """The kinds of probe whose services it is for; empty: every service."""
    renews: ClassVar[str] = "never"
    """Which runs of the unit that began during the fault must be replaced after it, see UnitState."""
    verify_within: ClassVar[float] = 10
    """Seconds until the effect must be seen."""

    def __init__(self, order: Order) -> None:
        self.order = order
        self.unit = order.target.unit
        self.service = order.target.service

    @abstractmethod
    def check(self) -> str:
        """Why it can't be done here and now, as a sentence after "unavailable here because "; empty when it can.
        Changes nothing."""

    @abstractmethod
    def preview(self) -> list[str]:
        """What it will do and to what, one sentence each. Changes nothing."""

    @abstractmethod
    def effects(self) -> Iterable[Effect]:
        """The effects in their order. Each is in the undo journal, and made, before the next one is asked for. What is
        not yielded here is not undone, so it must vanish with this process (a socket, an open file)."""

    @abstractmethod
    def verify(self) -> str:
        """A sentence while the effect can't be seen; empty once it is measured. Asked again until it is."""

    def hold(self, hold: Hold) -> None:
        """Keep it up until the deadline; returns at once or raises when it can't."""
        hold.wait()

    def recovered(self) -> str:
        """A sentence while the service has not recovered. Asked again until it has; runs in the undoing process, so it
        knows the order and the machine, not what ``effects`` left in this object."""
        return ""

    def before(self) -> UnitState:
        """The state to come back to."""
        return UnitState.of(self.unit, self.renews, self.order.target.spec.start_deadline)

    def number(self, name: str) -> float:
        value = self.order.values[name]
        assert isinstance(value, int | float)
        return value

    def text(self, name: str) -> str:
        return str(self.order.values[name])

    @classmethod
    def described(cls) -> dict[str, Any]:
        """For the catalogue as JSON."""
        return {
            "kind": cls.kind,
            "title": cls.title,
            "summary": cls.summary,
            "needs": cls.needs,
            "probes": list(cls.probes),
            "parameters": [one.described() for one in cls.parameters],
        }


def also_down(unit: str) -> list[str]:
    """A sentence naming what a stop of the unit takes with it, for previews; empty when nothing."""
    others = systemd.go_down_with(unit)
    return [f"{', '.join(others)} goes down with it and is started again afterwards."] if others else []
