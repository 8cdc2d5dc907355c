"""HTTP: a GET whose status is below 400, over TCP or a unix socket."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aiohttp

from .base import ProbeFailedError

if TYPE_CHECKING:
    from ..model import ProbeSpec


BODY_MOST = 65536
"""Bytes of an answer that are read, so that the connection can be kept; a longer one ends it."""


class HttpProbe:
    def __init__(self, spec: ProbeSpec) -> None:
        self._options = spec.options
        self._session: aiohttp.ClientSession | None = None

    @property
    def connected(self) -> bool:
        return self._session is not None

    async def ask(self) -> dict[str, str]:
        host, path = str(self._options["host"]), str(self._options["path"])
        if ":" in host:
            host = f"[{host}]"
        try:
            if self._session is None:
                self._session = self._open()
            url = f"http://{host}:{self._options['port']}{path}"
            # Where an answer points to is not asked: it may be another machine.
            async with self._session.get(url, allow_redirects=False) as response:
                if response.status >= 400:
                    raise ProbeFailedError(f"GET {path} answered {response.status} {response.reason}")
                left = BODY_MOST
                while left > 0 and (part := await response.content.readany()):
                    left -= len(part)
        except (aiohttp.ClientError, OSError) as error:
            raise ProbeFailedError(str(error) or type(error).__name__) from error
        return {}

    def _open(self) -> aiohttp.ClientSession:
        socket = str(self._options["socket"])
        connector = aiohttp.UnixConnector(socket, limit=1) if socket else aiohttp.TCPConnector(limit=1)
        return aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout())

    async def close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()
