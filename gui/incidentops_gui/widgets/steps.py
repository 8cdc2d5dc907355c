"""The steps of a plan, level by level, each with what is known of it and, when it was taken, what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QScrollArea, QVBoxLayout, QWidget

from .. import theme, wording
from ..translate import marked, tr
from ..turns import Slice
from . import led, paint
from .button import Button
from .text import ink, label

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from PySide6.QtGui import QResizeEvent

    from ..plans import Plan, Step
    from ..turns import Turns

CAUSES = {
    "stopped": marked("stopped"),
    "exited": marked("exited"),
    "killed": marked("killed"),
    "out-of-memory": marked("out of memory"),
    "start-limit": marked("start limit hit"),
    "timeout": marked("timed out"),
    "watchdog": marked("watchdog"),
    "not-begun": marked("could not begin"),
    "bad-unit": marked("broken unit"),
    "masked": marked("masked"),
    "condition-unmet": marked("condition unmet"),
    "frozen": marked("frozen"),
    "unresponsive": marked("unresponsive"),
    "dependency-down": marked("dependency down"),
    "starting": marked("starting"),
    "stopping": marked("stopping"),
    "restarting": marked("restarting"),
    "port-taken": marked("port taken"),
    "not-installed": marked("not installed"),
    "unknown": marked("cause unknown"),
}
OUTCOMES = {
    "ok": ("disc", "good", marked("recovered")),
    "unchanged": ("disc", "good", marked("nothing to do")),
    "failed": ("cross", "bad", marked("failed")),
    "skipped": ("dashed", "warn", marked("skipped")),
}
GAP = 8
PAINTING = 0.001
"""Seconds that the painting of a card takes; it comes in the same turn of the event loop."""
PASSIVE = ("skip", "wait", "none")
"""Actions that do nothing to the service."""


def cause(word: str) -> str:
    """A cause as a person reads it; one of a newer agent as it is."""
    return tr(CAUSES[word]) if word in CAUSES else word


class Mark(QWidget):
    """What came of a step, as a shape in its colour; before, an outline."""

    def __init__(self, outcome: str, parent: QWidget) -> None:
        super().__init__(parent)
        self._shape, self._role, word = OUTCOMES.get(outcome, ("disc", "muted", marked("not run yet")))
        self._filled = bool(outcome)
        self.setFixedSize(18, 18)
        self.setAccessibleName(tr(word))
        self.setToolTip(tr(word))

    def sizeHint(self) -> QSize:  # noqa: N802 (Qt's name)
        return QSize(18, 18)

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        box = QRectF(self.rect()).adjusted(2, 2, -2, -2)
        led.draw(painter, self._shape, box, theme.current().colour(self._role), self._filled)


class Pill(QLabel):
    """A word in a rounded box."""

    def __init__(self, text: str, role: str, parent: QWidget) -> None:
        super().__init__(parent)
        self.role = role
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setText(text)
        self.setFont(paint.font(self.font(), 0.86, bold=True))
        self.setContentsMargins(9, 2, 9, 3)
        ink(self, role)

    def say(self, text: str, role: str) -> None:
        """Another word; hidden when it is empty."""
        self.role = role
        self.setText(text)
        self.setVisible(bool(text))
        ink(self, role)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        tokens = theme.current()
        soft = f"{self.role}_soft"
        fill = tokens.colour(soft if hasattr(tokens, soft) else "raised").name()
        line = None if hasattr(tokens, soft) else tokens.border
        painter = QPainter(self)
        paint.rounded(painter, QRectF(self.rect()), fill, line, self.height() / 2)
        painter.end()
        super().paintEvent(event)


class StepCard(QFrame):
    """One step. ``resized``: it needs another height."""

    resized = Signal()

    def __init__(self, step: Step, title: str, done: bool, parent: QWidget) -> None:
        super().__init__(parent)
        self.step = step
        self._inks: list[tuple[QWidget, str]] = []
        column = QVBoxLayout(self)
        column.setContentsMargins(14, 10, 14, 10)
        column.setSpacing(4)
        column.addLayout(self._head(title, done))
        self._line(column, wording.sentence(step.sentence), "text")
        if step.effect:
            self._line(column, tr("Then: {effect}").format(effect=step.effect), "muted")
        if step.touches:
            self._line(column, tr("Also touched: {names}").format(names=", ".join(step.touches)), "warn")
        if done:
            self._line(column, outcome_line(step), OUTCOMES.get(step.outcome, ("", "muted", ""))[1])
        self.evidence = label(self, 0.9)
        self.toggle = Button("", "quiet", self)
        self._add_evidence(column)
        said = [title, cause(step.cause), step.action, step.sentence, outcome_line(step) if done else step.effect]
        self.setAccessibleName("; ".join(part for part in said if part))
        self.recolour()

    def _head(self, title: str, done: bool) -> QHBoxLayout:
        step = self.step
        name = label(self, 1.05, bold=True)
        name.setText(title)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(Mark(step.outcome if done else "", self))
        row.addWidget(name)
        unit = label(self, 0.88)
        unit.setText(step.unit)
        self._inks.append((unit, "muted"))
        row.addWidget(unit)
        row.addStretch(1)
        if step.cause:
            row.addWidget(Pill(cause(step.cause), "bad", self))
        row.addWidget(Pill(step.action, "warn" if step.action in PASSIVE else "accent", self))
        return row

    def _line(self, column: QVBoxLayout, text: str, role: str) -> None:
        if not text:
            return
        shown = label(self, 0.96)
        shown.setText(text)
        shown.setWordWrap(True)
        shown.setIndent(26)
        shown.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._inks.append((shown, role))
        column.addWidget(shown)

    def _add_evidence(self, column: QVBoxLayout) -> None:
        evidence = self.step.evidence
        self.evidence.setText("\n".join(f"·  {line}" for line in evidence))
        self.evidence.setWordWrap(True)
        self.evidence.setIndent(44)
        self.evidence.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._inks.append((self.evidence, "muted"))
        self.toggle.setFlat(True)
        self.toggle.setCheckable(True)
        self.toggle.toggled.connect(self.show_evidence)
        self.show_evidence(False)
        row = QHBoxLayout()
        row.setContentsMargins(16, 0, 0, 0)
        row.addWidget(self.toggle)
        row.addStretch(1)
        column.addLayout(row)
        column.addWidget(self.evidence)
        self.toggle.setVisible(bool(evidence))

    def show_evidence(self, on: bool) -> None:
        """Unfold the evidence, or fold it."""
        arrow = "▾" if on else "▸"
        self.toggle.setText(f"{arrow} {tr('Evidence ({n})').format(n=len(self.step.evidence))}")
        self.evidence.setVisible(on)
        self.resized.emit()

    def needed(self, width: int) -> int:
        """Pixels that it needs at this width."""
        layout = self.layout()
        assert layout is not None
        layout.activate()
        return layout.totalHeightForWidth(width)

    def recolour(self) -> None:
        for widget, role in self._inks:
            ink(widget, role)
        for pill in self.findChildren(Pill):
            ink(pill, pill.role)

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802
        tokens = theme.current()
        paint.rounded(QPainter(self), QRectF(self.rect()), tokens.card, tokens.border, 9)


def outcome_line(step: Step) -> str:
    """What came of a step, in a sentence."""
    word = tr(OUTCOMES[step.outcome][2]) if step.outcome in OUTCOMES else step.outcome
    text = word[:1].upper() + word[1:]
    if step.verified and step.took is not None:
        text = tr("{text}, verified by its probe in {time}").format(text=text, time=wording.latency(step.took))
    elif step.verified:
        text = tr("{text}, verified by its probe").format(text=text)
    elif step.took:
        text = tr("{text} after {time}").format(text=text, time=wording.latency(step.took))
    return f"{text}: {step.reason}" if step.reason else text


class Steps(QScrollArea):
    """All of a plan, in the order in which it is done; as many steps in a turn of the event loop as fit into it."""

    def __init__(self, turns: Turns, parent: QWidget) -> None:
        super().__init__(parent)
        self._turns = turns
        self._canvas = QWidget(self)
        self._parts: list[QWidget] = []
        self._coming: Iterator[QWidget] = iter(())
        self._placed = self._bottom = 0
        """How many of the parts have their place, and where the next one begins, pixels."""
        self.cards: list[StepCard] = []
        self._heads: list[QLabel] = []
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAccessibleName(tr("Steps of the plan"))

    def show_plan(self, plan: Plan, titles: Mapping[str, str]) -> None:
        canvas = QWidget()
        # A step more at its end must not paint all the others anew.
        canvas.setAttribute(Qt.WidgetAttribute.WA_StaticContents)
        self.cards, self._heads, self._parts = [], [], []
        self._coming = self._made(plan, titles, canvas)
        self._canvas = canvas
        self.setWidget(canvas)
        self._place_from_top()

    def _place_from_top(self) -> None:
        self._placed, self._bottom = 0, 0
        self._turns.forget(self._work)
        self._work()

    def _work(self) -> None:
        """Give room to what is made, and make what is to come: from top to bottom, for a slice of time.

        Not with a layout: that looks at all of them again for each one that is added.
        """
        now = Slice()
        while self._placed < len(self._parts) or self._make():
            self._place(self._parts[self._placed])
            self._placed += 1
            now.spend(PAINTING)
            if now.over:
                self._turns.soon(self._work)
                return

    def _make(self) -> bool:
        """Whether there was one more to make."""
        part = next(self._coming, None)
        if part is not None:
            self._parts.append(part)
        return part is not None

    def _place(self, part: QWidget) -> None:
        width = self.viewport().width() - 4
        height = part.needed(width) if isinstance(part, StepCard) else part.sizeHint().height()
        part.setGeometry(0, self._bottom, width, height)
        part.show()
        self._bottom += height + GAP
        canvas = self._canvas
        if self._placed == len(self._parts) - 1 or self._bottom > canvas.height():
            canvas.resize(self.viewport().width(), self._bottom - GAP)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 (Qt's name)
        super().resizeEvent(event)
        self._place_from_top()

    def _made(self, plan: Plan, titles: Mapping[str, str], canvas: QWidget) -> Iterator[QWidget]:
        """The heads and the cards, from top to bottom, each made when it is its turn."""
        for number, (_level, steps) in enumerate(plan.levels):
            head = label(canvas, 0.86, bold=True)
            together = tr("{n} services at the same time").format(n=len(steps)) if len(steps) > 1 else ""
            first = tr("FIRST") if number == 0 else tr("THEN")
            head.setText("  ·  ".join(part for part in (first, together) if part))
            ink(head, "muted")
            self._heads.append(head)
            yield head
            for step in steps:
                title = titles.get(step.service, step.service)
                named = title if title == step.service else f"{title} ({step.service})"
                card = StepCard(step, named, plan.done, canvas)
                card.resized.connect(self._place_from_top)
                self.cards.append(card)
                yield card

    def recolour(self) -> None:
        for head in self._heads:
            ink(head, "muted")
        for card in self.cards:
            card.recolour()
            card.update()
