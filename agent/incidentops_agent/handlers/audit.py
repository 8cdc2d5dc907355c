"""The audit trail: to be searched, verified, carried away, and shortened."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from aiohttp import web

from .. import access, bodies, chain, lookup, queries, views
from ..answers import ApiError, cut, reply
from ..ports import AuditQuery, BrokenTrailError

if TYPE_CHECKING:
    from ..actions import Actions
    from ..edge import Section
    from ..engine import Engine
    from ..model import Actor, Peer
    from ..ports import Audit

ROWS_MOST = 1000
PAGE = 500
"""Rows of an export that are held in memory at once."""
STALLED = 10.0
"""Seconds after which a reader of an export that takes nothing is cut off."""
FILTERS = ("service", "user", "action", "incident", "since", "until")
EXPORT_TYPE = "application/x-ndjson"
ROWS_HEADER = "Incidentops-Rows"


class AuditHandlers:
    def __init__(self, engine: Engine, actions: Actions, audit: Audit) -> None:
        self._engine = engine
        self._actions = actions
        self._audit = audit

    def _query(self, request: web.BaseRequest) -> AuditQuery:
        service = request.query.get("service")
        if service is not None:
            lookup.service(self._engine, service)
        name = r"[a-z][a-z0-9-]{0,63}\*?"
        actions = queries.text(
            request, "action", f"{name}(,{name})*", "names of actions with commas between them, such as stop,breaker-*"
        )
        query = AuditQuery(
            service or "",
            queries.text(request, "user", r"(?s).{1,256}", "the name of a user"),
            actions.split(",") if actions else (),
            queries.text(request, "incident", r"[!-~]{1,64}", "the id of an incident"),
            queries.moment(request, "since"),
            queries.moment(request, "until"),
        )
        if query.since is not None and query.until is not None and query.since >= query.until:
            raise ApiError(400, "malformed", "cannot take since and until: since must be before until")
        return query

    async def rows(self, request: web.BaseRequest, _parameter: str, _peer: Peer) -> web.StreamResponse:
        limit, before = queries.whole(request, "limit", 100), queries.whole(request, "before", None)
        queries.only(request, *FILTERS, "limit", "before")
        query = self._query(request)
        try:
            rows = await self._audit.rows(query, min(limit or 0, ROWS_MOST), before)
        except OSError as error:
            raise ApiError(503, "audit-unreadable", str(error)) from error
        return reply([{"seq": seq, **views.audit_row(row)} for seq, row in rows])

    async def verify(self, request: web.BaseRequest, _parameter: str, _peer: Peer) -> web.StreamResponse:
        queries.only(request, "head")
        given = request.query.get("head")
        head = None if given is None else chain.head(given)
        if given is not None and head is None:
            raise ApiError(
                400, "malformed", f"cannot take head={given[:100]!r}; give the number of a row, a colon and its hash"
            )
        try:
            verdict = await self._audit.verify(head)
        except OSError as error:
            raise ApiError(503, "audit-unreadable", str(error)) from error
        return reply(views.verdict(verdict))

    async def export(self, request: web.BaseRequest, _parameter: str, _peer: Peer) -> web.StreamResponse:
        queries.only(request, *FILTERS)
        query = self._query(request)
        try:
            rows, through = await self._audit.extent(query)
            page = await self._audit.export(query, 0, through, PAGE)
        except OSError as error:
            raise ApiError(503, "audit-unreadable", str(error)) from error
        response = web.StreamResponse(
            headers={"Content-Type": EXPORT_TYPE, "Cache-Control": "no-store", ROWS_HEADER: str(rows)}
        )
        await response.prepare(request)
        if request.method == "HEAD":
            return response
        try:
            while page:
                async with asyncio.timeout(STALLED):
                    await response.write(b"".join(line for _, line in page))
                page = await self._audit.export(query, page[-1][0], through, PAGE)
        except (OSError, TimeoutError):
            cut(request)
        return response

    async def checkpoint(self, request: web.BaseRequest, _parameter: str, peer: Peer) -> web.StreamResponse:
        key = queries.idempotency_key(request)
        before = await bodies.read(request, _before)
        who = access.actor(peer)
        answer = await self._actions.run(lambda: self._sign_off(before, who), who, key, queries.what(request))
        status = {"": 200, "audit-broken": 409}.get(answer.get("kind", ""), 503)
        return reply(answer, status)

    async def _sign_off(self, before: float, who: Actor) -> dict[str, Any]:
        try:
            return views.checkpoint(await self._audit.checkpoint(before, who))
        except BrokenTrailError as error:
            sentence = f"cannot sign off what is not as it was written: {error}"
            return {"kind": "audit-broken", "message": sentence, "seq": error.problem.seq, "what": error.problem.what}
        except OSError as error:
            return {"kind": "audit-unwritable", "message": str(error)}


def _before(body: Section) -> float:
    given = body.text("before", wanted=queries.MOMENT)
    found = queries.instant(given)
    if found is None and given:
        body.problem("before", f"is {given[:50]!r} but must be {queries.MOMENT}")
    if found is not None and found > time.time():
        body.problem("before", f"is {given[:50]!r}, which lies in the future")
    return found or 0.0
