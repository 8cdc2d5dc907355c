"""What the output can show: colour, glyphs, width; and the line that says how long something has taken so far."""

from __future__ import annotations

import os
import re
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TextIO

_COLOURS = {"green": "32", "yellow": "33", "red": "31", "magenta": "35", "dim": "2", "bold": "1"}

# One shape and one colour for each state, so that neither alone has to tell them apart.
_LEDS = {
    "healthy": ("●", "*", "green"),
    "starting": ("◐", "~", "yellow"),
    "stopping": ("◑", "~", "yellow"),
    "stopped": ("○", "o", "dim"),
    "failed": ("✖", "x", "red"),
    "unresponsive": ("▲", "!", "red"),
    "not-installed": ("◌", "-", "dim"),
    "unknown": ("?", "?", "magenta"),
}

# A program's name or a server's error text may hold escape sequences; none of them reaches the terminal.
# Nor what makes a line be read in another direction than it is written in.
_BLANK = re.compile(r"[\t\n\r]")
_HARMFUL = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def clean(text: object) -> str:
    """A text on one line, without what a terminal would obey or a reader be deceived by."""
    return _HARMFUL.sub("\N{REPLACEMENT CHARACTER}", _BLANK.sub(" ", str(text)))


class Style:
    """How to write for one output. ``width`` is in columns, None when lines may be as long as they like."""

    def __init__(self, *, colour: bool = False, glyphs: bool = True, width: int | None = None) -> None:
        self.colour = colour
        self.glyphs = glyphs
        self.width = width

    @classmethod
    def of(cls, stream: TextIO, environment: Mapping[str, str] = os.environ) -> Style:
        """The style for a stream: colour on a terminal only, and not with NO_COLOR (https://no-color.org)."""
        terminal = stream.isatty()
        colour = terminal and not environment.get("NO_COLOR") and environment.get("TERM", "") not in ("", "dumb")
        glyphs = (stream.encoding or "ascii").lower().replace("-", "") in ("utf8", "utf16", "utf32")
        width = None
        if terminal:
            try:
                width = os.get_terminal_size(stream.fileno()).columns or None
            except OSError:
                width = None
        return cls(colour=colour, glyphs=glyphs, width=width)

    def paint(self, text: str, colour: str) -> str:
        return f"\x1b[{_COLOURS[colour]}m{text}\x1b[0m" if self.colour and colour else text

    def led(self, state: str) -> tuple[str, str]:
        """The glyph of a state, one column wide, and its colour."""
        glyph, letter, colour = _LEDS.get(state, _LEDS["unknown"])
        return glyph if self.glyphs else letter, colour

    @property
    def bullet(self) -> str:
        return "•" if self.glyphs else "*"


class Progress:
    """One line on a terminal's stderr, written over each second and removed at the end; nothing elsewhere. ``about``
    says what is being done at the moment, where more can be said than the text."""

    def __init__(self, text: str, stream: TextIO | None = None, about: Callable[[], str] | None = None) -> None:
        self._text = text
        self._about = about
        self._stream = stream or sys.stderr
        self._shown = False
        self._possible = self._stream.isatty()

    def tick(self, seconds: float) -> None:
        if self._possible:
            text = f"{self._text} {clean(self._about())}".rstrip() if self._about is not None else self._text
            room = (Style.of(self._stream).width or 80) - len(" ... 12345 s")
            if len(text) > room:
                text = f"{text[: room - 3]}..."
            self._stream.write(f"\r{text} ... {seconds:.0f} s\x1b[K")
            self._stream.flush()
            self._shown = True

    def clear(self) -> None:
        if self._shown:
            self._stream.write("\r\x1b[K")
            self._stream.flush()
            self._shown = False
