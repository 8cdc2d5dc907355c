"""The timeline of one incident as a drawing: the five milestones, how long from one to the next, and the measures."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from .. import moments, theme, wording
from ..translate import tr
from . import paint

if TYPE_CHECKING:
    from ..incidents import Incident, Moment
    from ..moments import Milestone

SIDE, LINE = 62, 56
"""Pixels from the edge to the first milestone, and from the top to the line."""
BRACKET = 24
"""Pixels from one bracket to the next below it."""
NODE = 7.5
CENTRE = int(Qt.AlignmentFlag.AlignCenter)
SHAPES = {
    "began": "cross",
    "detected": "triangle",
    "acknowledged": "square",
    "first_action": "half",
    "recovered": "disc",
}


class Timeline(QWidget):
    """Distances are even, not to scale: 11 ms and 40 s both need to be read; the lengths stand on the line."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.incident: Incident | None = None
        self.milestones: list[Milestone] = []
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_incident(self, incident: Incident) -> None:
        if incident == self.incident:
            return
        self.incident = incident
        self.milestones = moments.milestones(incident)
        said = [
            f"{one.word} {moments.clock(one.at)} ({moments.source(one.source)})"
            if one.at is not None
            else tr("{what}: not yet").format(what=one.word)
            for one in self.milestones
        ]
        self.setAccessibleName(tr("Timeline of incident {id}").format(id=incident.id))
        self.setAccessibleDescription(
            "; ".join([*said, *(f"{name} {text}" for name, text in moments.measures(incident))])
        )
        self.setToolTip(wording.tip("\n".join(said)))
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802 (Qt's name)
        return QSize(460, LINE + 46 + 3 * BRACKET + 8)

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        return QSize(380, self.sizeHint().height())

    # -- where things are

    def positions(self) -> list[float]:
        """The x of each milestone."""
        count = len(self.milestones)
        room = self.width() - 2 * SIDE
        return [SIDE + room * index / max(count - 1, 1) for index in range(count)]

    def _x_of(self, what: str) -> float | None:
        found = zip(self.milestones, self.positions(), strict=True)
        return next((x for one, x in found if one.what == what), None)

    def _x_at(self, at: float) -> float | None:
        """Between which milestones an instant lies; None outside of them."""
        known = [(one.at, x) for one, x in zip(self.milestones, self.positions(), strict=True) if one.at is not None]
        for (before, left), (after, right) in pairwise(known):
            if before <= at <= after and after > before:
                return left + (right - left) * (at - before) / (after - before)
        return None

    # -- painting

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802
        if self.incident is None:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        tokens = theme.current()
        paint.rounded(painter, QRectF(self.rect()), tokens.card, tokens.border, 9)
        self._segments(painter, tokens)
        self._small(painter, tokens)
        for one, x in zip(self.milestones, self.positions(), strict=True):
            self._node(painter, tokens, one, x)
        self._brackets(painter, tokens)

    def _segments(self, painter: QPainter, tokens: theme.Tokens) -> None:
        """The line: red until it is detected, amber until it is over, dashed for what has not happened."""
        seen = False
        painter.setFont(paint.font(self.font(), 0.82, bold=True))
        for (one, left), (other, right) in pairwise(zip(self.milestones, self.positions(), strict=True)):
            seen = seen or one.what == "detected"
            happened = other.at is not None and one.at is not None
            role = "edge" if not happened else "warn" if seen else "bad"
            pen = QPen(tokens.colour(role), 3.0)
            if not happened:
                pen.setWidthF(2.0)
                pen.setDashPattern([1.5, 2.5])
            pen.setCapStyle(Qt.PenCapStyle.FlatCap)
            painter.setPen(pen)
            painter.drawLine(QPointF(left + NODE + 2, LINE), QPointF(right - NODE - 2, LINE))
            if other.at is not None and one.at is not None:
                painter.setPen(tokens.colour("muted"))
                box = QRectF(left, LINE - 19, right - left, 15)
                painter.drawText(box, CENTRE, f"+ {moments.length(other.at - one.at)}".replace("+ <", "<"))

    def _small(self, painter: QPainter, tokens: theme.Tokens) -> None:
        """What else happened: a dot each on the line."""
        assert self.incident is not None
        for moment in self.incident.timeline:
            x = self._x_at(moment.at) if moment.what in ("joined", "cause", "action", "relapsed") else None
            if x is None or any(abs(x - node) < NODE + 5 for node in self.positions()):
                continue
            painter.setPen(QPen(tokens.colour("card"), 1.5))
            painter.setBrush(tokens.colour(_role(moment)))
            painter.drawEllipse(QPointF(x, LINE), 4.5, 4.5)

    def _node(self, painter: QPainter, tokens: theme.Tokens, one: Milestone, x: float) -> None:
        from . import led

        happened = one.at is not None
        role = moments.ROLES[one.what] if happened else "edge"
        box = QRectF(x - NODE, LINE - NODE, 2 * NODE, 2 * NODE)
        led.draw(painter, SHAPES[one.what], box, tokens.colour(role), happened)
        width = min(self.width() / max(len(self.milestones), 1), 130.0)
        painter.setFont(paint.font(self.font(), 0.92, bold=True))
        painter.setPen(tokens.colour("text" if happened else "muted"))
        painter.drawText(QRectF(x - width / 2, LINE - 46, width, 18), CENTRE, one.word)
        painter.setFont(paint.font(self.font(), 0.84))
        painter.setPen(tokens.colour("text" if happened else "muted"))
        when = moments.clock(one.at) if one.at is not None else tr("not yet")
        painter.drawText(QRectF(x - width / 2, LINE + 11, width, 15), CENTRE, when)
        painter.setPen(tokens.colour("muted"))
        source = painter.fontMetrics().elidedText(
            moments.source(one.source), Qt.TextElideMode.ElideRight, int(width) - 6
        )
        painter.drawText(QRectF(x - width / 2, LINE + 25, width, 15), CENTRE, source)

    def _brackets(self, painter: QPainter, tokens: theme.Tokens) -> None:
        """From where to where each measure is taken."""
        assert self.incident is not None
        spans = (("TTD", "began", "detected"), ("TTA", "detected", "acknowledged"), ("TTR", "began", "recovered"))
        y = LINE + 56.0
        for (name, begin, end), (_, text) in zip(spans, moments.measures(self.incident), strict=True):
            left, right = self._x_of(begin), self._x_of(end)
            label = f"{name} {text}"
            painter.setFont(paint.font(self.font(), 0.86, bold=True))
            needed = painter.fontMetrics().horizontalAdvance(label) + 14.0
            if left is None or right is None:
                painter.setPen(tokens.colour("muted"))
                at = left if left is not None else float(SIDE)
                painter.drawText(QRectF(at, y - 8, needed, 16), int(Qt.AlignmentFlag.AlignVCenter), label)
            else:
                measured = text != wording.MISSING
                self._bracket(painter, tokens, min(left, right), max(left, right), y, label, needed, measured)
            y += BRACKET

    @staticmethod
    def _bracket(
        painter: QPainter,
        tokens: theme.Tokens,
        left: float,
        right: float,
        y: float,
        label: str,
        needed: float,
        measured: bool,
    ) -> None:
        """A line from ``left`` to ``right`` with the measure in its middle; dashed for what is not over."""
        pen = QPen(tokens.colour("muted" if measured else "edge"), 1.2)
        painter.setPen(pen)
        for x in (left, right) if measured else (left,):
            painter.drawLine(QPointF(x, y - 5), QPointF(x, y + 5))
        if not measured:
            pen.setDashPattern([2.0, 3.0])
            painter.setPen(pen)
        middle = (left + right) / 2
        if right - left > needed + 10:
            painter.drawLine(QPointF(left, y), QPointF(middle - needed / 2, y))
            painter.drawLine(QPointF(middle + needed / 2, y), QPointF(right, y))
            box = QRectF(middle - needed / 2, y - 8, needed, 16)
        else:
            painter.drawLine(QPointF(left, y), QPointF(right, y))
            box = QRectF(right + 2, y - 8, needed, 16)
        painter.setPen(tokens.colour("text" if measured else "muted"))
        painter.drawText(box, CENTRE, label)


def _role(moment: Moment) -> str:
    return moments.ROLES.get(moment.what, "muted")
