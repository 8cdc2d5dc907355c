"""Answers whose body is there when they begin: head and body leave in one write.

aiohttp's own response writes its head and then its body: two system calls, and a client that wakes twice for one
answer. It also looks for what this API never uses: ranges, compression, cookies, upgrades.
"""

from __future__ import annotations

import email.utils
import json
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from aiohttp import HttpVersion11, web

if TYPE_CHECKING:
    from aiohttp.abc import AbstractStreamWriter

_REASONS = {status.value: status.phrase for status in HTTPStatus}


class _Clock:
    """The Date header, formatted once a second."""

    _second = 0
    _text = ""

    def now(self) -> str:
        second = int(time.time())
        if second != self._second:
            self._second, self._text = second, email.utils.formatdate(second, usegmt=True)
        return self._text


_clock = _Clock()


def head(status: int, content_type: str, length: int, version: str = "1.1", connection: str = "") -> bytes:
    """A response's head with its empty line; ``connection`` is given where it differs from the version's default."""
    said = f"Connection: {connection}\r\n" if connection else ""
    return (
        f"HTTP/{version} {status} {_REASONS.get(status, '')}\r\nContent-Type: {content_type}\r\n"
        f"Content-Length: {length}\r\nDate: {_clock.now()}\r\n{said}\r\n"
    ).encode()


class Whole(web.StreamResponse):
    """A response of which everything is known."""

    def __init__(self, body: bytes, status: int = 200, content_type: str = "application/json") -> None:
        super().__init__(status=status)
        self.body = body
        self._type = content_type
        self._kept = False

    @property
    def keep_alive(self) -> bool | None:
        return self._kept

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        self._kept = request.keep_alive
        version = request.version
        connection = ""
        if not self._kept:
            connection = "close"
        elif version < HttpVersion11:
            connection = "keep-alive"
        begin = head(self.status, self._type, len(self.body), f"{version.major}.{version.minor}", connection)
        writer = request.writer
        await writer.write(begin if request.method == "HEAD" else begin + self.body)
        await writer.drain()
        return writer

    async def write_eof(self, data: bytes = b"") -> None:
        """Nothing is left to be written."""


class ApiError(Exception):
    """An answer that says no. ``extra`` is added to the body."""

    def __init__(self, status: int, kind: str, message: str, **extra: Any) -> None:
        self.status = status
        self.kind = kind
        self.extra = extra
        super().__init__(message)


def reply(body: Any, status: int = 200) -> Whole:
    return Whole(json.dumps(body).encode() + b"\n", status)


def refusal(error: ApiError) -> Whole:
    return reply({"kind": error.kind, "message": str(error), **error.extra}, error.status)


def cut(request: web.BaseRequest) -> None:
    """End a connection whose client takes nothing any more."""
    if request.transport is not None:
        request.transport.abort()
