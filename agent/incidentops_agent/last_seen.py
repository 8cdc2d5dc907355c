"""Pure: which services were up and which were not when the agent was last heard of, as far as no incident says so."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .model import State

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping


@dataclass(slots=True)
class LastSeen:
    """``boot`` names this boot of the machine; ``up``: who was healthy, in this boot."""

    boot: str
    up: set[str] = field(default_factory=set)
    _quiet: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Who went down in a maintenance window and has not been up since: what was done to it then, and by whom."""

    def signed(self, detail: Mapping[str, Any]) -> None:
        """The agent gave a sign of life, with what ``sign`` made."""
        up = set(map(str, detail.get("up", ())))
        for name in up:
            self._quiet.pop(name, None)
        self.up = up if self.boot and detail.get("boot") == self.boot else set()

    def sign(self, up: Collection[str]) -> dict[str, Any]:
        return {"up": sorted(up), "boot": self.boot}

    def came(self, name: str) -> None:
        """Was seen healthy by an earlier run of the agent."""
        self.up.add(name)
        self._quiet.pop(name, None)

    def up_again(self, name: str) -> None:
        """What happened in the maintenance window is over."""
        self._quiet.pop(name, None)

    def fell(self, name: str) -> None:
        """Into an incident."""
        self.up.discard(name)
        self._quiet.pop(name, None)

    def fell_quietly(self, name: str, action: str, user: str) -> None:
        """In a maintenance window. ``action`` and ``user``: what was being done to it, empty for nothing."""
        self.up.discard(name)
        self._quiet[name] = action, user

    def fell_unseen(self, name: str, state: State) -> bool:
        """Whether it went down between two runs of the agent; what is only starting may have been restarted."""
        return name in self.up and state not in (State.STARTING, State.STOPPING)

    def quiet(self, name: str) -> tuple[str, str] | None:
        return self._quiet.get(name)

    def quiet_names(self) -> set[str]:
        return set(self._quiet)

    def forget(self, name: str) -> None:
        self.up.discard(name)
        self._quiet.pop(name, None)
