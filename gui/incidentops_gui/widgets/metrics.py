"""SYSTEM METRICS: a tile each for processor, memory, disk and load, with a bar and the last minutes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QFrame, QLabel, QSizePolicy, QWidget

from .. import theme, wording
from ..state import HISTORY
from ..translate import tr
from . import paint

if TYPE_CHECKING:
    from ..state import State
    from ..wire import System

TILE = QSize(230, 98)
GAP = 10
HIGH, FULL = 80.0, 92.0
"""Percent used from which a bar is shown as a warning and as bad."""


@dataclass(frozen=True, slots=True)
class Figure:
    """``used`` is percent for the bar, None for no bar; ``most`` is the top of the sparkline."""

    text: str = wording.MISSING
    sub: str = ""
    used: float | None = None
    history: tuple[float, ...] = ()
    most: float = 100.0
    full: float = FULL
    hint: str = ""


class Tile(QLabel):
    def __init__(self, title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._title = title
        self.figure = Figure()
        self.live = False
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_figure(self, figure: Figure, live: bool) -> None:
        if (figure, live) == (self.figure, self.live):
            return
        self.figure, self.live = figure, live
        name = f"{self._title}: {figure.text}" + (f", {figure.sub}" if figure.sub else "")
        self.setAccessibleName(name if live else tr("{status} (last known, not live)").format(status=name))
        self.setToolTip(figure.hint or name)
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802 (Qt's name)
        return TILE

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802
        painter = QPainter(self)
        tokens = theme.current()
        box = QRectF(self.rect())
        paint.rounded(painter, box, tokens.card, tokens.border)
        inner = box.adjusted(12, 9, -12, -10)
        top = int(Qt.AlignmentFlag.AlignTop)
        painter.setFont(paint.font(self.font(), 0.82, bold=True, spacing=6))
        painter.setPen(QColor(tokens.muted))
        painter.drawText(inner, top, self._title)
        title = painter.fontMetrics().horizontalAdvance(self._title) + 10
        painter.setFont(paint.font(self.font(), 0.85))
        sub = painter.fontMetrics().elidedText(self.figure.sub, Qt.TextElideMode.ElideRight, int(inner.width() - title))
        painter.drawText(inner, top | int(Qt.AlignmentFlag.AlignRight), sub)
        painter.setFont(paint.font(self.font(), 1.0, bold=True))
        painter.setPen(QColor(tokens.text if self.live else tokens.muted))
        line = QRectF(inner.left(), inner.top() + 17, inner.width(), 20)
        text = painter.fontMetrics().elidedText(self.figure.text, Qt.TextElideMode.ElideRight, int(line.width()))
        painter.drawText(line, int(Qt.AlignmentFlag.AlignVCenter), text)
        colour = QColor(tokens.spark if self.live else tokens.edge)
        spark = QRectF(inner.left(), inner.top() + 41, inner.width(), inner.height() - 41 - 10)
        most = max(self.figure.most, *self.figure.history) if self.figure.history else self.figure.most
        paint.sparkline(painter, spark, self.figure.history, most, colour, HISTORY)
        self._bar(painter, QRectF(inner.left(), inner.bottom() - 5, inner.width(), 5), tokens)

    def _bar(self, painter: QPainter, box: QRectF, tokens: theme.Tokens) -> None:
        paint.rounded(painter, box, tokens.track, None, 2.5)
        used = self.figure.used
        if used is None:
            return
        role = "bad" if used >= self.figure.full else "warn" if used >= HIGH else "accent"
        filled = QRectF(box)
        filled.setWidth(max(box.width() * min(used, 100.0) / 100.0, 6.0))
        paint.rounded(painter, filled, tokens.colour(role if self.live else "edge").name(), None, 3)


class SystemPanel(QFrame):
    """The tiles, in as many columns as there is room for."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(tr("System metrics"))
        titles = {"cpu": tr("CPU"), "ram": tr("RAM"), "disk": tr("DISK"), "load": tr("LOAD")}
        self.tiles = {key: Tile(title, self) for key, title in titles.items()}
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_state(self, state: State) -> None:
        system, history, live = state.system, state.history, state.connection.live
        if system is None:
            for tile in self.tiles.values():
                tile.show_figure(Figure(), False)
            return
        used = 100.0 - system.cpu_free
        figures = {
            "cpu": Figure(system.cpu, tr("{n} used").format(n=wording.percent(used)), used, history.cpu),
            "ram": _share(system.ram, system.ram_total, system.ram_free, history.ram),
            "disk": _share(system.disk, system.disk_total, system.disk_free, history.disk),
            "load": _load(system, history.load),
        }
        for key, figure in figures.items():
            self.tiles[key].show_figure(figure, live)

    def columns(self, width: int) -> int:
        fitting = max((width + GAP) // (TILE.width() + GAP), 1)
        return 4 if fitting >= 4 else 2 if fitting >= 2 else 1

    def heightForWidth(self, width: int) -> int:  # noqa: N802
        rows = -(-len(self.tiles) // self.columns(width))
        return rows * TILE.height() + (rows - 1) * GAP

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        super().resizeEvent(event)
        columns = self.columns(self.width())
        width = (self.width() - GAP * (columns - 1)) / columns
        for index, tile in enumerate(self.tiles.values()):
            row, column = divmod(index, columns)
            left = round(column * (width + GAP))
            right = round(column * (width + GAP) + width)
            tile.setGeometry(left, row * (TILE.height() + GAP), right - left, TILE.height())
        self.setFixedHeight(self.heightForWidth(self.width()))


def _share(text: str, total: float, free: float, history: tuple[float, ...]) -> Figure:
    used = 100.0 * (total - free) / total if total else 0.0
    return Figure(text, tr("{n} used").format(n=wording.percent(used)), used, history)


def _load(system: System, history: tuple[float, ...]) -> Figure:
    """Load beside the number of processors; pressure where the kernel tells it."""
    words = {"cpu": tr("cpu"), "memory": tr("memory"), "io": tr("disk")}
    shares = {words[kind]: value for kind, value in system.pressure.items()}
    felt = " ".join(f"{word} {wording.percent(value)}" for word, value in shares.items() if value >= 1)
    load = system.load[0] if system.load else 0.0
    return Figure(
        text="  ".join(f"{value:.2f}" for value in system.load),
        sub=tr("pressure: {pressure}").format(pressure=felt or tr("none")) if shares else "",
        used=100.0 * load / max(system.cpu_units, 1),
        history=history,
        most=float(max(system.cpu_units, 1)),
        full=float("inf"),
        hint="\n".join(
            [tr("Load of the last 1, 5 and 15 minutes")]
            + [tr("waiting for {what}: {n}").format(what=word, n=wording.percent(v)) for word, v in shares.items()]
        ),
    )
