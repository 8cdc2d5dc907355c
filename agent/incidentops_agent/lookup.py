"""Finds what a path names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .answers import ApiError

if TYPE_CHECKING:
    from .engine import Engine, Service


def service(engine: Engine, name: str) -> Service:
    """A service by its name.

    Raises:
        ApiError: 404 with the names that there are.
    """
    found = engine.visible().get(name)
    if found is None:
        known = sorted(engine.visible())
        listed = ", ".join(known)
        raise ApiError(404, "unknown-service", f"cannot find a service {name[:100]!r}; known: {listed}", known=known)
    return found
