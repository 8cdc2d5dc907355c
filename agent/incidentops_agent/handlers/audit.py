"""The audit trail."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import lookup, queries, views
from ..answers import ApiError, reply
from ..ports import AuditQuery

if TYPE_CHECKING:
    from aiohttp import web

    from ..engine import Engine
    from ..model import Peer
    from ..ports import Audit

ROWS_MOST = 1000


class AuditHandlers:
    def __init__(self, engine: Engine, audit: Audit) -> None:
        self._engine = engine
        self._audit = audit

    async def rows(self, request: web.BaseRequest, _parameter: str, _peer: Peer) -> web.StreamResponse:
        limit, before = queries.whole(request, "limit", 100), queries.whole(request, "before", None)
        queries.only(request, "service", "limit", "before")
        service = request.query.get("service")
        if service is not None:
            lookup.service(self._engine, service)
        try:
            rows = await self._audit.rows(AuditQuery(service=service or ""), min(limit or 0, ROWS_MOST), before)
        except OSError as error:
            raise ApiError(503, "audit-unreadable", str(error)) from error
        return reply([{"seq": seq, **views.audit_row(row)} for seq, row in rows])
