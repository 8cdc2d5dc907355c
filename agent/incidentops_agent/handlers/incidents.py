"""Incidents: the list, one of them, its acknowledgement and report, and the figures over all."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from .. import access, bodies, history, lookup, queries, views
from ..answers import ApiError, Whole, reply
from ..incident import Phase
from ..ports import AuditQuery
from ..report import Material, html, markdown

if TYPE_CHECKING:
    from aiohttp import web

    from ..edge import Section
    from ..engine import Engine
    from ..incident import Incident
    from ..incidents import Incidents
    from ..model import AuditRow, Peer
    from ..ports import Audit, Journal

LISTED_MOST = 500
PERIOD, PERIOD_MOST = 30 * 86400, 366 * 86400
"""Seconds."""
NOTE_MOST = 1000
BEFORE, AFTER = 30.0, 5.0
"""Seconds before and after an incident from which its report shows actions and journals."""
ACTIONS_MOST, LINES_MOST = 500, 200
FORMATS = {"markdown": "text/markdown; charset=utf-8", "html": "text/html; charset=utf-8"}


class IncidentHandlers:
    def __init__(self, engine: Engine, incidents: Incidents, audit: Audit, journal: Journal) -> None:
        self._engine = engine
        self._incidents = incidents
        self._audit = audit
        self._journal = journal

    def _one(self, incident: str) -> Incident:
        found = self._incidents.book.get(incident)
        if found is None:
            message = f"cannot find an incident {incident[:50]!r}; GET /incidents lists those that are remembered"
            raise ApiError(404, "unknown-incident", message)
        return found

    async def every(self, request: web.BaseRequest, _parameter: str, _peer: Peer) -> web.StreamResponse:
        """Newest first; ``before`` is the id of the last one of the page before."""
        queries.only(request, "state", "service", "limit", "before")
        limit = min(queries.whole(request, "limit", 100) or 0, LISTED_MOST)
        state, service = request.query.get("state"), request.query.get("service")
        if state is not None and state not in list(Phase):
            wanted = ", ".join(Phase)
            raise ApiError(400, "malformed", f"cannot take state={state[:50]!r}; use one of {wanted}")
        found = self._incidents.book.every()
        if service is not None and not any(one.member(service) for one in found):
            lookup.service(self._engine, service)  # a wrong name is no empty list
        if "before" in request.query:
            last = self._one(request.query["before"])
            found = found[: found.index(last)]
        shown = [
            one
            for one in reversed(found)
            if (state is None or one.phase.value == state) and (service is None or one.member(service) is not None)
        ]
        return reply([views.incident(one) for one in shown[:limit]])

    async def one(self, request: web.BaseRequest, parameter: str, _peer: Peer) -> web.StreamResponse:
        queries.only(request)
        return reply(views.incident(self._one(parameter)))

    async def acknowledge(self, request: web.BaseRequest, parameter: str, peer: Peer) -> web.StreamResponse:
        found = self._one(parameter)
        note = await bodies.read(request, _note)
        try:
            stored = self._incidents.acknowledge(found.id, note, access.actor(peer))
        except KeyError as error:
            message = f"cannot acknowledge incident {found.id}: it is closed already"
            raise ApiError(409, "incident-closed", message) from error
        recorded = await stored
        return reply({**views.incident(self._one(parameter)), "recorded": recorded})

    async def statistics(self, request: web.BaseRequest, _parameter: str, _peer: Peer) -> web.StreamResponse:
        queries.only(request, "period")
        period = queries.whole(request, "period", PERIOD) or 0
        if not 0 < period <= PERIOD_MOST:
            message = f"cannot take period={period}; give seconds, from 1 to {PERIOD_MOST}"
            raise ApiError(400, "malformed", message)
        return reply(await self._incidents.statistics(period))

    # -- the report

    async def report(self, request: web.BaseRequest, parameter: str, _peer: Peer) -> web.StreamResponse:
        queries.only(request, "format")
        wanted = request.query.get("format", "markdown")
        if wanted not in FORMATS:
            listed = " or ".join(FORMATS)
            raise ApiError(400, "malformed", f"cannot take format={wanted[:50]!r}; use {listed}")
        material = await self._material(self._one(parameter))
        text = html(material) if wanted == "html" else markdown(material)
        return Whole(text.encode(errors="replace"), content_type=FORMATS[wanted])

    async def _material(self, found: Incident) -> Material:
        now = self._engine.now()
        since = min(found.began, found.detected) - BEFORE
        until = (found.closed or found.recovered or now) + AFTER
        problems: list[str] = []
        actions, charts = await self._rows(found, since, until, problems)
        return Material(
            incident=views.incident(found),
            written=views.iso(now),
            span=(since, until),
            marks=_marks(found),
            actions=actions,
            journals=await self._journals(found, since, until, problems),
            charts=charts,
            problems=problems,
        )

    async def _rows(
        self, found: Incident, since: float, until: float, problems: list[str]
    ) -> tuple[list[dict[str, object]], dict[str, list[history.Sample]]]:
        """What was done to the members meanwhile, oldest first; and the charts, which are stored with the end."""
        charts = {name: one.points() for name, one in self._incidents.recordings(found.id).items()}
        try:
            rows: list[AuditRow] = []
            for name in found.services:
                query = AuditQuery(service=name, since=since, until=until)
                rows += [row for _, row in await self._audit.rows(query, ACTIONS_MOST)]
            if not found.live:
                await self._incidents.written()  # its last row may be on its way still
                closing = await self._audit.rows(AuditQuery(incident=found.id, actions=("incident-closed",)), 1)
                charts = history.restored(closing[0][1].detail.get("history", {})) if closing else charts
        except OSError as error:
            problems.append(f"the actions are missing: {error}")
            return [], charts
        done = sorted((row for row in rows if row.phase == "finished"), key=lambda row: row.at)
        return [views.audit_row(row) for row in done], charts

    async def _journals(
        self, found: Incident, since: float, until: float, problems: list[str]
    ) -> dict[str, list[dict[str, object]]]:
        """The units' journals of the time, by unit."""
        services = [self._engine.services[name] for name in found.services if name in self._engine.services]
        units = [service.unit_name for service in services]
        read = (self._journal.window(unit, since, until, LINES_MOST) for unit in units)
        journals: dict[str, list[dict[str, object]]] = {}
        for unit, entries in zip(units, await asyncio.gather(*read, return_exceptions=True), strict=True):
            if isinstance(entries, OSError):
                problems.append(f"the journal of {unit} is missing: {entries}")
            elif isinstance(entries, BaseException):
                raise entries
            else:
                journals[unit] = [views.journal_entry(entry) for entry in entries]
        return journals


def _note(section: Section) -> str:
    note = section.text(
        "note", "", pattern=rf"(?s).{{0,{NOTE_MOST}}}", wanted=f"a text of at most {NOTE_MOST} characters"
    )
    return note.strip()


def _marks(found: Incident) -> list[tuple[float, str]]:
    """The moments that a chart shows."""
    named = (
        (found.began, "began"),
        (found.detected, "detected"),
        (found.acknowledged, "acknowledged"),
        (found.first_action, "first action"),
        (found.recovered, "recovered"),
    )
    return [(at, name) for at, name in named if at is not None]
