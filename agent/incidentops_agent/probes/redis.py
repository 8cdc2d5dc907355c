"""Redis: PING, in its own protocol.

RESP is a few lines of text (https://redis.io/docs/latest/develop/reference/protocol-spec/), and spoken here by hand: a
new connection answers after one round trip where the client library needs four, which whoever waits for a start waits
for, and the library alone would take a tenth of the agent's memory.
"""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

from .. import credentials
from .base import ProbeFailedError, ProbeUnavailableError

if TYPE_CHECKING:
    from ..model import ProbeSpec

SET_NAME = ("CLIENT", "SETNAME", "incidentops-agent")
REPLY_MOST = 1024
"""Bytes; the replies to what is asked here are one short line each."""


def command(*words: str) -> bytes:
    """A request: an array of strings, each with its length."""
    encoded = [word.encode() for word in words]
    return b"*%d\r\n" % len(encoded) + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in encoded)


class RedisProbe:
    def __init__(self, spec: ProbeSpec) -> None:
        self._options = spec.options
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    @property
    def connected(self) -> bool:
        return self._streams is not None

    async def ask(self) -> dict[str, str]:
        try:
            answer = await self._converse()
        except asyncio.IncompleteReadError as error:
            raise ProbeFailedError("Redis closed the connection") from error
        except (OSError, asyncio.LimitOverrunError) as error:
            number = getattr(error, "errno", None)
            raise ProbeFailedError(os.strerror(number) if number else str(error)) from error
        if answer.startswith("-NOAUTH"):
            raise ProbeUnavailableError(
                f"Redis answers but wants a login: {answer[1:]}{credentials.hint(str(self._options['credential']))}"
            )
        if answer != "+PONG":
            raise ProbeFailedError(f"PING gave {answer.removeprefix('-')!r}")
        return {}

    async def _converse(self) -> str:
        """The reply to a PING; on a new connection what goes before it is sent along with it."""
        if self._streams is not None:
            return await self._exchange(command("PING"))
        password = credentials.find(str(self._options["credential"]))
        login = command("AUTH", password) if password is not None else b""
        host, port = str(self._options["host"]), int(self._options["port"])
        self._streams = await asyncio.open_connection(host, port, limit=REPLY_MOST)
        first = await self._exchange(login + command(*SET_NAME) + command("PING"))
        if password is not None:
            if first != "+OK":
                raise ProbeUnavailableError(f"Redis answers but refuses the login: {first.removeprefix('-')}")
            await self._line()
        return await self._line()  # what it says of the name does not matter

    async def _exchange(self, request: bytes) -> str:
        assert self._streams is not None
        self._streams[1].write(request)
        return await self._line()

    async def _line(self) -> str:
        assert self._streams is not None
        return (await self._streams[0].readuntil(b"\r\n"))[:-2].decode(errors="replace")

    async def close(self) -> None:
        streams, self._streams = self._streams, None
        if streams is not None:
            streams[1].transport.abort()
