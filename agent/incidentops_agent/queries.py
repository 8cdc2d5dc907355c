"""What a request says beside its body, held against what its route takes."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from .answers import ApiError

if TYPE_CHECKING:
    from aiohttp import web


def only(request: web.BaseRequest, *known: str) -> None:
    """Refuse a query parameter that the route does not know.

    Raises:
        ApiError: 400.
    """
    unknown = set(request.query) - set(known)
    if unknown:
        wrong = min(unknown)[:50]
        listed = ", ".join(known) or "none"
        raise ApiError(400, "malformed", f"cannot take the query parameter {wrong!r}; use {listed}")


def whole(request: web.BaseRequest, name: str, default: int | None) -> int | None:
    """A query parameter that is a whole number of 0 or more.

    Raises:
        ApiError: 400.
    """
    given = request.query.get(name)
    if given is None:
        return default
    if not re.fullmatch(r"[0-9]{1,15}", given):
        raise ApiError(400, "malformed", f"cannot take {name}={given[:50]!r}; give a whole number, 0 or more")
    return int(given)


BODY = "digest of the body"
"""The item of a request under which bodies.py leaves what it has read."""


def what(request: web.BaseRequest) -> str:
    """What an idempotency key stands for: a key that comes with another path or body is another request."""
    return f"{request.method} {request.path} {request.get(BODY, '')}".rstrip()


def idempotency_key(request: web.BaseRequest) -> str:
    """The key under which an action is done only once; empty when none is given.

    Raises:
        ApiError: 400.
    """
    key = request.headers.get("Idempotency-Key", "")
    if key and not re.fullmatch(r"[!-~]{1,128}", key):
        raise ApiError(400, "malformed", "cannot take the Idempotency-Key; give 1 to 128 printable characters")
    return key


MOMENT = "a time such as 2026-11-23T10:00:00Z, or a day such as 2026-11-23, which begins in UTC"


def instant(text: str) -> float | None:
    """An ISO 8601 time as seconds since the epoch, in UTC where it names no zone; None when it is none."""
    try:
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def moment(request: web.BaseRequest, name: str) -> float | None:
    """A query parameter that is a time, as seconds since the epoch; None when it is not given.

    Raises:
        ApiError: 400.
    """
    given = request.query.get(name)
    if given is None:
        return None
    found = instant(given)
    if found is None:
        hint = "; a + is written %2B in a query" if re.search(r"\d \d\d:?\d\d$", given) else ""
        raise ApiError(400, "malformed", f"cannot take {name}={given[:50]!r}; give {MOMENT}{hint}")
    return found


def text(request: web.BaseRequest, name: str, pattern: str, wanted: str) -> str:
    """A query parameter that matches ``pattern`` as a whole; empty when it is not given.

    Raises:
        ApiError: 400.
    """
    given = request.query.get(name)
    if given is None:
        return ""
    if not re.fullmatch(pattern, given):
        raise ApiError(400, "malformed", f"cannot take {name}={given[:50]!r}; give {wanted}")
    return given
