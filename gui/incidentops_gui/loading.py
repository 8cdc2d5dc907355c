"""What comes after the first painting: the modules that it does not need, one in each turn of the event loop."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal

if TYPE_CHECKING:
    from collections.abc import Iterator

LATER = (
    "json",
    "incidentops_gui.translate",
    "incidentops_gui.wording",
    "incidentops_gui.facts",
    "incidentops_gui.fields",
    "incidentops_gui.recovery",
    "incidentops_gui.faults",
    "incidentops_gui.wire",
    "incidentops_gui.answers",
    "incidentops_gui.state",
    "incidentops_gui.reducer",
    "incidentops_gui.link",
    "incidentops_gui.session",
    "incidentops_gui.widgets.paint",
    "incidentops_gui.widgets.banner",
    "incidentops_gui.widgets.card_rows",
    "incidentops_gui.widgets.card",
    "incidentops_gui.widgets.grid",
    "incidentops_gui.widgets.metrics",
    "incidentops_gui.widgets.pages",
    "incidentops_gui.widgets.panic",
    "incidentops_gui.widgets.remedy",
    "incidentops_gui.widgets.menus",
    "incidentops_gui.widgets.tray",
    "h11",
    "incidentops_gui.transport",
)
"""Each after those that it needs itself, so that no turn loads more than one."""

ROOMS = (
    "incidentops_gui.asking",
    "incidentops_gui.plans",
    "incidentops_gui.incidents",
    "incidentops_gui.moments",
    "incidentops_gui.incident_list",
    "incidentops_gui.trail",
    "incidentops_gui.trail_table",
    "incidentops_gui.download",
    "incidentops_gui.layers",
    "incidentops_gui.widgets.pane",
    "incidentops_gui.widgets.steps",
    "incidentops_gui.widgets.plan",
    "incidentops_gui.widgets.rows",
    "incidentops_gui.widgets.timeline",
    "incidentops_gui.widgets.measures",
    "incidentops_gui.widgets.incident_rows",
    "incidentops_gui.widgets.field",
    "incidentops_gui.widgets.incident_detail",
    "incidentops_gui.widgets.incidents",
    "incidentops_gui.widgets.graph",
    "incidentops_gui.widgets.trail",
    "incidentops_gui.faulting",
    "incidentops_gui.widgets.box",
    "incidentops_gui.widgets.fault_line",
    "incidentops_gui.widgets.inject_form",
    "incidentops_gui.widgets.inject_kinds",
    "incidentops_gui.widgets.inject",
    "incidentops_gui.widgets.popup",
    "incidentops_gui.widgets.breaking",
    "incidentops_gui.widgets.faults",
    "incidentops_gui.chaos",
    "incidentops_gui.widgets.chaos_steps",
    "incidentops_gui.widgets.chaos",
    "incidentops_gui.widgets.rooms",
)
"""What the windows beside the main one need, in the same order: loaded when the cards have had their time."""

AFTERWARDS = 500
"""Milliseconds after the application is ready at which ROOMS are loaded."""
AT_LATEST = 150
"""Milliseconds after which the work begins even when nothing was painted: a window may be opened out of sight."""


def modules(names: tuple[str, ...] = LATER) -> Iterator[None]:
    """Load all of them, one module for each step."""
    for name in names:
        importlib.import_module(name)
        yield


class Loading(QObject):
    """Takes one step in each turn of the event loop, from ``start`` on or after ``wait``, and then says ``done``."""

    done = Signal()

    def __init__(self, steps: Iterator[None], parent: QObject | None = None, wait: int = AT_LATEST) -> None:
        super().__init__(parent)
        self._steps = steps
        self._turn = QTimer(self, singleShot=True, interval=wait)
        self._turn.timeout.connect(self._step)
        self._turn.start()

    def start(self) -> None:
        """There is something on the screen: begin."""
        self._turn.start(0)

    def stop(self) -> None:
        self._turn.stop()

    def _step(self) -> None:
        for _ in self._steps:
            self._turn.start(0)
            return
        self.done.emit()
