"""The handlers behind the route table: requests in, JSON out, every error as {kind, message}."""

from __future__ import annotations

import asyncio
import logging
import re
from typing import TYPE_CHECKING

from aiohttp import HttpVersion10, HttpVersion11, web

from . import access
from .answers import ApiError, refusal
from .handlers.actions import ActionHandlers
from .handlers.agent import AgentHandlers
from .handlers.audit import AuditHandlers
from .handlers.chaos import ChaosHandlers
from .handlers.faults import FaultHandlers
from .handlers.incidents import IncidentHandlers
from .handlers.recovery import RecoveryHandlers
from .handlers.services import ServicesHandlers
from .handlers.streams import StreamHandlers
from .model import Level
from .routes import ROUTES, Route

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from .access import Access
    from .actions import Actions
    from .chaos import ChaosRuns
    from .engine import Engine
    from .faults import Faults
    from .incidents import Incidents
    from .model import Peer
    from .ports import Audit, Journal, Metrics, System

    Handler = Callable[[web.BaseRequest, str, Peer], Awaitable[web.StreamResponse]]

log = logging.getLogger(__name__)


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
        incidents: Incidents,
        audit: Audit,
        system: System,
        journal: Journal,
        metrics: Metrics,
        judge: Access,
        stops_with: Callable[[str], Awaitable[list[str]]],
        faults: Faults,
        chaos: ChaosRuns,
    ) -> None:
        self._metrics = metrics
        self._access = judge
        self._router = Router()
        self._streams = StreamHandlers(engine, journal)
        acting = ActionHandlers(engine, actions)
        subjects = {
            "agent": AgentHandlers(engine, system, metrics),
            "services": ServicesHandlers(engine, audit, stops_with),
            "actions": acting,
            "faults": FaultHandlers(engine, faults, acting, chaos),
            "chaos": ChaosHandlers(chaos, acting),
            "recovery": RecoveryHandlers(engine, actions),
            "audit": AuditHandlers(engine, actions, audit),
            "incidents": IncidentHandlers(engine, incidents, audit, journal),
            "streams": self._streams,
        }
        self._handlers: dict[str, Handler] = {}
        for route in ROUTES:
            subject, _, name = route.handler.partition(".")
            self._handlers[route.handler] = getattr(subjects[subject], name)

    def end_streams(self) -> None:
        """Cut what has no end by itself, so that the agent need not wait for it."""
        self._streams.end()

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
            response = await self._handlers[route.handler](request, parameter, peer)
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
        message = f"cannot {route.method} {path[:200]}: {name} may not {access.verb(route.level)}"
        if route.level not in (Level.ANONYMOUS, Level.OBSERVE):
            message += f"; {self._access.who_may(peer, route.level)}"
        raise ApiError(403, "denied", message, level=route.level.value)
