"""port-taken: another program has the service's port, so that it can't start."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from .. import systemd
from ..effects.stopped import Stopped
from ..errors import FaultError
from .base import Fault, also_down

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..effects.base import Effect
    from ..waiting import Hold

HOSTS = ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"))
"""Loopback alone: it is in the way of a listener on all addresses too, and nobody outside sees a port open."""


class PortTaken(Fault):
    kind = "port-taken"
    title = "Port taken"
    summary = "The service is stopped and its TCP port held by another program: it can't be started until the end."
    needs = "a service with a TCP port in the catalogue"

    def check(self) -> str:
        return "" if self.order.target.ports else f"the catalogue names no TCP port of {self.service}"

    def preview(self) -> list[str]:
        ports = ", ".join(map(str, self.order.target.ports))
        return [f"{self.unit} is stopped.", f"Port {ports} is taken on 127.0.0.1 and ::1.", *also_down(self.unit)]

    def effects(self) -> Iterable[Effect]:
        yield Stopped(self.unit, self.order.target.spec.stop_deadline)
        # The kernel closes them with this process, so there is nothing to undo.
        self.held = [_listen(family, host, port) for family, host in HOSTS for port in self.order.target.ports]

    def hold(self, hold: Hold) -> None:
        super().hold(hold)
        for one in self.held:
            one.close()

    def verify(self) -> str:
        state = systemd.value(self.unit, "ActiveState")
        if state not in ("inactive", "failed"):
            return f"{self.unit} is {state}"
        for port in self.order.target.ports:
            with socket.socket() as other:
                other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    other.bind(("", port))
                    other.listen()
                except OSError:
                    continue
                return f"port {port} can still be taken"
        return ""


def _listen(family: int, host: str, port: int) -> socket.socket:
    made = socket.socket(family)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    try:
        made.bind((host, port))
        made.listen()
    except OSError as error:
        made.close()
        raise FaultError(f"port {port} of {host} can't be taken: {error.strerror}") from error
    return made
