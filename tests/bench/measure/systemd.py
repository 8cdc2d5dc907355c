"""PID 1 by pystemd with nothing in between: the floor that others are measured against, and the bench's own tool."""

from __future__ import annotations

import select
import time
from typing import TYPE_CHECKING, Any

from pystemd.dbuslib import DBus, DBusAddress, apply_signature

if TYPE_CHECKING:
    from collections.abc import Callable

SYSTEMD = b"org.freedesktop.systemd1"
MANAGER_PATH = b"/org/freedesktop/systemd1"
MANAGER = b"org.freedesktop.systemd1.Manager"
UNIT = b"org.freedesktop.systemd1.Unit"
SERVICE = b"org.freedesktop.systemd1.Service"
PROPERTIES = b"org.freedesktop.DBus.Properties"

VERBS = {"start": b"StartUnit", "stop": b"StopUnit"}
OWN_TIME = {
    "stop": (b"ActiveExitTimestampMonotonic", b"InactiveEnterTimestampMonotonic"),
    "start": (b"InactiveExitTimestampMonotonic", b"ActiveEnterTimestampMonotonic"),
}


def listen(bus: DBus, path: bytes, interface: bytes, member: bytes, bodies: list[Any]) -> Callable[..., None]:
    """Collect the bodies of a signal; keep the returned callback as long as the bus, pystemd does not."""

    def callback(message: Any, **_error_and_userdata: object) -> None:
        message.process_reply(True)
        bodies.append(message.body)

    bus.match_signal(SYSTEMD, path, interface, member, callback, None)
    return callback


def drain(bus: DBus) -> None:
    while not bus.process().is_empty():
        pass


def wait(bus: DBus, until: float) -> None:
    """Until something may be there to process.

    Raises:
        TimeoutError: the time (time.monotonic) is over.
    """
    ready, _, _ = select.select([bus.get_fd()], [], [], max(until - time.monotonic(), 0.0))
    if not ready:
        raise TimeoutError("systemd has not said in time what was waited for")


class Systemd:
    """PID 1 over a bus connection that is open."""

    def __init__(self, bus: DBus) -> None:
        self.bus = bus
        self._removed: list[Any] = []
        self._callback = listen(self.bus, MANAGER_PATH, MANAGER, b"JobRemoved", self._removed)

    def call(self, path: bytes, interface: bytes, method: bytes, signature: bytes = b"", *arguments: Any) -> Any:
        packed = apply_signature(signature, list(arguments)) if signature else None
        return self.bus.call_method(SYSTEMD, path, interface, method, packed).body

    def load(self, unit: str) -> bytes:
        path: bytes = self.call(MANAGER_PATH, MANAGER, b"LoadUnit", b"s", unit.encode())
        return path

    def number(self, path: bytes, interface: bytes, name: bytes, kind: bytes = b"t") -> int:
        return int(self.bus.get_property(SYSTEMD, path, interface, name, kind))

    def job(self, verb: str, unit: str) -> float:
        """Start or stop a unit; seconds from the call until JobRemoved.

        Raises:
            RuntimeError: the job did not end as "done".
            TimeoutError: it did not end within 60 s.
        """
        drain(self.bus)
        self._removed.clear()
        began = time.monotonic()
        job = int(self.call(MANAGER_PATH, MANAGER, VERBS[verb], b"ss", unit.encode(), b"replace").rpartition(b"/")[2])
        while True:
            drain(self.bus)
            for body in self._removed:
                if body[0] == job:
                    if body[3] != b"done":
                        raise RuntimeError(f"the job to {verb} {unit} ended as {body[3].decode()}")
                    return time.monotonic() - began
            wait(self.bus, began + 60.0)

    def settle(self, path: bytes, state: bytes) -> None:
        """Wait until a unit has this ActiveState and no job."""
        until = time.monotonic() + 60.0
        while True:
            drain(self.bus)
            busy = self.bus.get_property(SYSTEMD, path, UNIT, b"Job", b"(uo)")[0] != 0
            if not busy and self.bus.get_property(SYSTEMD, path, UNIT, b"ActiveState", b"s") == state:
                return
            if time.monotonic() > until:
                raise TimeoutError(f"a unit did not become {state.decode()} within 60 s")
            time.sleep(0.005)

    def own_time(self, path: bytes, verb: str) -> float:
        """Seconds that the unit itself took for its last start or stop, by the timestamps that PID 1 keeps."""
        began, ended = (self.number(path, UNIT, name) for name in OWN_TIME[verb])
        return (ended - began) / 1e6


class PrivateBus(Systemd):
    """PID 1's private socket, root only: no bus daemon and no polkit on the way."""

    def __init__(self) -> None:
        bus = DBusAddress(b"unix:path=/run/systemd/private", peer_to_peer=True)
        bus.open()
        super().__init__(bus)


class SystemBus(Systemd):
    """The system bus, where polkit decides for all but root."""

    def __init__(self) -> None:
        bus = DBus()
        bus.open()
        super().__init__(bus)
        self.call(MANAGER_PATH, MANAGER, b"Subscribe")
