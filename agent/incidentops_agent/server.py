"""The doors: HTTP on sockets that PID 1 holds, with the kernel's word on who is at the other end of each connection."""

from __future__ import annotations

import asyncio
import socket
import sys
from typing import TYPE_CHECKING, Any

from aiohttp import web

from .model import Peer
from .peer import SockDiag, tcp_peer, unix_peer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .api import Api

KEEP_ALIVE = 75.0
SHUTDOWN = 3.0


class _Connection(web.RequestHandler):
    """One connection. It asks who connected once, at accept: later the kernel may have forgotten it."""

    __slots__ = ("_doors", "peer", "port")

    def __init__(self, manager: _Http, **options: Any) -> None:
        super().__init__(manager, **options)
        self._doors = manager
        self.peer = Peer("unknown")
        self.port: int | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        connection = transport.get_extra_info("socket")
        if connection.family == socket.AF_UNIX:
            self.peer = unix_peer(connection)
        else:
            self.peer = tcp_peer(connection, self._doors.diag)
            self.port = connection.getsockname()[1]
        super().connection_made(transport)


class _Http(web.Server):
    """Makes a _Connection for each client and hands their requests to the API."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self.diag = SockDiag()
        super().__init__(self._handle)

    def __call__(self) -> web.RequestHandler:
        return _Connection(self, loop=asyncio.get_running_loop(), access_log=None, keepalive_timeout=KEEP_ALIVE)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        connection = request.protocol
        assert isinstance(connection, _Connection)
        return await self._api.answer(request, connection.peer, connection.port)


class Doors:
    """Serves the API on all given listening sockets until closed."""

    def __init__(self, api: Api, sockets: Iterable[socket.socket]) -> None:
        self._http = _Http(api)
        self._sockets = list(sockets)
        self._servers: list[asyncio.Server] = []

    async def open(self) -> None:
        loop = asyncio.get_running_loop()
        for listening in self._sockets:
            listening.setblocking(False)
            if listening.family == socket.AF_UNIX:
                # The socket's path belongs to PID 1; since 3.13 asyncio would remove it when the agent stops.
                keep: dict[str, Any] = {"cleanup_socket": False} if sys.version_info >= (3, 13) else {}
                self._servers.append(await loop.create_unix_server(self._http, sock=listening, backlog=4096, **keep))
            else:
                self._servers.append(await loop.create_server(self._http, sock=listening, backlog=4096))

    async def close(self) -> None:
        """Take no more connections, let requests finish for SHUTDOWN seconds, end the event streams."""
        for server in self._servers:
            server.close()
        await self._http.shutdown(SHUTDOWN)
        self._http.diag.close()
