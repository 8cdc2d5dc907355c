"""Xvfb, and what is on its screen: read from its frame buffer file, in the format of xwd (X11/XWDFile.h)."""

from __future__ import annotations

import os
import re
import struct
import subprocess
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from pathlib import Path

ARGUMENTS = ("-screen", "0", "1280x900x24", "-ac", "-nolisten", "tcp", "-noreset")
FRAME = "Xvfb_screen0"
"""The name that Xvfb gives the file in the folder of -fbdir."""


@dataclass(frozen=True)
class Picture:
    """``pixels``: four bytes each, blue, green, red and one of no meaning, row by row."""

    width: int
    height: int
    pixels: bytes

    @classmethod
    def from_xwd(cls, raw: bytes) -> Picture:
        header = struct.unpack_from(">25I", raw)
        width, height, bits, line, colours = header[4], header[5], header[11], header[12], header[19]
        assert (header[7], bits, line) == (0, 32, width * 4)  # least significant byte first, no padding
        start = header[0] + colours * 12
        return cls(width, height, raw[start : start + line * height])

    def count(self, colour: str) -> int:
        """How many pixels have the colour, such as ``#187a39``."""
        wanted = bytes.fromhex(colour.removeprefix("#"))[::-1]
        return sum(match.start() % 4 == 0 for match in re.finditer(re.escape(wanted), self.pixels))

    def save(self, path: Path) -> None:
        """Write it as a PNG."""
        rows = bytearray()
        for start in range(0, len(self.pixels), self.width * 4):
            row = self.pixels[start : start + self.width * 4]
            rgb = bytearray(self.width * 3)
            rgb[0::3], rgb[1::3], rgb[2::3] = row[2::4], row[1::4], row[0::4]
            rows += b"\0" + rgb
        about = struct.pack(">IIBBBBB", self.width, self.height, 8, 2, 0, 0, 0)
        parts = ((b"IHDR", about), (b"IDAT", zlib.compress(bytes(rows))), (b"IEND", b""))
        path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunk(kind, data) for kind, data in parts))


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


class Screen:
    """A virtual screen of the host, as long as the context lasts."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.display = ""

    def __enter__(self) -> Self:
        reader, writer = os.pipe()
        self._server = subprocess.Popen(
            ["Xvfb", "-displayfd", str(writer), "-fbdir", str(self._folder), *ARGUMENTS],
            pass_fds=(writer,),
            stderr=subprocess.DEVNULL,
        )
        os.close(writer)
        with os.fdopen(reader) as pipe:  # Xvfb chooses a number that is free, and tells it when it listens
            self.display = ":" + pipe.readline().strip()
        assert self.display != ":", "Xvfb did not start"
        return self

    def __exit__(self, *_: object) -> None:
        self._server.terminate()
        self._server.wait(timeout=10)

    def picture(self) -> Picture:
        return Picture.from_xwd((self._folder / FRAME).read_bytes())
