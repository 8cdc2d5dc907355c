"""HTTP on the unix socket: whether it lives, what it does, and for the few who may, arming and disarming."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import pwd
import socket
import struct
from collections import Counter
from typing import TYPE_CHECKING, Any

from aiohttp import HttpVersion10, HttpVersion11, web

from incidentops_chaos.agent import AwayError, RefusedError
from incidentops_chaos.runner import ConflictError
from incidentops_chaos.settings import SettingsError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from incidentops_chaos.runner import Runner

    Handler = Callable[[web.BaseRequest], Awaitable[dict[str, Any]]]

log = logging.getLogger(__name__)

CLIENT_SECONDS = 2.0
"""Seconds from a connection's begin until its first request must be complete, and that a body may take."""
KEEP_ALIVE = 75.0
BODY_MOST = 64 * 1024
CONNECTIONS_EACH = 32
"""Connections that one user may hold."""
SHUTDOWN = 1.0
AGENT_USER = "incidentops"


class _ProblemError(Exception):
    """An answer that says no."""

    def __init__(self, status: int, kind: str, message: str, **extra: Any) -> None:
        self.status = status
        self.body = {"kind": kind, "message": message, **extra}
        super().__init__(message)


class _Connection(web.RequestHandler):
    """One connection; the kernel says at its begin who is at the other end."""

    __slots__ = ("_counted", "_overdue", "_server", "uid")

    def __init__(self, manager: _Http, **options: Any) -> None:
        super().__init__(manager, **options)
        self._server = manager
        self.uid = -1
        self._counted = False
        self._overdue: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        credentials = transport.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        self.uid = struct.unpack("=iII", credentials)[1]
        super().connection_made(transport)
        if self._server.held[self.uid] >= CONNECTIONS_EACH:
            self.force_close()
            return
        self._server.held[self.uid] += 1
        self._counted = True
        self._overdue = asyncio.get_running_loop().call_later(CLIENT_SECONDS, self.force_close)

    def connection_lost(self, exc: BaseException | None) -> None:
        self.request_begins()
        if self._counted:
            self._counted = False
            self._server.held[self.uid] -= 1
        super().connection_lost(exc)

    def request_begins(self) -> None:
        if self._overdue is not None:
            self._overdue.cancel()
            self._overdue = None

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """What is no HTTP is answered in this API's words too."""
        if status >= 500:
            log.error("a request to %s failed by a mistake of this program", request.path, exc_info=exc)
        why = (message or "").partition("\n")[0].rstrip(": ")
        answer = _reply({"kind": "bad-request", "message": f"cannot read this as HTTP/1.1 ({why})"}, status)
        answer.force_close()
        return answer


class _Http(web.Server):
    """Makes a _Connection for each client and answers its requests."""

    def __init__(self, runner: Runner) -> None:
        self.held: Counter[int] = Counter()
        self._runner = runner
        self._may_change = {0, os.geteuid(), *_uid_of(AGENT_USER)}
        self._handlers: dict[str, dict[str, Handler]] = {
            "/health": {"GET": self._health},
            "/status": {"GET": self._status},
            "/plan": {"POST": self._plan},
            "/arm": {"POST": self._arm},
            "/disarm": {"POST": self._disarm},
        }
        super().__init__(self._answer)

    def __call__(self) -> web.RequestHandler:
        return _Connection(
            self,
            loop=asyncio.get_running_loop(),
            access_log=None,
            keepalive_timeout=KEEP_ALIVE,
            lingering_time=CLIENT_SECONDS,
        )

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        connection = request.protocol
        assert isinstance(connection, _Connection)
        connection.request_begins()
        try:
            return _reply(await self._handler(request, connection.uid)(request))
        except _ProblemError as error:
            return _reply(error.body, error.status)
        except SettingsError as error:
            problems = [{"key": key, "message": message} for key, message in error.problems]
            said = {"kind": "malformed", "message": f"cannot take the settings: {error}", "problems": problems}
            return _reply(said, 400)
        except ConflictError as error:
            return _reply({"kind": error.kind, "message": f"cannot arm: {error}"}, 409)
        except (AwayError, RefusedError) as error:
            said = {"kind": "agent-unreachable", "message": f"cannot ask what can be injected: {error}"}
            return _reply(said, 503)
        except Exception:
            log.exception("a request failed by a mistake of this program")
            return _reply({"kind": "internal", "message": "cannot answer because of a mistake in the program"}, 500)

    def _handler(self, request: web.BaseRequest, uid: int) -> Handler:
        if request.version not in (HttpVersion10, HttpVersion11):
            raise _ProblemError(400, "bad-request", "cannot take another version of HTTP than 1.0 and 1.1")
        for header in ("Origin", "Referer"):
            if header in request.headers:
                words = f"cannot answer: requests with the header {header} are refused: this is not for web pages"
                raise _ProblemError(403, "foreign", words)
        methods = self._handlers.get(request.path)
        if methods is None:
            raise _ProblemError(404, "not-found", f"cannot find this; there is {', '.join(self._handlers)}")
        handler = methods.get("GET" if request.method == "HEAD" else request.method)
        if handler is None:
            raise _ProblemError(405, "bad-method", f"cannot do this; {', '.join(methods)} only")
        if "POST" in methods and uid not in self._may_change:
            raise _ProblemError(403, "denied", "cannot do this for you; ask the agent, which knows who may")
        return handler

    # -- what there is

    async def _health(self, _request: web.BaseRequest) -> dict[str, Any]:
        return {"status": "idle" if self._runner.status == "idle" else "armed"}

    async def _status(self, _request: web.BaseRequest) -> dict[str, Any]:
        return self._runner.view()

    async def _plan(self, request: web.BaseRequest) -> dict[str, Any]:
        settings, steps = await self._runner.plan(await _object(request))
        return {
            "settings": settings.view(),
            "steps": [step.view() for step in steps],
            "message": "" if steps else f"No fault would begin within the {settings.seconds:g} s.",
        }

    async def _arm(self, request: web.BaseRequest) -> dict[str, Any]:
        await self._runner.arm(await _object(request))
        return self._runner.view()

    async def _disarm(self, request: web.BaseRequest) -> dict[str, Any]:
        if await _object(request):
            raise _ProblemError(400, "malformed", "cannot take a body with keys here")
        await self._runner.disarm()
        view = self._runner.view()
        if view.get("left"):
            words = "; ".join(f"{one}: {why}" for one, why in view["left"].items())
            raise _ProblemError(503, "undo-failed", f"cannot revert everything: {words}", left=view["left"])
        return view


async def _object(request: web.BaseRequest) -> dict[str, Any]:
    """The JSON object of a request's body; no body counts as an object without keys."""
    raw = bytearray()
    try:
        async with asyncio.timeout(CLIENT_SECONDS):
            async for chunk in request.content.iter_any():
                raw += chunk
                if len(raw) > BODY_MOST:
                    raise _ProblemError(413, "too-large", f"cannot take a body of more than {BODY_MOST} bytes")
    except TimeoutError as error:
        raise _ProblemError(408, "too-slow", f"cannot wait longer than {CLIENT_SECONDS:g} s for the body") from error
    try:
        given = json.loads(raw, object_pairs_hook=_once) if raw.strip() else {}
    except (ValueError, RecursionError) as error:
        raise _ProblemError(400, "malformed", f"cannot take the body as JSON: {error}") from error
    if not isinstance(given, dict):
        raise _ProblemError(400, "malformed", "cannot take the body: it must be a JSON object")
    return given


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is given twice")
    return found


def _reply(body: dict[str, Any], status: int = 200) -> web.Response:
    return web.Response(body=json.dumps(body).encode() + b"\n", status=status, content_type="application/json")


def _uid_of(user: str) -> list[int]:
    try:
        return [pwd.getpwnam(user).pw_uid]
    except KeyError:
        return []


class Server:
    """Answers at a unix socket until closed."""

    def __init__(self, runner: Runner) -> None:
        self._http = _Http(runner)
        self._server: asyncio.Server | None = None

    async def open(self, path: Path) -> None:
        """Raises OSError."""
        path.unlink(missing_ok=True)
        self._server = await asyncio.get_running_loop().create_unix_server(self._http, str(path))
        # Everybody may ask for its health, above all the agent; who may change something, the kernel says.
        path.chmod(0o666)

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        await self._http.shutdown(SHUTDOWN)
