"""The bus worker: a child process that talks to PID 1, so that a call that blocks never blocks the agent.

The only module that imports pystemd, whose calls hold the interpreter's lock until PID 1 replies. It speaks JSON lines
with its parent over the socket on file descriptor 0 (see bus.py for the other end) and exits when the bus connection or
the parent is lost: the parent starts a fresh one, which reads everything anew.

The D-Bus interface is described in org.freedesktop.systemd1(5).
"""

from __future__ import annotations

import errno
import fnmatch
import json
import select
import socket
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ._pystemd import DBus, DBusBaseError, apply_signature
from .bus_records import FIELDS, Record, log, plain, text, version_key

if TYPE_CHECKING:
    from pystemd.dbuslib import DbusMessage

SYSTEMD = b"org.freedesktop.systemd1"
MANAGER_PATH = b"/org/freedesktop/systemd1"
MANAGER = SYSTEMD + b".Manager"
UNIT = SYSTEMD + b".Unit"
SERVICE = SYSTEMD + b".Service"
PROPERTIES = b"org.freedesktop.DBus.Properties"

VERBS = {
    "start": b"StartUnit",
    "stop": b"StopUnit",
    "restart": b"RestartUnit",
}

# A stop of a unit also stops the units that name it in these ways: systemd.unit(5), "Mapping of unit properties to
# their inverses".
STOPS_TOO = (b"RequiredBy", b"RequisiteOf", b"BoundBy", b"ConsistsOf", b"PropagatesStopTo")

QUIET_MS = 50
"""Milliseconds without news after which there is time for what is not urgent."""

Handler = Callable[[bytes, Any], None]
"""Takes the object path and the body of a signal."""


class BusWorker:
    """One bus connection, the units that are watched over it, and the socket to the parent."""

    def __init__(self, parent: socket.socket) -> None:
        self.parent = parent
        self.bus = DBus()
        self.bus.open()
        self.specs: list[str] = []
        self.resolved: dict[str, str] = {}
        self.records: dict[bytes, Record] = {}
        self.dirty: set[bytes] = set()
        self.matched: set[bytes] = set()
        self.held: set[bytes] = set()
        self.refused: set[bytes] = set()
        # pystemd keeps no reference to a callback: once it is collected, the next signal is a segmentation fault.
        self.callbacks: list[Callable[..., None]] = []
        self.inbox: list[tuple[Handler, bytes, Any]] = []
        self.refresh_wanted = False
        self.resolve_wanted = False
        self.groups_due: set[bytes] = set()

    # -- calls to PID 1

    def call(self, path: bytes, interface: bytes, method: bytes, signature: bytes = b"", *args: Any) -> Any:
        """Call a method and return the body of its reply; raises DBusBaseError."""
        packed = apply_signature(signature, list(args)) if signature else None
        return self.bus.call_method(SYSTEMD, path, interface, method, packed).body

    def subscribe(self) -> bool:
        """Ask PID 1 for its signals; False when it sends them to us already."""
        try:
            self.call(MANAGER_PATH, MANAGER, b"Subscribe")
        except DBusBaseError as error:
            if text(error.err_name).endswith("AlreadySubscribed"):
                return False
            raise
        return True

    def match(self, path: bytes, interface: bytes, member: bytes, handler: Handler) -> None:
        def callback(message: DbusMessage, **_error_and_userdata: object) -> None:
            # No exception may leave a callback, and none of its calls may disturb the message in hand: put it aside.
            message.process_reply(True)
            self.inbox.append((handler, message.get_path(), message.body))

        self.callbacks.append(callback)
        self.bus.match_signal(SYSTEMD, path, interface, member, callback, None)

    def open(self) -> None:
        self.match(MANAGER_PATH, MANAGER, b"JobRemoved", self.on_job_removed)
        self.match(MANAGER_PATH, MANAGER, b"Reloading", self.on_reloading)
        self.match(MANAGER_PATH, MANAGER, b"UnitFilesChanged", self.on_unit_files_changed)
        self.match(MANAGER_PATH, MANAGER, b"UnitNew", self.on_unit_new)
        self.match(MANAGER_PATH, MANAGER, b"UnitRemoved", self.on_unit_removed)
        self.subscribe()

    # -- signals

    def on_job_removed(self, _path: bytes, body: Any) -> None:
        job_id, _, unit, result = body
        self.flush()  # the parent must know the unit's new state before it hears that the job is over
        self.send({"event": "job-removed", "job": job_id, "unit": unit.decode(), "result": result.decode()})

    def on_reloading(self, _path: bytes, body: Any) -> None:
        if not body:  # the reload is over
            self.refresh_wanted = True

    def on_unit_files_changed(self, _path: bytes, _body: Any) -> None:
        self.refresh_wanted = True

    def on_unit_new(self, _path: bytes, body: Any) -> None:
        name = body[0].decode()
        if any("*" in spec and fnmatch.fnmatchcase(name, spec) for spec in self.specs):
            self.resolve_wanted = True

    def on_unit_removed(self, _path: bytes, body: Any) -> None:
        # A unit without a file is forgotten as soon as it was looked at: looking again would go on for ever.
        if self.records.get(body[1], {}).get("load_state") == "loaded":
            self.held.discard(body[1])
            self.resolve_wanted = True

    def on_properties(self, path: bytes, body: Any) -> None:
        record = self.records.get(path)
        if record is None:
            return
        for key, value in body[1].items():
            field = FIELDS.get(key)
            if field is not None:
                fresh = plain(field, value)
                if record.get(field) != fresh:
                    record[field] = fresh
                    self.dirty.add(path)
                    if field == "active_state":  # the control group comes and goes without a signal
                        self.groups_due.add(path)

    # -- units

    def resolve(self, spec: str) -> str:
        """The unit that a catalogue's entry means now: of several that fit a pattern the one of the highest version
        that is active, else the highest; the pattern itself when there is none."""
        if "*" not in spec:
            return spec
        units = self.call(MANAGER_PATH, MANAGER, b"ListUnitsByPatterns", b"asas", [], [spec.encode()])
        found = [(unit[3] != b"inactive", version_key(unit[0].decode()), unit[0].decode()) for unit in units]
        return max(found)[2] if found else spec

    def load(self, unit: str) -> bytes:
        """Make PID 1 load a unit, hold it so that it keeps its timestamps when stopped, and read all of it."""
        path: bytes = self.call(MANAGER_PATH, MANAGER, b"LoadUnit", b"s", unit.encode())
        if path not in self.matched:
            self.match(path, PROPERTIES, b"PropertiesChanged", self.on_properties)
            self.matched.add(path)
        record: Record = {}
        for interface in (UNIT, SERVICE):
            values = self.call(path, PROPERTIES, b"GetAll", b"s", interface)
            for key, field in FIELDS.items():
                if key in values:
                    record[field] = plain(field, values[key])
        self.records[path] = record
        self.hold(path)
        return path

    def hold(self, path: bytes) -> None:
        """Keep PID 1 from unloading a unit. polkit may not have the rule for it yet: each ping tries again."""
        record = self.records[path]
        if path in self.held or record.get("load_state") != "loaded":
            return
        try:
            self.call(path, UNIT, b"Ref")
        except DBusBaseError as error:
            if path not in self.refused:
                log(f"cannot hold a reference to {record['unit']}: {text(error.err_message)}")
            self.refused.add(path)
        else:
            self.held.add(path)
            self.refused.discard(path)

    def refresh(self) -> None:
        """Resolve and read every watched unit and tell the parent."""
        self.refresh_wanted = self.resolve_wanted = False
        for spec in self.specs:
            self.load_spec(spec)

    def resolve_again(self) -> None:
        """Read the specs anew whose unit is another one now or was unloaded by PID 1."""
        self.resolve_wanted = False
        for spec in self.specs:
            self.load_spec(spec)

    def load_spec(self, spec: str) -> None:
        unit = self.resolve(spec)
        if "*" in unit:
            self.resolved[spec] = unit
            self.send({"event": "unit", "spec": spec, "record": {"unit": spec}})
            return
        path = self.load(unit)
        self.resolved[spec] = str(self.records[path]["unit"])  # by its own name, should this one be an alias
        self.dirty.discard(path)
        self.send({"event": "unit", "spec": spec, "record": self.records[path]})

    def read_groups(self) -> None:
        """Read the control groups that may have come or gone. Only when nothing else is to be done: PID 1 is busy while
        it starts or stops a unit, and who waits for the end of that must not wait for this."""
        for path in self.groups_due:
            record = self.records.get(path)
            if record is not None:
                group = self.bus.get_property(SYSTEMD, path, SERVICE, b"ControlGroup", b"s").decode()
                if record.get("control_group") != group:
                    record["control_group"] = group
                    self.dirty.add(path)
        self.groups_due.clear()

    def flush(self) -> None:
        """Tell the parent what changed since the last flush."""
        for path in self.dirty:
            record = self.records[path]
            for spec, unit in self.resolved.items():
                if unit == record["unit"]:
                    self.send({"event": "unit", "spec": spec, "record": record})
        self.dirty.clear()

    def stops_with(self, unit: str) -> list[str]:
        """The active units that a stop of ``unit`` would take down with it, in the order of their names."""
        found: set[str] = set()
        todo = [unit]
        while todo:
            path = self.call(MANAGER_PATH, MANAGER, b"LoadUnit", b"s", todo.pop().encode())
            for key in STOPS_TOO:
                for name in self.bus.get_property(SYSTEMD, path, UNIT, key, b"as"):
                    if name.decode() not in found and name.decode() != unit:
                        found.add(name.decode())
                        todo.append(name.decode())
        return sorted(name for name in found if self.is_active(name))

    def thaw(self, unit: str) -> None:
        """Thaw a unit; it is over when PID 1 answers. Not every version of systemd says so by a signal too."""
        self.call(MANAGER_PATH, MANAGER, b"ThawUnit", b"s", unit.encode())
        path = self.call(MANAGER_PATH, MANAGER, b"LoadUnit", b"s", unit.encode())
        record = self.records.get(path)
        if record is not None:
            record["freezer_state"] = text(self.bus.get_property(SYSTEMD, path, UNIT, b"FreezerState", b"s"))
            self.dirty.add(path)

    def is_active(self, unit: str) -> bool:
        path = self.call(MANAGER_PATH, MANAGER, b"LoadUnit", b"s", unit.encode())
        return self.bus.get_property(SYSTEMD, path, UNIT, b"ActiveState", b"s") not in (b"inactive", b"failed")

    # -- the parent

    def send(self, message: dict[str, Any]) -> None:
        self.parent.sendall(json.dumps(message).encode() + b"\n")

    def handle(self, request: dict[str, Any]) -> None:
        """Answer one request of the parent; a failed call is an answer too."""
        try:
            answer = self.perform(request)
        except DBusBaseError as error:
            # A watch that was cut short leaves units unread: a fresh worker begins anew.
            if request["op"] == "watch" or not connection_works(self.bus):
                raise
            name = "ETIMEDOUT" if error.errno == -errno.ETIMEDOUT else type(error).__name__
            self.send({"reply": request["id"], "error": name, "message": text(error.err_message)})
        else:
            self.send({"reply": request["id"], "value": answer})

    def perform(self, request: dict[str, Any]) -> Any:
        operation = request["op"]
        if operation == "job":
            path = self.call(MANAGER_PATH, MANAGER, VERBS[request["verb"]], b"ss", request["unit"].encode(), b"replace")
            return int(path.rpartition(b"/")[2])
        if operation == "reset-failed":
            return self.call(MANAGER_PATH, MANAGER, b"ResetFailedUnit", b"s", request["unit"].encode())
        if operation == "thaw":
            return self.thaw(request["unit"])
        if operation == "triggered-by":
            path = self.call(MANAGER_PATH, MANAGER, b"LoadUnit", b"s", request["unit"].encode())
            return [name.decode() for name in self.bus.get_property(SYSTEMD, path, UNIT, b"TriggeredBy", b"as")]
        if operation == "watch":
            self.specs = request["specs"]
            self.refresh()
            return None
        if operation == "stops-with":
            return self.stops_with(request["unit"])
        if operation == "ping":
            # After PID 1 has re-executed itself it may have forgotten us; then the ping itself subscribes anew.
            if self.subscribe():
                self.refresh_wanted = True
            for path in list(self.refused):
                self.hold(path)
            return None
        raise ValueError(f"unknown operation {operation!r}")

    def run(self) -> None:
        """Serve until the parent or the bus is gone."""
        self.open()
        self.send({"event": "ready"})
        poll = select.poll()
        poll.register(self.bus.get_fd(), select.POLLIN)
        poll.register(self.parent.fileno(), select.POLLIN)
        buffer = b""
        while True:
            self.drain()
            ready = {descriptor for descriptor, _ in poll.poll(QUIET_MS if self.groups_due else None)}
            if not ready:
                self.read_groups()
            if self.parent.fileno() in ready:
                data = self.parent.recv(65536)
                if not data:
                    return
                *lines, buffer = (buffer + data).split(b"\n")
                for line in lines:
                    self.handle(json.loads(line))

    def process_one(self) -> bool:
        """Process one message; False when there was none. A signal without arguments counts as empty in pystemd, so
        what a callback put into the inbox also says that there was one."""
        message = self.bus.process()
        inbox, self.inbox = self.inbox, []
        for handler, path, body in inbox:
            handler(path, body)
        return bool(inbox) or not message.is_empty()

    def drain(self) -> None:
        """Process what came over the bus, also what a call put aside while it waited for its reply."""
        while True:
            while self.process_one():
                pass
            self.flush()
            if self.refresh_wanted:
                self.refresh()
            elif self.resolve_wanted:
                self.resolve_again()
            else:
                return


def connection_works(bus: DBus) -> bool:
    """Whether the bus itself still answers: tells a refused or late call from a lost connection."""
    try:
        bus.process()
        bus.get_unique_name()
    except DBusBaseError:
        return False
    return True


def main() -> int:
    """Run until the parent closes its end; exit status 3 when the bus is lost or can't be opened."""
    try:
        BusWorker(socket.socket(fileno=0)).run()
    except DBusBaseError as error:
        log(f"the bus worker lost the system bus: {text(error.err_message)}")
        return 3
    except (BrokenPipeError, ConnectionResetError):
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
