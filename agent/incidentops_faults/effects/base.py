"""One thing that is changed on the machine and can be changed back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import asdict
from typing import Any, ClassVar


class Effect(ABC):
    """A subclass is a frozen dataclass whose fields are plain values: they are what the undo journal keeps.

    The journal line is written before ``do``. So ``undo`` must cope with an effect that was made, made in part, or not
    made at all, and with having been undone before: that is the whole promise.
    """

    name: ClassVar[str]
    """Its name in the journal; never changes."""

    @abstractmethod
    def do(self) -> None:
        """Make it.

        Raises:
            FaultError: when it can't be made.
        """

    @abstractmethod
    def undo(self) -> None:
        """Take it back; no mistake when there is nothing to take back.

        Raises:
            FaultError: when it is still there.
        """

    @abstractmethod
    def left(self) -> str:
        """A sentence when something of it is still there, measured, not remembered; else empty."""

    def line(self) -> dict[str, Any]:
        """For the undo journal."""
        return {"effect": self.name, **asdict(self)}  # type: ignore[call-overload]
