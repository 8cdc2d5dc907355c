"""Form fields that are made from the typed parameters of a kind of fault."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from .. import faults, wording
from ..translate import tr
from .field import Field
from .text import ink, label, write

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ..faults import Kind, Parameter

WIDEST = 2_147_483_647
"""The largest number that a QSpinBox holds."""
DURATION = "duration"


@dataclass(slots=True)
class Entry:
    """A field of the form. ``key`` is its path in the order; ``shown`` says what is wrong with it."""

    key: str
    widget: QWidget
    value: Callable[[], Any]
    parameter: Parameter
    shown: QLabel
    hint: QLabel


class Form(QWidget):
    """``changed`` when a value has changed. How long comes last, for every kind."""

    changed = Signal()

    def __init__(self, services: Sequence[str], parent: QWidget) -> None:
        super().__init__(parent)
        self._services = services
        self.entries: dict[str, Entry] = {}
        self._inner = QWidget(self)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.addWidget(self._inner)

    # -- making

    def show_kind(
        self, kind: Kind, bounds: tuple[float, float], duration: float, path: str = "parameters.", about: str = ""
    ) -> None:
        """Other fields: those of a kind. ``bounds`` and ``duration`` are seconds; ``path`` is where the agent finds the
        values, ``about`` what the duration is of."""
        old, self._inner = self._inner, QWidget(self)
        self._column.replaceWidget(old, self._inner)
        old.hide()
        old.deleteLater()
        self.entries = {}
        grid = QGridLayout(self._inner)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(14)
        grid.setVerticalSpacing(3)
        grid.setColumnStretch(1, 1)
        low, high = bounds
        about = about or tr("undone after so long at the latest")
        lasts = faults.Parameter(DURATION, "integer", about, round(duration), "seconds", low, high)
        for parameter in kind.parameters:
            self._add(grid, parameter, f"{path}{parameter.name}", parameter.name)
        self._add(grid, lasts, DURATION, tr("duration"))
        self._inner.show()
        self._check()
        self.recolour()

    def _add(self, grid: QGridLayout, parameter: Parameter, key: str, title: str) -> None:
        widget, value, signal = self._input(parameter)
        row = grid.rowCount()
        name = label(self._inner, 1.0, bold=True)
        name.setText(title)
        name.setBuddy(widget)
        name.setMinimumHeight(widget.sizeHint().height())
        widget.setAccessibleName(title)
        widget.setAccessibleDescription(parameter.help)
        hint, shown = label(self._inner, 0.88), label(self._inner, 0.9, bold=True)
        for line in (hint, shown):
            line.setWordWrap(True)
        shown.hide()
        beside = QHBoxLayout()
        beside.setSpacing(8)
        beside.addWidget(widget)
        if parameter.type not in ("text",):
            beside.addStretch(1)
        grid.addWidget(name, row, 0, Qt.AlignmentFlag.AlignTop)
        grid.addLayout(beside, row, 1)
        grid.addWidget(hint, row + 1, 1)
        grid.addWidget(shown, row + 2, 1)
        grid.setRowMinimumHeight(row + 3, 7)
        self.entries[key] = Entry(key, widget, value, parameter, shown, hint)
        signal.connect(self._on_changed)

    def _input(self, one: Parameter) -> tuple[QWidget, Callable[[], Any], Any]:
        """The widget, what reads its value, and the signal of a change."""
        parent = self._inner
        if one.type == "integer":
            spin = QSpinBox(parent)
            spin.setRange(round(max(one.low, -WIDEST)), round(min(one.high, WIDEST)))
            spin.setValue(int(one.default or 0))
            spin.setGroupSeparatorShown(True)
            spin.setSuffix(_suffix(one.unit))
            spin.setMinimumWidth(130)
            return spin, spin.value, spin.valueChanged
        if one.type == "number":
            real = QDoubleSpinBox(parent)
            real.setDecimals(2)
            real.setRange(one.low, one.high)
            real.setValue(float(one.default or 0))
            real.setSuffix(_suffix(one.unit))
            real.setMinimumWidth(130)
            return real, real.value, real.valueChanged
        if one.type == "flag":
            box = QCheckBox(tr("yes"), parent)
            box.setChecked(bool(one.default))
            return box, box.isChecked, box.toggled
        if one.type in ("choice", "service"):
            return self._choice(one)
        field = Field(one.wanted, one.name, parent)
        field.setText("" if one.default is None else str(one.default))
        return field, field.text, field.textChanged

    def _choice(self, one: Parameter) -> tuple[QWidget, Callable[[], Any], Any]:
        combo = QComboBox(self._inner)
        combo.addItems(list(one.choices if one.type == "choice" else self._services))
        if one.default is not None:
            combo.setCurrentText(str(one.default))
        return combo, combo.currentText, combo.currentTextChanged

    # -- reading

    def values(self) -> dict[str, Any]:
        """The parameters by name."""
        return {one.parameter.name: one.value() for key, one in self.entries.items() if key != DURATION}

    @property
    def duration(self) -> int:
        """Seconds."""
        return int(self.entries[DURATION].value())

    def mistakes(self) -> dict[str, str]:
        """What will be refused, as far as is known here, by key path."""
        return {key: text for key, one in self.entries.items() if (text := _mistake(one))}

    # -- showing

    def show_problems(self, problems: Mapping[str, str]) -> list[str]:
        """Say what the agent says of each field; what is about none of them is handed back."""
        for key, entry in self.entries.items():
            self._say(entry, problems.get(key, ""))
        for key in problems:
            if key in self.entries:
                self.entries[key].widget.setFocus()
                break
        return [f"{key}: {text}" for key, text in problems.items() if key not in self.entries]

    def _say(self, entry: Entry, text: str) -> None:
        write(entry.shown, text)
        entry.shown.setVisible(bool(text))
        hint = entry.parameter.help
        entry.widget.setAccessibleDescription(f"{text}. {hint}" if text else hint)

    def _on_changed(self) -> None:
        self._check()
        self.changed.emit()

    def _check(self) -> None:
        """What can be told without asking: texts that are not as wanted, and how long the time is in words."""
        for entry in self.entries.values():
            self._say(entry, _mistake(entry))
            write(entry.hint, _hint(entry))
            entry.hint.setVisible(bool(entry.hint.text()))

    def recolour(self) -> None:
        for entry in self.entries.values():
            ink(entry.hint, "muted")
            ink(entry.shown, "bad")


def _suffix(unit: str) -> str:
    return f" {tr('s') if unit == 'seconds' else unit}" if unit else ""


def _mistake(entry: Entry) -> str:
    """Why a text will be refused; numbers and choices can't be wrong here."""
    one = entry.parameter
    if one.type != "text":
        return ""
    text = entry.value()
    if not text:
        return tr("must be given") if one.default is None else ""
    try:
        fits = not one.pattern or re.fullmatch(one.pattern, text) is not None
    except re.error:
        return ""  # the agent knows better
    return "" if fits else tr("must be {wanted}").format(wanted=one.wanted or one.pattern)


def _hint(entry: Entry) -> str:
    one = entry.parameter
    parts = [one.help]
    if one.type in ("integer", "number"):
        low, high = f"{one.low:.15g}", f"{one.high:.15g}"
        if entry.key == DURATION:
            low, high = wording.seconds(one.low), wording.seconds(one.high)
        parts.append(tr("{low} to {high}").format(low=low, high=high))
    if entry.key == DURATION and entry.value() >= 60:
        parts[0] = tr("{help}: {time}").format(help=one.help, time=wording.seconds(entry.value()))
    return " · ".join(part for part in parts if part)
