"""The doors: HTTP on sockets that PID 1 holds, with the kernel's word on who is at the other end of each connection."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

from aiohttp import web

from .answers import ApiError, head, refusal
from .model import Peer
from .peer import SockDiag, tcp_peer, unix_peer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .api import Api

log = logging.getLogger(__name__)

KEEP_ALIVE = 75.0
SHUTDOWN = 3.0
FIRST_REQUEST = 10.0
"""Seconds from a connection's begin until its first request must be complete."""
CONNECTIONS_EACH, CONNECTIONS_ALL = 128, 2048
"""Connections that one user may hold, and that all who may only look may hold together."""
WAITING_MOST = 64
"""Requests that may wait on one connection for the answer to the one before."""


class _Connection(web.RequestHandler):
    """One connection. It asks who connected once, at accept: later the kernel may have forgotten it."""

    __slots__ = ("_counted", "_doors", "_overdue", "peer", "port")

    def __init__(self, manager: _Http, **options: Any) -> None:
        super().__init__(manager, **options)
        self._doors = manager
        self.peer = Peer("unknown")
        self.port: int | None = None
        self._counted = False
        self._overdue: asyncio.TimerHandle | None = None

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if len(self._messages) > WAITING_MOST:  # e.g. behind an event stream, which has no end
            self.force_close()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """What is no HTTP is answered in this API's words too; only a mistake of ours is worth the journal."""
        if status >= 500:
            log.error("a request failed by a mistake of the agent's", exc_info=exc)
        if request.writer.output_size > 0:
            raise ConnectionError("an answer has begun already")
        kind, words = ("internal", "cannot answer because of a mistake in the agent; its journal has the details")
        if status < 500:
            why = (message or "").partition("\n")[0].rstrip(": ")
            kind, words = "malformed", f"cannot take what is not HTTP/1.1 ({why})"
        return refusal(ApiError(status, kind, words))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        connection = transport.get_extra_info("socket")
        if connection.family == socket.AF_UNIX:
            self.peer = unix_peer(connection)
        else:
            self.peer = tcp_peer(connection, self._doors.diag)
            self.port = connection.getsockname()[1]
        super().connection_made(transport)
        if not self._doors.admit(self.peer):
            assert isinstance(transport, asyncio.Transport)
            transport.write(self._doors.too_many())
            self.force_close()
            return
        self._counted = True
        self._overdue = asyncio.get_running_loop().call_later(FIRST_REQUEST, self.force_close)

    def connection_lost(self, exc: BaseException | None) -> None:
        self.request_begins()
        if self._counted:
            self._counted = False
            self._doors.leave(self.peer)
        super().connection_lost(exc)

    def request_begins(self) -> None:
        """A request is complete; from now on the deadlines of keep-alive hold."""
        if self._overdue is not None:
            self._overdue.cancel()
            self._overdue = None


class _Http(web.Server):
    """Makes a _Connection for each client and hands their requests to the API."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self.diag = SockDiag()
        self._held: Counter[int | None] = Counter()
        # A stream whose client has gone ends at once; actions are shielded and go on.
        super().__init__(self._handle, handler_cancellation=True)

    def __call__(self) -> web.RequestHandler:
        return _Connection(self, loop=asyncio.get_running_loop(), access_log=None, keepalive_timeout=KEEP_ALIVE)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        connection = request.protocol
        assert isinstance(connection, _Connection)
        connection.request_begins()
        return await self._api.answer(request, connection.peer, connection.port)

    def admit(self, peer: Peer) -> bool:
        """Count one more connection of a user; False when that would be too many. Root, who is needed to mend things,
        is never kept out by others."""
        held = self._held[peer.uid]
        if held >= CONNECTIONS_EACH or (peer.uid != 0 and self._held.total() >= CONNECTIONS_ALL):
            return False
        self._held[peer.uid] += 1
        return True

    @staticmethod
    def too_many() -> bytes:
        """The answer to a connection that is not admitted."""
        words = "cannot answer: this user holds too many connections already; close some"
        body = json.dumps({"kind": "too-many-connections", "message": words}).encode() + b"\n"
        return head(503, "application/json", len(body), connection="close") + body

    def leave(self, peer: Peer) -> None:
        self._held[peer.uid] -= 1
        if not self._held[peer.uid]:
            del self._held[peer.uid]


class Doors:
    """Serves the API on all given listening sockets until closed."""

    def __init__(self, api: Api, sockets: Iterable[socket.socket]) -> None:
        self._api = api
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
        """Take no more connections, end the streams, let requests finish for SHUTDOWN seconds."""
        for server in self._servers:
            server.close()
        self._api.end_streams()
        await self._http.shutdown(SHUTDOWN)
        self._http.diag.close()
