"""One agent's store, link and commands, opened and closed together."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from . import facts
from .commands import Commands
from .hosts import Way
from .link import Link
from .store import Store
from .tunnel import Tunnel

if TYPE_CHECKING:
    from .hosts import Target


class Session(QObject):
    def __init__(self, target: Target, read_only: bool = False, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.target = target
        self.store = Store(self)
        self.tunnel = Tunnel(target, parent=self) if target.way is Way.SSH else None
        self.link = Link(target, self.store, self.tunnel, self)
        self.commands = Commands(target, self.store, read_only, self)

    def open(self) -> None:
        self.link.connect_now()

    def close(self) -> None:
        self.link.close()
        self.commands.close()
        self.deleteLater()

    def dismiss(self, service: str) -> None:
        """Forget what a card says of the last thing that was asked of it; without a service, the bar's."""
        self.store.apply(facts.NoteDismissed(service, time.time()))
