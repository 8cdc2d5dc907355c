"""Automatic recovery and maintenance, as operators set them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import access, bodies, lookup, queries
from ..answers import reply
from ..autorecovery import LONGEST, SHORTEST

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aiohttp import web

    from .. import edge
    from ..actions import Actions
    from ..engine import Engine
    from ..model import Actor, Peer

USUAL = 3600.0
"""Seconds that a recovery mode holds when nothing else is said."""
REASON_MOST = 500


def _window(section: edge.Section) -> tuple[float, str]:
    for key in ("seconds", "reason"):
        if not section.has(key):
            section.problem(key, "is missing; it has no default")
    seconds = section.number("seconds", USUAL, SHORTEST, LONGEST, "seconds")
    wanted = f"a text of 1 to {REASON_MOST} characters on one line"
    return seconds, section.text("reason", "?", pattern=rf"[^\x00-\x1f\x7f]{{1,{REASON_MOST}}}", wanted=wanted)


def _mode(section: edge.Section) -> tuple[str, float]:
    mode = section.choice("mode", ("auto", "manual"))
    return mode, section.number("seconds", USUAL, SHORTEST, LONGEST, "seconds")


class RecoveryHandlers:
    def __init__(self, engine: Engine, actions: Actions) -> None:
        self._engine = engine
        self._actions = actions
        self._recovery = actions.recovery

    async def begin_maintenance(self, request: web.BaseRequest, parameter: str, peer: Peer) -> web.StreamResponse:
        service = lookup.service(self._engine, parameter)
        seconds, reason = await bodies.read(request, _window)
        return await self._run(
            request, peer, lambda who: self._recovery.begin_maintenance(service, seconds, reason, who)
        )

    async def end_maintenance(self, request: web.BaseRequest, parameter: str, peer: Peer) -> web.StreamResponse:
        service = lookup.service(self._engine, parameter)
        return await self._run(request, peer, lambda who: self._recovery.end_maintenance(service, who))

    async def set_mode(self, request: web.BaseRequest, parameter: str, peer: Peer) -> web.StreamResponse:
        service = lookup.service(self._engine, parameter)
        mode, seconds = await bodies.read(request, _mode)
        return await self._run(request, peer, lambda who: self._recovery.set_mode(service, mode, seconds, who))

    async def reset_mode(self, request: web.BaseRequest, parameter: str, peer: Peer) -> web.StreamResponse:
        service = lookup.service(self._engine, parameter)
        return await self._run(request, peer, lambda who: self._recovery.reset_mode(service, who))

    async def _run(
        self, request: web.BaseRequest, peer: Peer, what: Callable[[Actor], Awaitable[dict[str, Any]]]
    ) -> web.StreamResponse:
        who = access.actor(peer)
        key = queries.idempotency_key(request)
        return reply(await self._actions.run(lambda: what(who), who, key, queries.what(request)))
