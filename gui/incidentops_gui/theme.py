"""Colours: one set of tokens for light and one for dark, and the palettes that are made of them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QColor, QGuiApplication, QPalette

HALF = 128
"""The lightness between dark and light, of 255."""


class Choice(StrEnum):
    SYSTEM = "system"
    LIGHT = "light"
    DARK = "dark"


@dataclass(frozen=True, slots=True)
class Tokens:
    """Each colour by its use. Text on ``card`` and ``window`` has a contrast of 4.5 to 1 or more."""

    dark: bool
    window: str
    card: str
    raised: str
    hover: str
    border: str
    edge: str
    text: str
    muted: str
    accent: str
    on_accent: str
    good: str
    warn: str
    bad: str
    good_soft: str
    warn_soft: str
    bad_soft: str
    track: str
    spark: str

    def colour(self, role: str) -> QColor:
        """``good``, ``warn``, ``bad``, ``muted`` ... as a colour."""
        return QColor(getattr(self, role))


LIGHT = Tokens(
    dark=False,
    window="#f3f5f8",
    card="#ffffff",
    raised="#f6f8fa",
    hover="#eaeef3",
    border="#dde2e9",
    edge="#c6ced8",
    text="#1a2029",
    muted="#5b6675",
    accent="#2563c9",
    on_accent="#ffffff",
    good="#187a39",
    warn="#8f5e00",
    bad="#c22a2a",
    good_soft="#e3f4e8",
    warn_soft="#fdf1d7",
    bad_soft="#fde7e6",
    track="#e4e8ee",
    spark="#4b7fd1",
)
DARK = Tokens(
    dark=True,
    window="#12161c",
    card="#1a2028",
    raised="#212933",
    hover="#2a333f",
    border="#2a323d",
    edge="#3c4756",
    text="#e4e9ef",
    muted="#94a0af",
    accent="#6aa5ff",
    on_accent="#0b1420",
    good="#45c46b",
    warn="#e0ac3b",
    bad="#ff6f68",
    good_soft="#17301f",
    warn_soft="#372b12",
    bad_soft="#3b1d1e",
    track="#2a323d",
    spark="#5c93e6",
)


def palette(tokens: Tokens) -> QPalette:
    """Fusion's palette in our colours."""
    made = QPalette()
    role = QPalette.ColorRole
    plain = {
        role.Window: tokens.window,
        role.WindowText: tokens.text,
        role.Base: tokens.card,
        role.AlternateBase: tokens.raised,
        role.Text: tokens.text,
        role.PlaceholderText: tokens.muted,
        role.Button: tokens.raised,
        role.ButtonText: tokens.text,
        role.BrightText: tokens.bad,
        role.ToolTipBase: tokens.raised,
        role.ToolTipText: tokens.text,
        role.Highlight: tokens.accent,
        role.HighlightedText: tokens.on_accent,
        role.Link: tokens.accent,
        role.LinkVisited: tokens.accent,
        role.Light: tokens.card,
        role.Midlight: tokens.raised,
        role.Mid: tokens.border,
        role.Dark: tokens.edge,
        role.Shadow: tokens.edge,
        role.Accent: tokens.accent,
    }
    for which, colour in plain.items():
        made.setColor(which, QColor(colour))
    for which in (role.WindowText, role.Text, role.ButtonText):
        made.setColor(QPalette.ColorGroup.Disabled, which, QColor(tokens.edge if not tokens.dark else "#5c6878"))
    return made


class Theme(QObject):
    """The colours in use. ``changed`` is emitted after the application's palette was set."""

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.choice = Choice.SYSTEM
        self.tokens = LIGHT
        self._used = False
        hints = QGuiApplication.styleHints()
        hints.colorSchemeChanged.connect(lambda _scheme: self.use(self.choice))

    def use(self, choice: Choice) -> None:
        """Take these colours. What the system wants is only guessed the first time; ask again when it is painted."""
        self.choice = choice
        dark = choice is Choice.DARK or (choice is Choice.SYSTEM and self._system_is_dark())
        tokens = DARK if dark else LIGHT
        if self._used and tokens is self.tokens:
            return
        self.tokens, self._used = tokens, True
        QGuiApplication.setPalette(palette(tokens))
        self.changed.emit()

    def _system_is_dark(self) -> bool:
        if not self._used:
            # Fusion's own palette follows the system too. All of the names of Qt cost a tenth of the time until
            # something is on the screen, so that they are loaded afterwards.
            return QGuiApplication.palette().color(QPalette.ColorRole.Window).lightness() < HALF
        from PySide6.QtCore import Qt

        return QGuiApplication.styleHints().colorScheme() is Qt.ColorScheme.Dark


_current: list[Theme] = []


def current() -> Tokens:
    """The tokens that widgets paint with."""
    return _current[-1].tokens if _current else LIGHT


def install(theme: Theme) -> None:
    """Make ``current`` answer with this theme's tokens."""
    _current[:] = [theme]
