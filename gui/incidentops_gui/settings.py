"""What is kept between two runs: the window's place, the theme, the pins and the saved connections."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QByteArray, QSettings

from . import hosts
from .theme import Choice

if TYPE_CHECKING:
    from .hosts import Target


class Settings:
    """A typed face of QSettings (~/.config/incidentops/gui.conf)."""

    def __init__(self, store: QSettings | None = None) -> None:
        self._store = store or QSettings("incidentops", "gui")

    def _text(self, key: str, default: str = "") -> str:
        value: Any = self._store.value(key, default)
        return value if isinstance(value, str) else default

    def _texts(self, key: str) -> list[str]:
        value: Any = self._store.value(key, [])
        return [value] if isinstance(value, str) and value else [str(one) for one in value or []]

    def _bytes(self, key: str) -> QByteArray:
        value: Any = self._store.value(key, QByteArray())
        return value if isinstance(value, QByteArray) else QByteArray()

    @property
    def theme(self) -> Choice:
        try:
            return Choice(self._text("theme", Choice.SYSTEM))
        except ValueError:
            return Choice.SYSTEM

    @theme.setter
    def theme(self, choice: Choice) -> None:
        self._store.setValue("theme", choice.value)

    @property
    def tray(self) -> bool:
        return self._text("tray", "no") == "yes"

    @tray.setter
    def tray(self, on: bool) -> None:
        self._store.setValue("tray", "yes" if on else "no")

    @property
    def failed_first(self) -> bool:
        return self._text("failed-first", "yes") == "yes"

    @failed_first.setter
    def failed_first(self, on: bool) -> None:
        self._store.setValue("failed-first", "yes" if on else "no")

    @property
    def geometry(self) -> QByteArray:
        return self._bytes("geometry")

    @geometry.setter
    def geometry(self, value: QByteArray) -> None:
        self._store.setValue("geometry", value)

    def pins(self, target: Target) -> set[str]:
        return set(self._texts(f"pins/{target.digest}"))

    def keep_pins(self, target: Target, names: set[str]) -> None:
        self._store.setValue(f"pins/{target.digest}", sorted(names))

    def hosts(self) -> list[Target]:
        """The saved connections; what can't be read any more is left out."""
        found = []
        for text in self._texts("hosts"):
            try:
                found.append(hosts.parse(text))
            except hosts.TargetError:
                continue
        return found

    def keep_host(self, target: Target) -> None:
        self._store.setValue("hosts", list(dict.fromkeys([*(one.text for one in self.hosts()), target.text])))

    def forget_host(self, target: Target) -> None:
        self._store.setValue("hosts", [one.text for one in self.hosts() if one != target])

    def sync(self) -> None:
        self._store.sync()
