"""The API as one table: method, path, the level that a caller needs, and what it is for.

A handler is named by its subject and method: ``actions.start`` is ``start`` of the class in handlers/actions.py.
openapi.json is made from the same table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .model import Level

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Route:
    """``path`` may hold one ``{parameter}``. ``answers`` maps status codes to what they mean."""

    method: str
    path: str
    level: Level
    handler: str
    summary: str
    answers: dict[int, str]
    query: tuple[str, ...] = ()
    media: str = "application/json"
    body: Mapping[str, Any] | None = None
    """The properties of the JSON object that it takes, as JSON Schema; None when it takes no body."""
    required: tuple[str, ...] = ()
    """Those of them that must be there."""


_OK = {200: "As asked."}
_SERVICE = {404: "There is no such service; the answer lists the known ones."}
_CHANGE = {
    200: "Done and verified.",
    **_SERVICE,
    409: "It can't be done in the present state: not installed, masked, superseded.",
    503: "It was tried and failed; the answer says why.",
}
_SETTING = {200: "It is in force.", 400: "The body is wrong; `problems` lists every mistake.", **_SERVICE}
_SECONDS = {"type": "number", "minimum": 1, "maximum": 604800}
_FILTERS = ("service", "user", "action", "incident", "since", "until")
_O, _R = Level.OPERATE, Level.OBSERVE

# fmt: off
ROUTES = (
    Route("GET", "/health", Level.ANONYMOUS, "agent.health", "Whether the agent itself is well", _OK),
    Route("GET", "/openapi.json", _R, "agent.openapi", "This description of the API", _OK),
    Route("GET", "/services", _R, "services.every", "All services with their states", _OK),
    Route("GET", "/services/{service}", _R, "services.one", "One service, its log and what a stop takes down with it",
          {**_OK, **_SERVICE}),
    Route("GET", "/system", _R, "agent.system", "CPU, memory, disk, load and pressure of the machine", _OK),
    Route("GET", "/events", _R, "streams.events", "Changes as server-sent events: a snapshot first, then what changes",
          _OK, media="text/event-stream"),
    Route("GET", "/metrics", _R, "agent.metrics", "Prometheus metrics", _OK, media="text/plain"),
    Route("GET", "/logs/{service}", _R, "services.logs", "The action log of a service, oldest first",
          {**_OK, **_SERVICE}),
    Route("GET", "/audit", _R, "audit.rows", "The audit trail, newest row first",
          {**_OK, 400: "A query parameter is wrong.", **_SERVICE, 503: "The audit trail can't be read."},
          query=(*_FILTERS, "limit", "before")),
    Route("GET", "/audit/verify", _R, "audit.verify",
          "Whether the audit trail is as it was written, else the first bad row",
          {200: "Walked; the answer says whether it holds.", 400: "A query parameter is wrong.",
           503: "The audit trail can't be read."}, query=("head",)),
    Route("GET", "/audit/export", _R, "audit.export",
          "The audit trail with its hashes, one JSON object a line, oldest first",
          {**_OK, 400: "A query parameter is wrong.", **_SERVICE, 503: "The audit trail can't be read."},
          query=_FILTERS, media="application/x-ndjson"),
    Route("POST", "/audit/checkpoint", _O, "audit.checkpoint", "Remove the oldest rows of the audit trail, signed off",
          {**_OK, 400: "The body is wrong.", 409: "The audit trail is not as it was written.",
           503: "The audit trail can't be written."},
          body={"before": {"type": "string", "format": "date-time"}}, required=("before",)),
    Route("GET", "/journal/{service}", _O, "streams.journal",
          "The unit's journal, oldest line first; follow=1 streams it",
          {**_OK, 400: "A query parameter is wrong.", **_SERVICE, 503: "The journal can't be read."},
          query=("lines", "follow")),
    Route("POST", "/ping/{service}", _O, "actions.ping", "Probe a service now",
          {200: "It answers.", **_SERVICE, 503: "It is down."}),
    Route("POST", "/start/{service}", _O, "actions.start", "Start a service and wait until it answers", _CHANGE),
    Route("POST", "/stop/{service}", _O, "actions.stop", "Stop a service and wait until it is down", _CHANGE),
    Route("POST", "/restart/{service}", _O, "actions.restart", "Restart a service and wait until it answers", _CHANGE),
    Route("GET", "/remediate/plan", _R, "actions.plan", "What remediation would do now, and why", _OK),
    Route("POST", "/remediate", _O, "actions.remediate", "Bring back what is down, in dependency order",
          {200: "It was tried; the answer says for each service how it went.", 400: "The body is wrong.",
           409: "The plan that was asked for is not the present one, or another one is being run."}),
    Route("POST", "/incident/{service}", _O, "actions.incident", "Break a service: its unit is stopped", _CHANGE),
    Route("POST", "/resolve/{service}", _O, "actions.resolve", "Bring a broken service back", _CHANGE),
    Route("POST", "/maintenance/{service}", _O, "recovery.begin_maintenance",
          "Begin a window in which nothing is done about a service automatically", _SETTING,
          body={"seconds": _SECONDS, "reason": {"type": "string", "minLength": 1, "maxLength": 500}},
          required=("seconds", "reason")),
    Route("DELETE", "/maintenance/{service}", _O, "recovery.end_maintenance", "End the maintenance of a service",
          {**_OK, **_SERVICE}),
    Route("POST", "/recovery/{service}", _O, "recovery.set_mode",
          "Recover a service automatically or by hand, for some time", _SETTING,
          body={"mode": {"enum": ["auto", "manual"]}, "seconds": {**_SECONDS, "default": 3600}}, required=("mode",)),
    Route("DELETE", "/recovery/{service}", _O, "recovery.reset_mode", "Go back to the catalogue's recovery mode",
          {**_OK, **_SERVICE}),
)
# fmt: on
