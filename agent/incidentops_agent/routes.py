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
_INCIDENT = {404: "There is no such incident."}
_CHANGE = {
    200: "Done and verified.",
    **_SERVICE,
    409: "It can't be done in the present state: not installed, masked, superseded.",
    503: "It was tried and failed; the answer says why.",
}
_SETTING = {200: "It is in force.", 400: "The body is wrong; `problems` lists every mistake.", **_SERVICE}
_SECONDS = {"type": "number", "minimum": 1, "maximum": 604800}
_FILTERS = ("service", "user", "action", "incident", "since", "until")
_O, _R, _C, _X = Level.OPERATE, Level.OBSERVE, Level.CHAOS, Level.REVERT
_ORDER = {
    "kind": {"type": "string"},
    "service": {"type": "string"},
    "parameters": {"type": "object"},
    "duration": {"type": "number", "minimum": 1, "maximum": 86400, "default": 60, "description": "seconds"},
}
_CHAOS = {
    "seed": {"type": "integer", "minimum": 0, "maximum": 2**53 - 1, "description": "drawn when it is not given"},
    "seconds": {"type": "number", "minimum": 60, "maximum": 86400, "default": 600},
    "interval": {"type": "number", "minimum": 5, "maximum": 86400, "default": 60, "description": "seconds, the mean"},
    "jitter": {"type": "number", "minimum": 0, "maximum": 1, "default": 0.5},
    "duration": {"type": "number", "minimum": 1, "maximum": 86400, "default": 30, "description": "seconds"},
    "concurrency": {"type": "integer", "minimum": 1, "maximum": 10, "default": 1},
    "kinds": {"type": "array", "items": {"type": "string"}},
    "services": {"type": "array", "items": {"type": "string"}},
    "pause_on_incident": {"type": "boolean", "default": False},
    "quiet": {"type": "array", "items": {"type": "string"}, "description": "local time, such as 22:00-06:00"},
}
_CHAOS_DOWN = {503: "The chaos service, or what it asks, can't be reached."}
_FAULT = {404: "There is no such fault; the answer lists those that are injected."}

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
    Route("GET", "/incidents", _R, "incidents.every", "Incidents, newest first",
          {**_OK, 400: "A query parameter is wrong.", 404: "There is no such service or incident."},
          query=("state", "service", "limit", "before")),
    Route("GET", "/incidents/{incident}", _R, "incidents.one", "One incident with its timeline",
          {**_OK, **_INCIDENT}),
    Route("GET", "/incidents/{incident}/report", _O, "incidents.report",
          "The report of an incident, as Markdown or HTML, with the journals of its units",
          {**_OK, 400: "A query parameter is wrong.", **_INCIDENT}, query=("format",), media="text/markdown"),
    Route("POST", "/incidents/{incident}/acknowledge", _O, "incidents.acknowledge",
          'Say that you have taken an incident up; the body may have a "note"',
          {**_OK, 400: "The body is wrong.", **_INCIDENT, 409: "It is closed already."},
          body={"note": {"type": "string", "maxLength": 1000}}),
    Route("GET", "/statistics", _R, "incidents.statistics",
          "How long incidents took over a period (seconds), and availability",
          {**_OK, 400: "A query parameter is wrong."}, query=("period",)),
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
    Route("GET", "/faults", _R, "faults.every", "The faults that are injected now, and how long they last", _OK),
    Route("GET", "/faults/catalogue", _R, "faults.catalogue",
          "The kinds of faults with their parameters, and whether each is possible here and now",
          {**_OK, 503: "The root code can't be asked."}),
    Route("GET", "/faults/{fault}", _R, "faults.one", "One fault, also a while after its end", {**_OK, **_FAULT}),
    Route("POST", "/faults/preview", _C, "faults.preview", "What a fault would do; changes nothing",
          {200: "What it would do.", 400: "The order is malformed.", 409: "It is refused here; the answer says why.",
           503: "The root code can't be asked."}, body=_ORDER, required=("kind", "service")),
    Route("POST", "/faults", _C, "faults.inject", "Inject a fault; answers when its effect was measured",
          {200: "It is in effect.", 400: "The order is malformed.", 409: "It is not possible here and now.",
           503: "It had no effect, and was undone."}, body=_ORDER, required=("kind", "service")),
    Route("POST", "/faults/panic", _X, "faults.panic", "Revert every fault at once, and disarm chaos",
          {200: "Nothing is injected any more.", 503: "Some could not be undone; systemd goes on trying."}),
    Route("DELETE", "/faults/{fault}", _X, "faults.revert", "Revert a fault; answers when the service has recovered",
          {200: "It is undone.", **_FAULT, 503: "It could not be undone; systemd goes on trying."}),
    Route("GET", "/chaos", _R, "chaos.status", "What the chaos service does, or did last", {**_OK, **_CHAOS_DOWN}),
    Route("POST", "/chaos/plan", _C, "chaos.plan", "The faults that a run would inject, and when; changes nothing",
          {200: "The plan.", 400: "The settings are malformed.", **_CHAOS_DOWN}, body=_CHAOS),
    Route("POST", "/chaos/arm", _C, "chaos.arm", "Have the chaos service inject faults by a plan, for some time",
          {200: "It is armed.", 400: "The settings are malformed.",
           409: "It is armed already, or nothing would be injected.", **_CHAOS_DOWN}, body=_CHAOS),
    Route("POST", "/chaos/disarm", _X, "chaos.disarm", "End the run; answers when all that it injected is undone",
          {200: "It is idle.", 503: "It can't be reached, or not all could be undone; systemd goes on trying."}),
    Route("POST", "/incident/{service}", _C, "faults.incident", "Break a service with its default fault",
          {**_CHANGE, 400: "The duration is malformed.", 409: "It can't be broken now; the answer says why."},
          body={"duration": _ORDER["duration"]}),
    Route("POST", "/resolve/{service}", _O, "faults.resolve", "Revert what is injected, and bring the service back",
          _CHANGE),
)
# fmt: on
