"""Faults: what there is, what one would do, injecting and reverting."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from .. import access, bodies, fault_kinds, lookup
from ..answers import ApiError, reply
from ..fault_kinds import FaultOrder
from ..ports import BusError, ChaosError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aiohttp import web

    from ..chaos import ChaosRuns
    from ..edge import Section
    from ..engine import Engine
    from ..faults import Faults
    from ..model import Actor, Peer
    from .actions import ActionHandlers


class FaultHandlers:
    def __init__(self, engine: Engine, faults: Faults, actions: ActionHandlers, chaos: ChaosRuns) -> None:
        self._engine = engine
        self._faults = faults
        self._actions = actions
        self._chaos = chaos

    # -- reading

    async def catalogue(self, _request: web.BaseRequest, _parameter: str, _peer: Peer) -> web.StreamResponse:
        try:
            return reply(await self._faults.catalogue())
        except BusError as error:
            raise ApiError(503, error.kind, f"cannot ask what is possible here: {error}") from error

    async def every(self, _request: web.BaseRequest, _parameter: str, _peer: Peer) -> web.StreamResponse:
        return reply(self._faults.active())

    async def one(self, _request: web.BaseRequest, parameter: str, _peer: Peer) -> web.StreamResponse:
        return reply(self._find(parameter))

    def _find(self, fault_id: str) -> dict[str, Any]:
        found = self._faults.one(fault_id)
        if found is None:
            known = [one["id"] for one in self._faults.active()]
            listed = ", ".join(known) or "none"
            raise ApiError(
                404, "unknown-fault", f"cannot find a fault {fault_id[:64]!r}; injected: {listed}", known=known
            )
        return found

    async def preview(self, request: web.BaseRequest, _parameter: str, _peer: Peer) -> web.StreamResponse:
        order = await bodies.read(request, self._order)
        try:
            return reply(await self._faults.preview(order))
        except BusError as error:
            status = 409 if error.kind == "refused" else 503
            raise ApiError(status, error.kind, f"cannot preview {order.kind} of {order.service}: {error}") from error

    def _order(self, section: Section) -> FaultOrder:
        services = {name: service.spec for name, service in self._engine.visible().items()}
        return fault_kinds.order(section, self._faults.kinds, services)

    # -- acting

    async def inject(self, request: web.BaseRequest, _parameter: str, peer: Peer) -> web.StreamResponse:
        order = await bodies.read(request, self._order)
        who = access.actor(peer)
        return await self._actions.run(request, lambda: self._faults.inject(order, who), who)

    async def revert(self, request: web.BaseRequest, parameter: str, peer: Peer) -> web.StreamResponse:
        self._find(parameter)
        return await self._run(request, peer, lambda who: self._faults.revert(parameter, who))

    async def panic(self, request: web.BaseRequest, _parameter: str, peer: Peer) -> web.StreamResponse:
        return await self._run(request, peer, self._panicked)

    async def _panicked(self, who: Actor) -> dict[str, Any]:
        """A chaos run is disarmed too: it would go on injecting. Neither waits for the other."""
        disarmed, answer = await asyncio.gather(self._disarmed(who), self._faults.panic(who))
        if disarmed and answer["status"] == "completed" and self._faults.active():
            again = await self._faults.panic(who)  # what the run injected before it had heard of it
            reverted = answer["faults_reverted"] + again["faults_reverted"]
            answer = {**again, "faults_reverted": reverted, "steps": answer["steps"] + again["steps"]}
        return {**answer, "chaos_disarmed": disarmed}

    async def _disarmed(self, who: Actor) -> bool:
        try:
            if (await self._chaos.status()).get("status") == "idle":
                return False
        except ChaosError:  # it is down, and injects nothing
            return False
        return "kind" not in await self._chaos.disarm(who)

    async def _run(
        self, request: web.BaseRequest, peer: Peer, what: Callable[[Actor], Awaitable[dict[str, Any]]]
    ) -> web.StreamResponse:
        who = access.actor(peer)
        return await self._actions.run(request, lambda: what(who), who)

    async def incident(self, request: web.BaseRequest, parameter: str, peer: Peer) -> web.StreamResponse:
        """Inject the service's default fault; a body may say for how long."""
        service = lookup.service(self._engine, parameter)
        kinds = self._faults.kinds

        def seconds(section: Section) -> float:
            return section.number("duration", kinds.default, kinds.low, kinds.most, "seconds")

        duration = await bodies.read(request, seconds)
        kind = kinds.kinds.get(service.spec.faults.default)
        if kind is None:
            known = ", ".join(kinds.kinds) or "none"
            wrong = service.spec.faults.default
            raise ApiError(
                409,
                "unavailable",
                f"cannot break {parameter}: its default fault {wrong!r} is no kind of fault here; known: {known}",
            )
        values = {one.name: one.default for one in kind.parameters if one.default is not None}
        order = FaultOrder(kind.name, parameter, values, duration)
        who = access.actor(peer)
        return await self._actions.run(request, lambda: self._faults.inject(order, who, "incident"), who)

    async def resolve(self, request: web.BaseRequest, parameter: str, peer: Peer) -> web.StreamResponse:
        """Revert what is injected into the service, then bring it back if it is down."""
        lookup.service(self._engine, parameter)
        return await self._run(request, peer, lambda who: self._resolved(parameter, who))

    async def _resolved(self, name: str, who: Actor) -> dict[str, Any]:
        reverted = [await self._faults.revert(fault_id, who) for fault_id in self._faults.of_service(name)]
        for one in reverted:
            if "kind" in one:
                return one
        answer = await self._actions.resolve_service(name, who)
        return {**answer, "faults_reverted": [one["fault"]["id"] for one in reverted]}
