"""The typed edge for YAML: reads a document into plain values and collects every mistake with file, line and key path.

Nothing here opens a file: texts come in, values and problems go out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import yaml

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

T = TypeVar("T")


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One mistake. ``line`` counts from 1; ``key`` is a dotted path, empty for the document itself."""

    file: str
    line: int
    key: str
    message: str

    def __str__(self) -> str:
        key = f"{self.key}: " if self.key else ""
        return f"{self.file}:{self.line}: {key}{self.message}"


class EdgeError(Exception):
    """A document can't be used; carries all of its problems."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = sorted(problems)
        super().__init__("\n".join(map(str, self.problems)))


class Section:
    """A mapping of the document that is being read; every key must be asked for, the rest is reported by ``close``."""

    def __init__(self, file: str, path: str, node: yaml.MappingNode, problems: list[Problem]) -> None:
        self.file = file
        self.path = path
        self.node = node
        self.problems = problems
        self._values: dict[str, tuple[yaml.Node, yaml.Node]] = {}
        self._asked: list[str] = []
        for key_node, value_node in node.value:
            key = str(key_node.value) if isinstance(key_node, yaml.ScalarNode) else "?"
            if key in self._values:
                self._report(key_node, key, "is given twice; keep one of them")
            self._values[key] = (key_node, value_node)

    def _join(self, key: str) -> str:
        return f"{self.path}.{key}" if self.path else key

    def _report(self, node: yaml.Node, key: str, message: str) -> None:
        self.problems.append(
            Problem(self.file, node.start_mark.line + 1, self._join(key) if key else self.path, message)
        )

    def problem(self, key: str, message: str) -> None:
        """Report a mistake in the value of ``key``, or in the whole section when the key is not there."""
        found = self._values.get(key)
        self._report(found[1] if found else self.node, key, message)

    def has(self, key: str) -> bool:
        return key in self._values

    def _take(self, key: str, required: bool) -> yaml.Node | None:
        self._asked.append(key)
        found = self._values.get(key)
        if found is None:
            if required:
                self.problem(key, "is missing; it has no default")
            return None
        return found[1]

    def _scalar(self, key: str, required: bool, tags: tuple[str, ...], wanted: str) -> str | None:
        node = self._take(key, required)
        if node is None:
            return None
        if not isinstance(node, yaml.ScalarNode) or node.tag.rpartition(":")[2] not in tags:
            self.problem(key, f"must be {wanted}")
            return None
        return str(node.value)

    def text(
        self, key: str, default: str | None = None, *, pattern: str = r"(?s).+", wanted: str = "a non-empty text"
    ) -> str:
        """A string that matches ``pattern`` as a whole; required when it has no default."""
        value = self._scalar(key, default is None, ("str",), wanted)
        if value is None:
            return default or ""
        if not re.fullmatch(pattern, value):
            self.problem(key, f"is {value!r} but must be {wanted}")
            return default or ""
        return value

    def choice(self, key: str, choices: Iterable[str], default: str | None = None) -> str:
        allowed = sorted(choices)
        value = self._scalar(key, default is None, ("str",), f"one of {', '.join(allowed)}")
        if value is None:
            return default or ""
        if value not in allowed:
            self.problem(key, f"is {value!r} but must be one of {', '.join(allowed)}")
            return default or ""
        return value

    def number(self, key: str, default: float, low: float, high: float, unit: str) -> float:
        """A number with bounds, both allowed; ``unit`` is named in the message."""
        wanted = f"a number of {unit} from {low:g} to {high:g}"
        value = self._scalar(key, False, ("int", "float"), wanted)
        if value is None:
            return default
        number = _number(value)
        if number is None or not low <= number <= high:
            self.problem(key, f"is {value[:50]} but must be {wanted}")
            return default
        return float(number)

    def integer(self, key: str, default: int, low: int, high: int) -> int:
        wanted = f"a whole number from {low} to {high}"
        value = self._scalar(key, False, ("int",), wanted)
        if value is None:
            return default
        number = _number(value)
        if not isinstance(number, int) or not low <= number <= high:
            self.problem(key, f"is {value[:50]} but must be {wanted}")
            return default
        return number

    def flag(self, key: str, default: bool) -> bool:
        value = self._scalar(key, False, ("bool",), "true or false")
        if value is None:
            return default
        if value.lower() not in yaml.SafeLoader.bool_values:
            self.problem(key, f"is {value[:50]!r} but must be true or false")
            return default
        return yaml.SafeLoader.bool_values[value.lower()]

    def texts(self, key: str) -> list[str]:
        """A list of strings, empty when the key is not there."""
        return self._items(key, "str", "a text", str)

    def integers(self, key: str) -> list[int]:
        """A list of whole numbers, empty when the key is not there."""

        def whole(value: str) -> int | None:
            number = _number(value)
            return number if isinstance(number, int) else None

        return self._items(key, "int", "a whole number", whole)

    def _items(self, key: str, tag: str, wanted: str, convert: Callable[[str], T | None]) -> list[T]:
        node = self._take(key, False)
        if node is None:
            return []
        if not isinstance(node, yaml.SequenceNode):
            self.problem(key, "must be a list")
            return []
        values = []
        for index, item in enumerate(node.value):
            fits = isinstance(item, yaml.ScalarNode) and item.tag.endswith(f":{tag}")
            value = convert(str(item.value)) if fits else None
            if value is None:
                self._report(item, f"{key}[{index}]", f"must be {wanted}")
            else:
                values.append(value)
        return values

    def section(self, key: str) -> Section | None:
        """The mapping below ``key``; None when it is missing (the caller decides) or is no mapping (reported)."""
        node = self._take(key, False)
        if node is None:
            return None
        if not isinstance(node, yaml.MappingNode):
            self.problem(key, "must be a mapping of keys to values")
            return None
        return Section(self.file, self._join(key), node, self.problems)

    def close(self) -> None:
        """Report every key that nobody asked for."""
        known = ", ".join(sorted(self._asked))
        for key, (key_node, _) in self._values.items():
            if key not in self._asked:
                self._report(key_node, key, f"is not a known key; known here: {known}")


def _number(text: str) -> int | float | None:
    """A number as YAML 1.1 writes it; None for what only looks like one (0x_, !!int x, thousands of digits)."""
    try:
        value = yaml.safe_load(text)
        float(value)
    except (yaml.YAMLError, ValueError, TypeError, OverflowError):
        return None
    return value if isinstance(value, int | float) else None


def read(file: str, text: str, problems: list[Problem]) -> Section | None:
    """The top mapping of a document; an empty document is an empty mapping. None when it can't be read (reported)."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problems.append(Problem(file, mark.line + 1 if mark else 1, "", f"is not valid YAML: {error.problem}"))
        return None
    except yaml.YAMLError as error:  # a character that YAML does not allow has no mark
        problems.append(Problem(file, 1, "", f"is not valid YAML: {error}"))
        return None
    except (ValueError, OverflowError) as error:  # the library lets some through, for "\U00110000" and the like
        problems.append(Problem(file, 1, "", f"is not valid YAML: {error}"))
        return None
    except RecursionError:
        problems.append(Problem(file, 1, "", "is nested too deeply"))
        return None
    if node is None:
        node = yaml.MappingNode("tag:yaml.org,2002:map", [], yaml.Mark(file, 0, 0, 0, "", 0))
    if not isinstance(node, yaml.MappingNode):
        problems.append(Problem(file, node.start_mark.line + 1, "", "must be a mapping of keys to values"))
        return None
    return Section(file, "", node, problems)
