"""JSON bodies of requests: the same typed edge as for files, all mistakes in one answer."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from typing import TYPE_CHECKING, Any, TypeVar

from . import edge, queries
from .answers import ApiError

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiohttp import web

T = TypeVar("T")

# What JSON may hold as it is, and YAML refuses or takes for the end of a line.
_YAML_MINDS = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
_HALF = re.compile("[\ud800-\udfff]")

MOST = 64 * 1024
"""Bytes that a body may have."""
DEADLINE = 10.0
"""Seconds that a body may take to arrive."""


async def _bytes(request: web.BaseRequest) -> bytes:
    whole = bytearray()
    try:
        async with asyncio.timeout(DEADLINE):
            async for chunk in request.content.iter_any():
                whole += chunk
                if len(whole) > MOST:
                    raise ApiError(413, "too-large", f"cannot take a body of more than {MOST} bytes")
    except TimeoutError as error:
        raise ApiError(408, "too-slow", f"cannot wait longer than {DEADLINE:g} s for the body") from error
    return bytes(whole)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{twice[:50]!r} is given twice")
    return found


async def any_object(request: web.BaseRequest) -> dict[str, Any]:
    """The body as a JSON object whose keys somebody else judges; no body counts as an object without keys.

    Raises:
        ApiError: 400 when it is none, 408, 413.
    """
    raw = await _bytes(request)
    request[queries.BODY] = hashlib.sha256(raw).hexdigest()
    try:
        given = json.loads(raw, object_pairs_hook=_once) if raw.strip() else {}
    except (ValueError, RecursionError) as error:
        raise ApiError(400, "malformed", f"cannot take the body as JSON: {error}") from error
    if not isinstance(given, dict):
        raise ApiError(400, "malformed", "cannot take the body: it must be a JSON object")
    return given


async def read(request: web.BaseRequest, take: Callable[[edge.Section], T]) -> T:
    """The body as ``take`` makes it of its keys; no body counts as an object without keys.

    Raises:
        ApiError: 400 with every mistake (``problems``: a list of key and message), 408, 413.
    """
    given = await any_object(request)
    text = _YAML_MINDS.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(given, ensure_ascii=False))
    if _HALF.search(text):
        raise ApiError(400, "malformed", "cannot take the body as JSON: it holds half of a surrogate pair")
    problems: list[edge.Problem] = []
    section = edge.read("body", text, problems)
    if section is not None:
        taken = take(section)
        section.close()
        if not problems:
            return taken
    listed = [{"key": one.key, "message": one.message} for one in sorted(problems)]
    said = "; ".join(f"{one['key']}: {one['message']}" if one["key"] else one["message"] for one in listed)
    raise ApiError(400, "malformed", f"cannot take the body: {said}", problems=listed)
