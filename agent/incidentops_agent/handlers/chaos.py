"""The chaos service: what it does and would do, arming and disarming it. It judges the settings itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import access, bodies
from ..answers import ApiError, reply
from ..ports import ChaosError

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from aiohttp import web

    from ..chaos import ChaosRuns
    from ..model import Peer
    from .actions import ActionHandlers


class ChaosHandlers:
    def __init__(self, runs: ChaosRuns, actions: ActionHandlers) -> None:
        self._runs = runs
        self._actions = actions

    async def status(self, _request: web.BaseRequest, _parameter: str, _peer: Peer) -> web.StreamResponse:
        return reply(await _asked(self._runs.status()))

    async def plan(self, request: web.BaseRequest, _parameter: str, _peer: Peer) -> web.StreamResponse:
        return reply(await _asked(self._runs.plan(await bodies.any_object(request))))

    async def arm(self, request: web.BaseRequest, _parameter: str, peer: Peer) -> web.StreamResponse:
        who = access.actor(peer)
        settings = await bodies.any_object(request)
        # Planned first: what is malformed is nothing that was done, and the seed must be known to be written down.
        planned = await _asked(self._runs.plan(settings))
        return await self._actions.run(request, lambda: self._runs.arm(planned, who), who)

    async def disarm(self, request: web.BaseRequest, _parameter: str, peer: Peer) -> web.StreamResponse:
        who = access.actor(peer)
        return await self._actions.run(request, lambda: self._runs.disarm(who), who)


async def _asked(question: Awaitable[dict[str, Any]]) -> dict[str, Any]:
    try:
        return await question
    except ChaosError as error:
        raise ApiError(error.status, error.kind, str(error), **error.extra) from error
