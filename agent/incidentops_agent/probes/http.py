"""HTTP: a GET whose status is below 400, over TCP or a unix socket."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aiohttp

from .base import ProbeFailedError

if TYPE_CHECKING:
    from ..model import ProbeSpec


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
            async with self._session.get(f"http://{host}:{self._options['port']}{path}") as response:
                if response.status >= 400:
                    raise ProbeFailedError(f"GET {path} answered {response.status} {response.reason}")
                await response.read()
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
