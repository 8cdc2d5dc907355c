"""The handlers behind the route table: requests in, JSON out, every error as {kind, message}."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from typing import TYPE_CHECKING, Any

from aiohttp import HttpVersion10, HttpVersion11, web

from . import access, events, openapi, views
from .answers import Whole
from .ports import BusError
from .routes import ROUTES, Route

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from .access import Access
    from .actions import Actions
    from .engine import Engine, Service
    from .model import Actor, JournalEntry, Peer
    from .ports import Audit, Journal, Metrics, System

log = logging.getLogger(__name__)

HEARTBEAT = 4.0
"""Seconds between two signs of life on the event stream, so that a client may give up after 5."""
STALLED = 10.0
"""Seconds after which a reader of the event stream that takes nothing is cut off."""
AUDIT_ROWS_MOST = 1000
JOURNAL_LINES_MOST = 5000
METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_CODES = {"not-installed": 409, "masked": 409, "superseded": 409, "unresponsive": 409, "not-permitted": 503}


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


class Router:
    """Finds the row of the table for a method and a path with at most one parameter."""

    def __init__(self) -> None:
        self._exact: dict[str, dict[str, Route]] = {}
        self._patterns: list[tuple[re.Pattern[str], dict[str, Route]]] = []
        grouped: dict[str, dict[str, Route]] = {}
        for route in ROUTES:
            grouped.setdefault(route.path, {})[route.method] = route
        for path, methods in grouped.items():
            if "{" in path:
                self._patterns.append((re.compile(re.sub(r"{\w+}", "([^/]+)", path)), methods))
            else:
                self._exact[path] = methods

    def find(self, method: str, path: str) -> tuple[Route, str]:
        """The route and its parameter, empty when it has none; HEAD is a GET.

        Raises:
            ApiError: 404 or 405.
        """
        methods, parameter = self._exact.get(path), ""
        if methods is None:
            for pattern, candidates in self._patterns:
                match = pattern.fullmatch(path)
                if match:
                    methods, parameter = candidates, match[1]
                    break
            else:
                raise ApiError(404, "not-found", f"cannot find {path[:200]}; GET /openapi.json lists what there is")
        route = methods.get("GET" if method == "HEAD" else method)
        if route is None:
            allowed = ", ".join(sorted(methods))
            raise ApiError(405, "method-not-allowed", f"cannot {method[:20]} {path[:200]}; use {allowed}")
        return route, parameter


class Api:
    """Answers requests: finds the route, refuses whom it must, runs the handler, counts."""

    def __init__(
        self,
        engine: Engine,
        actions: Actions,
        audit: Audit,
        system: System,
        journal: Journal,
        metrics: Metrics,
        judge: Access,
        stops_with: Callable[[str], Awaitable[list[str]]],
    ) -> None:
        self._engine = engine
        self._actions = actions
        self._audit = audit
        self._system = system
        self._journal = journal
        self._metrics = metrics
        self._access = judge
        self._stops_with = stops_with
        self._router = Router()
        self._handlers = {route.handler: getattr(self, route.handler) for route in ROUTES}
        self._openapi = openapi.document()
        self._streams: set[asyncio.Task[Any]] = set()

    def use_access(self, judge: Access) -> None:
        """Judge by other settings from now on."""
        self._access = judge

    # -- every request

    async def answer(self, request: web.BaseRequest, peer: Peer, port: int | None) -> web.StreamResponse:
        """Answer one request of ``peer``; ``port`` is the TCP port that it came in by, None for the unix socket."""
        where = "unknown"
        try:
            route, parameter = self._find(request, port)
            where = route.path
            self._admit(route, request.path, peer)
            response: web.StreamResponse = await self._handlers[route.handler](request, parameter, peer)
        except ApiError as error:
            response = refusal(error)
        except asyncio.CancelledError:
            raise
        except Exception:
            log.exception("a request to %s failed by a mistake of the agent's", where)
            sentence = "cannot answer because of a mistake in the agent; its journal has the details"
            response = refusal(ApiError(500, "internal", sentence))
        self._metrics.request(request.method if where != "unknown" else "other", where, response.status)
        return response

    def _find(self, request: web.BaseRequest, port: int | None) -> tuple[Route, str]:
        if not request.raw_path.startswith("/"):
            raise ApiError(400, "malformed", "cannot take a request whose target is not a path of this API")
        if "Upgrade" in request.headers:
            raise ApiError(400, "malformed", "cannot change to another protocol")
        if request.version not in (HttpVersion10, HttpVersion11):
            raise ApiError(400, "malformed", "cannot take another version of HTTP than 1.0 and 1.1")
        reason = access.foreign(request.headers.getall("Host", ()), request.headers, port)
        if reason:
            raise ApiError(403, "foreign", f"cannot answer: {reason}")
        return self._router.find(request.method, request.path)

    def _admit(self, route: Route, path: str, peer: Peer) -> None:
        if self._access.allows(peer, route.level):
            return
        who = access.actor(peer)
        name = f"user {who.user}" if who.user else f"a caller that nobody vouches for ({peer.note})"
        message = f"cannot {route.method} {path[:200]}: {name} may not {route.level}"
        if route.level == "operate":
            message += "; members of the group incidentops and root may"
        raise ApiError(403, "denied", message, level=route.level.value)

    def _service(self, name: str) -> Service:
        found = self._engine.visible().get(name)
        if found is None:
            known = sorted(self._engine.visible())
            listed = ", ".join(known)
            raise ApiError(
                404, "unknown-service", f"cannot find a service {name[:100]!r}; known: {listed}", known=known
            )
        return found

    # -- reading

    async def health(self, _request: web.BaseRequest, _parameter: str, _peer: Peer) -> web.StreamResponse:
        return reply(self._engine.agent_view())

    async def openapi(self, _request: web.BaseRequest, _parameter: str, _peer: Peer) -> web.StreamResponse:
        return reply(self._openapi)

    async def services(self, _request: web.BaseRequest, _parameter: str, _peer: Peer) -> web.StreamResponse:
        await self._engine.refresh_resources()
        return Whole(self._engine.services_body() + b"\n")

    async def service(self, _request: web.BaseRequest, parameter: str, _peer: Peer) -> web.StreamResponse:
        service = self._service(parameter)
        await self._engine.refresh_resources([service])
        stops_with: list[str] | None = None
        try:
            stops_with = await self._stops_with(service.unit_name)
        except BusError as error:
            log.info("what a stop of %s takes down is not known: %s", parameter, error)
        return reply({
            "name": parameter,
            **self._engine.view(service),
            "dependants": list(self._engine.catalogue.dependants(parameter)),
            "stops_with": stops_with,
            "log": self._audit.sentences(parameter),
        })  # fmt: skip

    async def system(self, _request: web.BaseRequest, _parameter: str, _peer: Peer) -> web.StreamResponse:
        return reply(self._system.figures())

    async def metrics(self, _request: web.BaseRequest, _parameter: str, _peer: Peer) -> web.StreamResponse:
        await self._engine.refresh_resources()
        return Whole(self._metrics.text(), content_type=METRICS_TYPE)

    async def logs(self, _request: web.BaseRequest, parameter: str, _peer: Peer) -> web.StreamResponse:
        self._service(parameter)
        return reply(self._audit.sentences(parameter))

    async def audit(self, request: web.BaseRequest, _parameter: str, _peer: Peer) -> web.StreamResponse:
        limit, before = self._whole(request, "limit", 100), self._whole(request, "before", None)
        self._only(request, "service", "limit", "before")
        service = request.query.get("service")
        if service is not None:
            self._service(service)
        try:
            rows = await self._audit.rows(service, min(limit or 0, AUDIT_ROWS_MOST), before)
        except OSError as error:
            raise ApiError(503, "audit-unreadable", str(error)) from error
        return reply([{"seq": seq, **views.audit_row(row)} for seq, row in rows])

    @staticmethod
    def _only(request: web.BaseRequest, *known: str) -> None:
        unknown = set(request.query) - set(known)
        if unknown:
            wrong = min(unknown)[:50]
            raise ApiError(400, "malformed", f"cannot take the query parameter {wrong!r}; use {', '.join(known)}")

    @staticmethod
    def _whole(request: web.BaseRequest, name: str, default: int | None) -> int | None:
        given = request.query.get(name)
        if given is None:
            return default
        if not re.fullmatch(r"[0-9]{1,15}", given):
            raise ApiError(400, "malformed", f"cannot take {name}={given[:50]!r}; give a whole number, 0 or more")
        return int(given)

    async def journal(self, request: web.BaseRequest, parameter: str, _peer: Peer) -> web.StreamResponse:
        unit = self._service(parameter).unit_name
        self._only(request, "lines", "follow")
        lines = min(self._whole(request, "lines", 100) or 0, JOURNAL_LINES_MOST)
        try:
            if request.query.get("follow", "0") != "0":
                return await self._follow_journal(request, unit, lines)
            return reply([views.journal_entry(entry) for entry in await self._journal.recent(unit, lines)])
        except OSError as error:
            raise ApiError(503, "journal-unreadable", str(error)) from error

    async def _follow_journal(self, request: web.BaseRequest, unit: str, lines: int) -> web.StreamResponse:
        response = await self._open_stream(request)
        if request.method == "HEAD":
            return response
        entries = self._journal.follow(unit, lines)
        coming: asyncio.Future[JournalEntry] | None = None
        try:
            while True:
                coming = coming or asyncio.ensure_future(anext(entries))
                done, _ = await asyncio.wait([coming], timeout=HEARTBEAT)
                chunk = events.encode("heartbeat", b"{}")
                if done:
                    chunk = events.encode("entry", json.dumps(views.journal_entry(coming.result())).encode())
                    coming = None
                async with asyncio.timeout(STALLED):
                    await response.write(chunk)
        except StopAsyncIteration:
            return response
        except (OSError, TimeoutError):
            cut(request)
        finally:
            if coming is not None:
                coming.cancel()
                await asyncio.gather(coming, return_exceptions=True)
            await entries.aclose()
        return response

    async def _open_stream(self, request: web.BaseRequest) -> web.StreamResponse:
        stream = asyncio.current_task()
        assert stream is not None
        self._streams.add(stream)
        stream.add_done_callback(self._streams.discard)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
        await response.prepare(request)
        return response

    def end_streams(self) -> None:
        """Cut what has no end by itself, so that the agent need not wait for it."""
        for stream in self._streams:
            stream.cancel()

    async def events(self, request: web.BaseRequest, _parameter: str, _peer: Peer) -> web.StreamResponse:
        response = await self._open_stream(request)
        if request.method == "HEAD":
            return response
        broker = self._engine.broker
        reader = broker.open(request.headers.get("Last-Event-ID", ""))
        try:
            while True:
                chunk = await reader.next(HEARTBEAT)
                async with asyncio.timeout(STALLED):
                    await response.write(chunk)
        except (TimeoutError, ConnectionError):
            cut(request)
        finally:
            broker.close(reader)
        return response

    # -- acting

    async def ping(self, request: web.BaseRequest, parameter: str, peer: Peer) -> web.StreamResponse:
        self._service(parameter)
        who = access.actor(peer)
        return await self._run(request, lambda: self._actions.ping(parameter, who), who)

    async def start(self, request: web.BaseRequest, parameter: str, peer: Peer) -> web.StreamResponse:
        return await self._change(request, parameter, peer, "start")

    async def stop(self, request: web.BaseRequest, parameter: str, peer: Peer) -> web.StreamResponse:
        return await self._change(request, parameter, peer, "stop")

    async def restart(self, request: web.BaseRequest, parameter: str, peer: Peer) -> web.StreamResponse:
        return await self._change(request, parameter, peer, "restart")

    async def incident(self, request: web.BaseRequest, parameter: str, peer: Peer) -> web.StreamResponse:
        return await self._change(request, parameter, peer, "incident")

    async def resolve(self, request: web.BaseRequest, parameter: str, peer: Peer) -> web.StreamResponse:
        return await self._change(request, parameter, peer, "resolve")

    async def remediate(self, request: web.BaseRequest, _parameter: str, peer: Peer) -> web.StreamResponse:
        who = access.actor(peer)
        return await self._run(request, lambda: self._actions.remediate(who), who)

    async def _change(self, request: web.BaseRequest, name: str, peer: Peer, action: str) -> web.StreamResponse:
        self._service(name)
        who = access.actor(peer)
        return await self._run(request, lambda: self._actions.change(name, action, who), who)

    async def _run(
        self, request: web.BaseRequest, what: Callable[[], Awaitable[dict[str, Any]]], who: Actor
    ) -> web.StreamResponse:
        key = request.headers.get("Idempotency-Key", "")
        if key and not re.fullmatch(r"[!-~]{1,128}", key):
            raise ApiError(400, "malformed", "cannot take the Idempotency-Key; give 1 to 128 printable characters")
        answer = await self._actions.run(what, who, key, request.path)
        failed = "kind" in answer
        return reply(answer, _CODES.get(answer["kind"], 503) if failed else 200)
