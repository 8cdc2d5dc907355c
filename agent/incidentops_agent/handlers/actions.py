"""What operators ask for. Each answer is given when the action is over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import access, bodies, lookup, queries, views
from ..answers import reply

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aiohttp import web

    from .. import edge
    from ..actions import Actions
    from ..engine import Engine
    from ..model import Actor, Peer

_CONFLICTS = (
    "armed",
    "busy",
    "denied",
    "fault-active",
    "malformed",
    "masked",
    "not-installed",
    "nothing-planned",
    "plan-changed",
    "refused",
    "superseded",
    "too-many",
    "unavailable",
    "unresponsive",
)
"""What can't be done in the present state; all else that fails was tried."""
PLAN_ID = r"[0-9a-f]{16}"


class ActionHandlers:
    def __init__(self, engine: Engine, actions: Actions) -> None:
        self._engine = engine
        self._actions = actions

    async def ping(self, request: web.BaseRequest, parameter: str, peer: Peer) -> web.StreamResponse:
        lookup.service(self._engine, parameter)
        who = access.actor(peer)
        return await self.run(request, lambda: self._actions.ping(parameter, who), who)

    async def start(self, request: web.BaseRequest, parameter: str, peer: Peer) -> web.StreamResponse:
        return await self._change(request, parameter, peer, "start")

    async def stop(self, request: web.BaseRequest, parameter: str, peer: Peer) -> web.StreamResponse:
        return await self._change(request, parameter, peer, "stop")

    async def restart(self, request: web.BaseRequest, parameter: str, peer: Peer) -> web.StreamResponse:
        return await self._change(request, parameter, peer, "restart")

    async def remediate(self, request: web.BaseRequest, _parameter: str, peer: Peer) -> web.StreamResponse:
        wanted = await bodies.read(request, _plan)
        who = access.actor(peer)
        return await self.run(request, lambda: self._actions.remediate(who, wanted), who)

    async def plan(self, _request: web.BaseRequest, _parameter: str, _peer: Peer) -> web.StreamResponse:
        made = await self._actions.plan()
        return reply({
            "plan": made.id,
            "at": views.iso(self._engine.now()),
            "steps": [step.view() for step in made.steps],
            "message": "" if made.steps else "No services required remediation.",
        })  # fmt: skip

    async def _change(self, request: web.BaseRequest, name: str, peer: Peer, action: str) -> web.StreamResponse:
        lookup.service(self._engine, name)
        who = access.actor(peer)
        return await self.run(request, lambda: self._actions.change(name, action, who), who)

    async def resolve_service(self, name: str, who: Actor) -> dict[str, Any]:
        return await self._actions.change(name, "resolve", who)

    async def run(
        self, request: web.BaseRequest, what: Callable[[], Awaitable[dict[str, Any]]], who: Actor
    ) -> web.StreamResponse:
        """Run an action to its end and answer."""
        key = queries.idempotency_key(request)
        answer = await self._actions.run(what, who, key, queries.what(request))
        failed = "kind" in answer
        return reply(answer, (409 if answer["kind"] in _CONFLICTS else 503) if failed else 200)


def _plan(section: edge.Section) -> str:
    return section.text("plan", "", pattern=PLAN_ID, wanted="the id of a plan, 16 hexadecimal digits")
