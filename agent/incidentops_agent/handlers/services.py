"""What is known of the services."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from .. import lookup
from ..answers import Whole, reply
from ..ports import BusError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aiohttp import web

    from ..engine import Engine
    from ..model import Peer
    from ..ports import Audit

log = logging.getLogger(__name__)


class ServicesHandlers:
    def __init__(self, engine: Engine, audit: Audit, stops_with: Callable[[str], Awaitable[list[str]]]) -> None:
        self._engine = engine
        self._audit = audit
        self._stops_with = stops_with

    async def every(self, _request: web.BaseRequest, _parameter: str, _peer: Peer) -> web.StreamResponse:
        await self._engine.refresh_resources()
        return Whole(self._engine.services_body() + b"\n")

    async def one(self, _request: web.BaseRequest, parameter: str, _peer: Peer) -> web.StreamResponse:
        service = lookup.service(self._engine, parameter)
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

    async def logs(self, _request: web.BaseRequest, parameter: str, _peer: Peer) -> web.StreamResponse:
        lookup.service(self._engine, parameter)
        return reply(self._audit.sentences(parameter))
