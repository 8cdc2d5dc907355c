"""Tells PID 1 and the journal what goes on; both take datagrams, sd_notify(3) and systemd.journal-fields(7)."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

JOURNAL = "/run/systemd/journal/socket"


def systemd(**fields: str) -> None:
    """Send READY, STATUS and the like to PID 1; nothing when it does not wait for it."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if address:
        _send(address.replace("@", "\0", 1) if address.startswith("@") else address, fields)


def journal(message: str, priority: int = 6, **fields: str) -> None:
    """Write an entry with fields of its own. ``priority``: 3 error, 4 warning, 6 information."""
    _send(JOURNAL, {"MESSAGE": message, "PRIORITY": str(priority), "SYSLOG_IDENTIFIER": "incidentops-fault", **fields})


def _send(address: str, fields: dict[str, str]) -> None:
    """One datagram of NAME=value lines. Who does not listen is no reason to leave a fault half done."""
    lines = (f"{name}={' '.join(value.split())}\n" for name, value in fields.items())
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        try:
            sender.sendto("".join(lines).encode(errors="replace"), address)
        except OSError:
            return


def fields(status: Mapping[str, Any]) -> dict[str, str]:
    """The journal fields of a fault, from its status."""
    names = {"id": "FAULT_ID", "kind": "FAULT_KIND", "service": "FAULT_SERVICE", "unit": "FAULT_UNIT", "phase": "PHASE"}
    return {field: str(status.get(name, "")) for name, field in names.items()}
