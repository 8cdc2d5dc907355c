"""openapi.json, made from the route table: https://spec.openapis.org/oas/v3.1.0."""

from __future__ import annotations

import re
from typing import Any

from . import __version__
from .routes import ROUTES, Route

ARRAYS = ("audit.rows", "faults.every", "incidents.every", "services.logs", "streams.journal")
"""The handlers whose answer is a list."""

ERRORS = {
    400: "The request is malformed.",
    403: "The caller may not do this, or the request looks like one of a web page.",
    404: "There is nothing at this path.",
    405: "The path is not for this method.",
    500: "A mistake of the agent's; its journal has the details.",
}

_ERROR_SCHEMA = {
    "type": "object",
    "required": ["kind", "message"],
    "properties": {
        "kind": {"type": "string", "description": "Stable, for programs."},
        "message": {"type": "string", "description": "A sentence, for people."},
    },
}


def _operation(route: Route) -> dict[str, Any]:
    schema = {"type": "object"} if route.media == "application/json" else {"type": "string"}
    if route.handler in ARRAYS:
        schema = {"type": "array"}
    responses: dict[str, Any] = {}
    for code, text in sorted({**ERRORS, **route.answers}.items()):
        media = route.media if code == 200 else "application/json"
        content = schema if code == 200 else {"$ref": "#/components/schemas/Error"}
        responses[str(code)] = {"description": text, "content": {media: {"schema": content}}}
    parameters: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"{(\w+)}", route.path)
    ]
    parameters += [{"name": name, "in": "query", "schema": {"type": "string"}} for name in route.query]
    if route.method != "GET":
        parameters.append({
            "name": "Idempotency-Key",
            "in": "header",
            "description": "The same key gives the same answer without acting again.",
            "schema": {"type": "string", "minLength": 1, "maxLength": 128, "pattern": "^[!-~]+$"},
        })  # fmt: skip
    if route.handler == "streams.events":
        parameters.append({"name": "Last-Event-ID", "in": "header", "schema": {"type": "string"}})
    operation: dict[str, Any] = {
        "operationId": route.handler,
        "summary": route.summary,
        "x-level": route.level.value,
        "parameters": parameters,
        "responses": responses,
    }
    if route.body is not None:
        taken: dict[str, Any] = {"type": "object", "properties": dict(route.body), "additionalProperties": False}
        if route.required:
            taken["required"] = list(route.required)
        operation["requestBody"] = {
            "required": bool(route.required),
            "content": {"application/json": {"schema": taken}},
        }
    return operation


def document() -> dict[str, Any]:
    paths: dict[str, dict[str, Any]] = {}
    for route in ROUTES:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "IncidentOps agent",
            "version": __version__,
            "description": "Watches and controls the services of one machine through PID 1. Over the unix socket"
            " /run/incidentops/agent.sock and loopback TCP; x-level is what a caller must be allowed to do.",
        },
        "paths": paths,
        "components": {"schemas": {"Error": _ERROR_SCHEMA}},
    }
