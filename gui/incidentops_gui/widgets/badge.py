"""The badge of a card whose service is part of an open incident: how old it is; it opens the incident."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from .. import wording
from ..translate import tr
from . import paint
from .button import Button

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget

    from ..state import State


class Badge(Button):
    """Hidden while there is none. ``incident`` is the id of the one that it stands for."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__("", "danger", parent)
        self.incident = ""
        self.setFont(paint.font(self.font(), 0.82, bold=True))
        self.setFixedHeight(self.fontMetrics().height() + 5)
        self.hide()

    def show_state(self, state: State, name: str) -> None:
        """The badge of a service, with the incident's age as of now, or as of when we knew last."""
        one, connection = state.incident_of(name), state.connection
        over = one is not None and not one.open
        self.incident = state.cards[name].service.incident if not over else ""
        self.setVisible(bool(self.incident))
        if not self.incident:
            return
        self.set_kind("danger" if state.is_live(name) else "plain")  # red is for what is so now
        if one is None:
            text = tr("incident")
        else:
            now = time.time() if connection.live or connection.as_of is None else connection.as_of
            text = tr("incident · {time}").format(time=wording.seconds(now + state.clock_offset - one.began))
        if text != self.text():
            self.setText(text)
            self.updateGeometry()
        said = tr("Part of incident {id}").format(id=self.incident)
        about = f"{said}: {one.sentence}" if one is not None else said
        if f"{text}. {about}" != self.accessibleName():
            self.setToolTip(wording.tip(about))
            self.setAccessibleName(f"{text}. {about}")
