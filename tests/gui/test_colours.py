"""Colours: text can be read in both themes, and the theme changes while the window is open."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from incidentops_gui import theme

if TYPE_CHECKING:
    from gui.conftest import Desk


@pytest.mark.parametrize("tokens", [theme.LIGHT, theme.DARK], ids=["light", "dark"])
def test_text_can_be_read(tokens: theme.Tokens) -> None:
    for ground in (tokens.card, tokens.window):
        for role in ("text", "muted", "good", "warn", "bad", "accent"):
            assert contrast(getattr(tokens, role), ground) >= 4.5, (role, ground)
    assert contrast(tokens.on_accent, tokens.accent) >= 4.5
    for role in ("good", "warn", "bad"):
        assert contrast(getattr(tokens, role), getattr(tokens, f"{role}_soft")) >= 4.5, role


def contrast(one: str, other: str) -> float:
    """The contrast ratio of WCAG 2.1."""

    def luminance(text: str) -> float:
        parts = [int(text[begin : begin + 2], 16) / 255 for begin in (1, 3, 5)]
        red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_the_theme_changes_while_it_is_open(desk: Desk, themed: theme.Theme) -> None:
    themed.changed.connect(desk.window.recolour)
    desk.live()

    def lightness() -> int:
        return desk.window.grab().toImage().pixelColor(2, 2).lightness()

    assert lightness() > 200
    themed.use(theme.Choice.DARK)
    desk.until(lambda: lightness() < 60)
    themed.use(theme.Choice.LIGHT)
    desk.until(lambda: lightness() > 200)
