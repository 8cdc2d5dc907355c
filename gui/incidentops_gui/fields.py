"""One JSON object of the agent's, read field by field: the tool of every typed edge.

Fields that this version does not know are tolerated, so that a newer agent can be watched; a field that it needs and
that is missing or of another type is a WireError that names the key path.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any


class WireError(ValueError):
    """An answer of the agent that this application does not understand; the text names the key path."""


class Fields:
    """One JSON object; each method reads one field and names it when it is not as expected."""

    __slots__ = ("_path", "_values")

    def __init__(self, value: Any, path: str) -> None:
        if not isinstance(value, dict):
            raise WireError(f"{path or 'the answer'} is not an object but {_kind(value)}")
        self._values: dict[str, Any] = value
        self._path = path

    def _at(self, key: str) -> str:
        return f"{self._path}.{key}" if self._path else key

    def _take(self, key: str, wanted: type | tuple[type, ...], word: str, null: bool) -> Any:
        if key not in self._values:
            raise WireError(f"{self._at(key)} is missing")
        value = self._values[key]
        if value is None and null:
            return None
        if not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool):
            raise WireError(f"{self._at(key)} is not {word} but {_kind(value)}")
        return value

    def has(self, key: str) -> bool:
        return self._values.get(key) is not None

    def text(self, key: str) -> str:
        return str(self._take(key, str, "a text", null=False))

    def text_or(self, key: str, default: str = "") -> str:
        """A text that may be null or missing."""
        return self.text(key) if self.has(key) else default

    def flag(self, key: str) -> bool:
        return bool(self._take(key, bool, "true or false", null=False))

    def number(self, key: str) -> float:
        return float(self._take(key, (int, float), "a number", null=False))

    def number_or_none(self, key: str) -> float | None:
        value = self._take(key, (int, float), "a number", null=True)
        return None if value is None else float(value)

    def whole_or(self, key: str, default: int = 0) -> int:
        """A whole number that may be null or missing."""
        return int(self._take(key, int, "a whole number", null=False)) if self.has(key) else default

    def time_or_none(self, key: str) -> float | None:
        """An ISO 8601 instant as seconds since the epoch."""
        value = self._take(key, str, "a time", null=True)
        if value is None:
            return None
        try:
            return datetime.fromisoformat(value).timestamp()
        except ValueError as error:
            raise WireError(f"{self._at(key)} is not a time but {value[:40]!r}") from error

    def time(self, key: str) -> float:
        value = self.time_or_none(key)
        if value is None:
            raise WireError(f"{self._at(key)} is null")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        return texts(self._take(key, list, "a list", null=False), self._at(key))

    def numbers(self, key: str) -> tuple[float, ...]:
        value = self._take(key, list, "a list", null=False)
        if not all(isinstance(one, int | float) for one in value):
            raise WireError(f"{self._at(key)} holds something else than numbers")
        return tuple(float(one) for one in value)

    def section(self, key: str) -> Fields:
        return Fields(self._take(key, dict, "an object", null=False), self._at(key))

    def section_or_none(self, key: str) -> Fields | None:
        return self.section(key) if self.has(key) else None

    def sections(self, key: str) -> list[Fields]:
        value = self._take(key, list, "a list", null=False)
        return [Fields(one, f"{self._at(key)}[{index}]") for index, one in enumerate(value)]

    def children(self) -> dict[str, Fields]:
        return {key: Fields(value, self._at(key)) for key, value in self._values.items()}

    def names(self) -> list[str]:
        return list(self._values)

    def any_or_none(self, key: str) -> Any:
        """A value of any type; None where there is none."""
        return self._values.get(key)

    def plain(self, key: str) -> dict[str, Any]:
        """An object of any content that may be null or missing."""
        return dict(self._take(key, dict, "an object", null=False)) if self.has(key) else {}

    def strings(self) -> dict[str, str]:
        return {key: self.text(key) for key in self._values}


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a text", bool: "a flag", int: "a number", float: "a number"}
    return "null" if value is None else names.get(type(value), "something else")


def texts(value: Any, path: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise WireError(f"{path} is not a list of texts")
    return tuple(value)


def parse(body: bytes | str) -> Any:
    """JSON text to plain values.

    Raises:
        WireError: it is not JSON.
    """
    try:
        return json.loads(body)
    except ValueError as error:
        raise WireError(f"the answer is not JSON ({error})") from error
