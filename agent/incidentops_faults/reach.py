"""Whether somebody takes connections where a service is served: the last look after a fault."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .services import Target

TIMEOUT = 1.0


def complaint(target: Target) -> str:
    """A sentence when the service takes no connection where its probe asks it; empty when it does, or has no place."""
    if target.spec.probe.kind == "worker":  # what its probe asks is the broker
        return ""
    options = target.spec.probe.options
    host, port, path = options.get("host"), options.get("port"), options.get("socket")
    if isinstance(path, str) and path:
        return _unix(path)
    if isinstance(host, str) and isinstance(port, int):
        return _unix(f"{host}/.s.PGSQL.{port}") if host.startswith("/") else _tcp(host, port)
    return ""


def _unix(path: str) -> str:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(TIMEOUT)
        try:
            client.connect(path)
        except OSError as error:
            return f"{path} takes no connection: {error.strerror or error}"
    return ""


def _tcp(host: str, port: int) -> str:
    try:
        socket.create_connection((host, port), TIMEOUT).close()
    except OSError as error:
        return f"port {port} of {host} takes no connection: {error.strerror or error}"
    return ""
