"""Notifications: only when a service goes from up to down or back, and what happens together is told together."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from . import wording
from .translate import tr

if TYPE_CHECKING:
    from .state import State


@dataclass(frozen=True, slots=True)
class Notice:
    title: str
    text: str
    bad: bool


@dataclass(slots=True)
class Edges:
    """Remembers which services were up; ``collect`` is called when a moment of quiet has passed."""

    _known: dict[str, bool] = field(default_factory=dict)

    @property
    def knows(self) -> bool:
        """Whether there is anything to compare with."""
        return bool(self._known)

    def collect(self, state: State) -> Notice | None:
        """What has changed since the last call; None when nothing has, or when it is not known to be true now."""
        if not state.connection.live:
            return None
        # On its way up or down is neither: the end of it is the news.
        now = {
            name: card.service.up
            for name, card in state.cards.items()
            if not card.service.stale and (card.service.up or card.service.state not in ("starting", "stopping"))
        }
        down = sorted(name for name, up in now.items() if not up and self._known.get(name, up))
        back = sorted(name for name, up in now.items() if up and not self._known.get(name, up))
        self._known.update(now)
        for name in set(self._known) - set(state.cards):
            del self._known[name]
        if not down and not back:
            return None
        return _notice(state, down, back)


def _notice(state: State, down: list[str], back: list[str]) -> Notice:
    lines = []
    if down:
        lines += [f"{name}: {state.cards[name].service.reason or tr('down')}" for name in down]
    if back and down:
        lines.append(tr("Back up: {names}").format(names=wording.listed(back)))
    if down:
        title = tr("{names} down").format(names=wording.listed(down))
    else:
        title = tr("{names} back up").format(names=wording.listed(back))
    return Notice(title, "\n".join(lines), bool(down))
