"""Who needs whom, as it is now: a node for each service with its LED and word, below what it depends on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent, QMouseEvent, QPainter, QPainterPath, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QFrame, QScrollArea, QVBoxLayout, QWidget

from .. import layers, theme, wording
from ..translate import tr
from ..turns import Slice
from . import led, paint
from .pane import Pane

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PySide6.QtGui import QResizeEvent

    from ..reducer import Changes
    from ..session import Session
    from ..state import State

NODE = QSize(176, 62)
GAP_X, GAP_Y, MARGIN = 26, 64, 24
LEAST, MOST, ROOM = QSize(560, 360), QSize(1180, 800), QSize(44, 90)
"""Sizes of the window when it is opened, and what it needs around the drawing."""
STEPS = {
    Qt.Key.Key_Left: (-1, 0),
    Qt.Key.Key_Right: (1, 0),
    Qt.Key.Key_Up: (0, -1),
    Qt.Key.Key_Down: (0, 1),
}
PAINTING = 0.0004
"""Seconds that the painting of a node takes, in the same turn of the event loop."""
MIDDLE = int(Qt.AlignmentFlag.AlignVCenter)


class Node(QWidget):
    """One service. A widget of its own, so that assistive technology and the Tab key find it."""

    opened = Signal(str)
    stepped = Signal(str, int, int)

    def __init__(self, name: str, parent: QWidget) -> None:
        super().__init__(parent)
        self.name = name
        self.title, self.word = name, ""
        self.look = led.LOOKS["unknown"]
        self.live = False
        self.mark = ""
        self._seen = ""
        self.setFixedSize(NODE)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)

    @property
    def role(self) -> str:
        return self.look.role if self.live else "muted"

    def show_state(self, state: State, needed: Sequence[str]) -> None:
        """Take what is known of the service; ``needed``: who needs it."""
        service = state.cards[self.name].service
        before = self._seen
        one = state.incident_of(self.name)
        self.mark = ""
        if service.incident and (one is None or one.open):
            self.mark = "root" if one is not None and one.root == self.name else "part"
        self.title = service.title
        self.look = led.LOOKS.get(service.state, led.LOOKS["unknown"])
        self.live = state.is_live(self.name)
        self.word = f"{wording.status(service.up)} · {wording.state(service.state)}"
        said = [f"{self.title}: {self.word}"]
        if not self.live:
            said[0] = tr("{status} (last known, not live)").format(status=said[0])
        if self.mark == "root":
            said.append(tr("root of incident {id}").format(id=service.incident))
        elif self.mark:
            said.append(tr("part of incident {id}").format(id=service.incident))
        if service.depends_on:
            said.append(tr("needs {names}").format(names=wording.listed(service.depends_on)))
        if needed:
            said.append(tr("needed by {names}").format(names=wording.listed(needed)))
        self._seen = "\n".join(said)
        if self._seen != before:
            self.setAccessibleName("; ".join(said))
            self.setToolTip(wording.tip(self._seen))
            self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802 (Qt's name)
        painter = QPainter(self)
        tokens = theme.current()
        box = QRectF(self.rect()).adjusted(2, 2, -2, -2)
        hot = self.underMouse() or self.hasFocus()
        bad = self.role in ("bad", "warn")
        line = getattr(tokens, self.role) if bad else tokens.edge if hot else tokens.border
        paint.rounded(painter, box, tokens.hover if hot else tokens.card, line, 10, 1.6 if bad else 1.0)
        if self.hasFocus():
            paint.rounded(painter, QRectF(self.rect()), None, tokens.accent, 12, 2)
        shape = QRectF(box.left() + 11, box.top() + 10, 16, 16)
        led.draw(painter, self.look.shape, shape, tokens.colour(self.role), self.live)
        inner = box.adjusted(36, 6, -10, -6)
        painter.setFont(paint.font(self.font(), 1.02, bold=True))
        painter.setPen(tokens.colour("text" if self.live else "muted"))
        head = QRectF(inner.left(), inner.top(), inner.width(), 22)
        width = int(head.width()) - (46 if self.mark == "root" else 0)
        painter.drawText(head, MIDDLE, painter.fontMetrics().elidedText(self.title, Qt.TextElideMode.ElideRight, width))
        painter.setFont(paint.font(self.font(), 0.86))
        painter.setPen(tokens.colour(self.role))
        low = QRectF(inner.left(), inner.top() + 24, inner.width(), 18)
        word = painter.fontMetrics().elidedText(self.word, Qt.TextElideMode.ElideRight, int(low.width()))
        painter.drawText(low, MIDDLE, word)
        if self.mark == "root":
            self._flag(painter, tokens, box)

    def _flag(self, painter: QPainter, tokens: theme.Tokens, box: QRectF) -> None:
        """The word that marks where an incident has its root."""
        painter.setFont(paint.font(self.font(), 0.76, bold=True))
        text = tr("ROOT")
        width = painter.fontMetrics().horizontalAdvance(text) + 14.0
        flag = QRectF(box.right() - width - 8, box.top() + 9, width, 17)
        paint.rounded(painter, flag, tokens.bad, None, 8.5)
        painter.setPen(tokens.colour("card"))
        painter.drawText(flag, int(Qt.AlignmentFlag.AlignCenter), text)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        if event.button() is Qt.MouseButton.LeftButton and self.rect().contains(event.position().toPoint()):
            self.opened.emit(self.name)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        key = Qt.Key(event.key())
        if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            self.opened.emit(self.name)
        elif key in STEPS:
            self.stepped.emit(self.name, *STEPS[key])
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: N802
        super().focusInEvent(event)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:  # noqa: N802
        super().focusOutEvent(event)
        self.update()


class Canvas(QWidget):
    """The nodes in their layers, and the lines between them."""

    opened = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.nodes: dict[str, Node] = {}
        self.layers: list[list[str]] = []
        self._needs: dict[str, tuple[str, ...]] = {}
        self._above: dict[str, tuple[str, ...]] = {}
        """Who needs it, for each service that was asked about."""
        self._down: frozenset[str] = frozenset()
        self.setAccessibleName(tr("Dependencies"))

    def show_state(self, state: State) -> None:
        needs = {name: card.service.depends_on for name, card in sorted(state.cards.items())}
        if needs != self._needs:
            self._rebuild(needs)
            self.update()
        for node in self.nodes.values():
            if not node.isHidden():
                node.show_state(state, self._needed_by(state, node.name))
        down = frozenset(name for name, card in state.cards.items() if not card.service.up and state.is_live(name))
        if down != self._down:
            self._down = down
            self.update()

    def show_some(self, state: State) -> bool:
        """Show nodes that are not seen yet, for a slice of time; whether there are more of them."""
        now = Slice()
        for node in self.nodes.values():
            if not node.isHidden() or node.name not in state.cards:
                continue
            if now.over:
                return True
            node.show_state(state, self._needed_by(state, node.name))
            node.show()
            now.spend(PAINTING)
        return False

    def _needed_by(self, state: State, name: str) -> tuple[str, ...]:
        if name not in self._above:
            self._above[name] = state.dependants(name)
        return self._above[name]

    def _rebuild(self, needs: dict[str, tuple[str, ...]]) -> None:
        self._needs = needs
        self._above.clear()
        self.layers = layers.layers(needs)
        for name in set(self.nodes) - set(needs):
            self.nodes.pop(name).deleteLater()
        before: QWidget | None = None
        for layer in self.layers:
            for name in layer:
                if name not in self.nodes:
                    node = Node(name, self)
                    node.opened.connect(self.opened)
                    node.stepped.connect(self.step)
                    node.hide()  # until it has been told the state
                    self.nodes[name] = node
                if before is not None:
                    self.setTabOrder(before, self.nodes[name])
                before = self.nodes[name]
        self.setMinimumSize(self._needed())
        self._place()

    def _needed(self) -> QSize:
        widest = max((len(layer) for layer in self.layers), default=1)
        width = widest * (NODE.width() + GAP_X) - GAP_X + 2 * MARGIN
        return QSize(width, max(len(self.layers), 1) * (NODE.height() + GAP_Y) - GAP_Y + 2 * MARGIN)

    def _place(self) -> None:
        spare = max(self.height() - self._needed().height(), 0)
        gap = GAP_Y + min(spare / max(len(self.layers), 1), 40)
        top = MARGIN + max(self.height() - 2 * MARGIN - len(self.layers) * (NODE.height() + gap) + gap, 0) / 2
        for layer in self.layers:
            width = len(layer) * (NODE.width() + GAP_X) - GAP_X
            left = (self.width() - width) / 2
            for index, name in enumerate(layer):
                self.nodes[name].move(round(left + index * (NODE.width() + GAP_X)), round(top))
            top += NODE.height() + gap

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        super().resizeEvent(event)
        self._place()

    def step(self, name: str, dx: int, dy: int) -> None:
        """Put the focus on a neighbour."""
        self.nodes[layers.neighbour(self.layers, name, dx, dy)].setFocus(Qt.FocusReason.OtherFocusReason)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        tokens = theme.current()
        lines = [(one, name) for name, needed in self._needs.items() for one in needed if one in self.nodes]
        for one, name in sorted(lines, key=lambda line: line[0] in self._down):  # broken ones on top
            upper, lower = self.nodes[one], self.nodes[name]
            if upper.geometry().united(lower.geometry()).intersects(event.rect()):
                self._line(painter, tokens, upper, lower)

    def _line(self, painter: QPainter, tokens: theme.Tokens, upper: Node, lower: Node) -> None:
        """From what is needed down to what needs it; red and thick where the need is not met."""
        broken = upper.name in self._down
        begin = QPointF(upper.geometry().center().x() + 0.5, upper.geometry().bottom() + 1.0)
        end = QPointF(lower.geometry().center().x() + 0.5, lower.geometry().top() - 1.0)
        bend = (end.y() - begin.y()) / 2
        path = QPainterPath(begin)
        tip = QPointF(end.x(), end.y() - 6)
        path.cubicTo(QPointF(begin.x(), begin.y() + bend), QPointF(end.x(), end.y() - bend), tip)
        colour = tokens.colour("bad" if broken else "edge")
        pen = QPen(colour, 2.4 if broken else 1.6)
        if broken:
            pen.setDashPattern([4, 2.2])
        painter.setPen(pen)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawPath(path)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour)
        painter.drawPolygon(QPolygonF([end, QPointF(end.x() - 4.5, end.y() - 8), QPointF(end.x() + 4.5, end.y() - 8)]))


class GraphWindow(Pane):
    """``opened`` carries the service whose window is wanted."""

    opened = Signal(str)

    def __init__(self, session: Session, parent: QWidget) -> None:
        super().__init__(tr("Dependencies"), parent)
        self._session = session
        self.canvas = Canvas()
        self.canvas.opened.connect(self.opened)
        area = QScrollArea(self.body)
        area.setWidget(self.canvas)
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        column = QVBoxLayout(self.body)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(area)
        self.resize(MOST)
        self.reread.connect(session.commands.refresh)
        self.recolour()
        self.begin(iter((None,)))  # the frame is painted first

    def show_state(self, state: State, _changes: Changes | None = None) -> None:
        self.show_connection(state)
        if not state.cards:
            self.tell(tr("No services"), tr("Nothing is known of any service yet."))
            return
        self.about.setText(tr("What is needed stands above what needs it"))
        fresh = not self.canvas.nodes
        self.canvas.show_state(state)
        if fresh:
            self.resize((self.canvas.minimumSize() + ROOM).boundedTo(MOST).expandedTo(LEAST))
        self.show_body()
        self.turns.soon(self._show_some)

    def _show_some(self) -> None:
        if self.canvas.show_some(self._session.store.state):
            self.turns.soon(self._show_some)

    def show_times(self, _state: State) -> None:
        """Nothing here changes with the time alone."""
