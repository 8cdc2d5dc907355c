"""Which cards are shown, and in which order: pinned first, then what needs attention, then by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .state import Card, State

_RANK = {"failed": 0, "unresponsive": 1, "stopped": 2, "unknown": 3, "stopping": 4, "starting": 5, "healthy": 6}
_LAST = 7


def matches(card: Card, wanted: str) -> bool:
    """Whether a card fits what was typed: each word is part of its name, title, state, unit or of ``up``/``down``."""
    service = card.service
    text = f"{service.name} {service.title} {service.state} {service.unit.name} {'up' if service.up else 'down'}"
    return all(word in text.lower() for word in wanted.lower().split())


def attention(card: Card) -> int:
    """0 for what needs a look most."""
    return _RANK.get(card.service.state, _LAST)


def order(state: State, pinned: Iterable[str], wanted: str, failed_first: bool = True) -> list[str]:
    """The names of the cards to show, first one first."""
    first = set(pinned)

    def key(name: str) -> tuple[bool, int, str]:
        return name not in first, attention(state.cards[name]) if failed_first else 0, name

    return sorted((name for name, card in state.cards.items() if matches(card, wanted)), key=key)
