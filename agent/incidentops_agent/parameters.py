"""Parameters as data: what a kind of fault takes, and how values for it are read: by the agent, and by the root code
once more. Only computes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from .edge import Section

Value = str | int | float | bool


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter. ``type``: integer, number, choice, flag, text, or service (the name of one of the catalogue).

    ``low`` and ``high`` bound numbers, both allowed; ``pattern`` is what a text matches as a whole and ``wanted`` says
    it in words. ``default`` None means that it must be given; numbers, choices and flags have one always.
    """

    name: str
    type: str
    help: str
    default: Value | None = None
    unit: str = ""
    low: float = 0
    high: float = 0
    choices: tuple[str, ...] = ()
    pattern: str = ""
    wanted: str = ""

    def described(self) -> dict[str, Any]:
        """For the catalogue as JSON: only what its type has."""
        made: dict[str, Any] = {"name": self.name, "type": self.type, "help": self.help, "default": self.default}
        if self.type in ("integer", "number"):
            made |= {"unit": self.unit, "low": self.low, "high": self.high}
        elif self.type == "choice":
            made |= {"choices": list(self.choices)}
        elif self.type == "text":
            made |= {"pattern": self.pattern, "wanted": self.wanted}
        return made


def read(parameters: Sequence[Parameter], section: Section | None, services: Collection[str]) -> dict[str, Value]:
    """The values in a section, defaults for those that it lacks; mistakes and unknown keys go to its problems."""
    if section is None:
        return {one.name: one.default for one in parameters if one.default is not None}
    values = {one.name: _value(one, section, services) for one in parameters}
    section.close()
    return values


def _value(one: Parameter, section: Section, services: Collection[str]) -> Value:
    match one.type:
        case "integer":
            return section.integer(one.name, int(one.default or 0), int(one.low), int(one.high))
        case "number":
            return section.number(one.name, float(one.default or 0), one.low, one.high, one.unit)
        case "flag":
            return section.flag(one.name, bool(one.default))
        case "choice":
            return section.choice(one.name, one.choices, None if one.default is None else str(one.default))
        case "service":
            return section.choice(one.name, services, None if one.default is None else str(one.default))
        case _:
            default = None if one.default is None else str(one.default)
            return section.text(one.name, default, pattern=one.pattern or r"(?s).+", wanted=one.wanted)
