"""The agent itself and the machine: health, description of the API, figures, metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import openapi
from ..answers import Whole, reply

if TYPE_CHECKING:
    from aiohttp import web

    from ..engine import Engine
    from ..model import Peer
    from ..ports import Metrics, System

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class AgentHandlers:
    def __init__(self, engine: Engine, system: System, metrics: Metrics) -> None:
        self._engine = engine
        self._system = system
        self._metrics = metrics
        self._openapi = openapi.document()

    async def health(self, _request: web.BaseRequest, _parameter: str, _peer: Peer) -> web.StreamResponse:
        return reply(self._engine.agent_view())

    async def openapi(self, _request: web.BaseRequest, _parameter: str, _peer: Peer) -> web.StreamResponse:
        return reply(self._openapi)

    async def system(self, _request: web.BaseRequest, _parameter: str, _peer: Peer) -> web.StreamResponse:
        return reply(self._system.figures())

    async def metrics(self, _request: web.BaseRequest, _parameter: str, _peer: Peer) -> web.StreamResponse:
        await self._engine.refresh_resources()
        return Whole(self._metrics.text(), content_type=METRICS_TYPE)
