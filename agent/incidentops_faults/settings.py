"""What an administrator allows: /etc/incidentops/faults.yaml. Only computes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from incidentops_agent import edge

if TYPE_CHECKING:
    from collections.abc import Collection

DAY = 86_400
"""The longest that any fault may last, in seconds; RuntimeMaxSec= of the unit is a little more."""


@dataclass(frozen=True, slots=True)
class Settings:
    """``max_duration`` is seconds; ``max_active`` how many faults there may be at once; ``disabled`` names kinds."""

    max_duration: float = 3600
    max_active: int = 3
    disabled: frozenset[str] = frozenset()


def parse(file: str, text: str, kinds: Collection[str]) -> Settings:
    """Read the settings from a text.

    Raises:
        edge.EdgeError: with every mistake.
    """
    problems: list[edge.Problem] = []
    settings = Settings()
    section = edge.read(file, text, problems)
    if section is not None:
        disabled = section.texts("disabled")
        for name in disabled:
            if name not in kinds:
                section.problem("disabled", f"names {name!r}, which is no kind of fault; known: {', '.join(kinds)}")
        settings = Settings(
            section.number("max_duration", settings.max_duration, 1, DAY, "seconds"),
            section.integer("max_active", settings.max_active, 1, 20),
            frozenset(disabled),
        )
        section.close()
    if problems:
        raise edge.EdgeError(problems)
    return settings
