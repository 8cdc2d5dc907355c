"""Keeps the event stream open: notices silence, reconnects, and turns what comes into facts for the store."""

from __future__ import annotations

import logging
import time
from collections import deque
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QFileSystemWatcher, QObject, QTimer, Signal

from . import answers, diagnosis, facts, faults, fields, sse, wire
from .failure import Failure
from .hosts import Way
from .state import Phase, Trouble
from .translate import tr
from .turns import Slice

if TYPE_CHECKING:
    from .hosts import Target
    from .store import Store
    from .transport import Exchange
    from .tunnel import Tunnel

log = logging.getLogger(__name__)

DEADLINE = 5.5
"""Seconds without a sign of life after which nothing is shown as live; the agent's heartbeat comes every 4."""
WAITING = 30.0
"""Seconds that a connection which was taken may stay without an answer before another one is tried."""
PATIENCE = 0.7
"""Seconds without an answer after which the window says that it waits for one."""
PAUSES = (0.05, 0.2, 0.5, 1.0, 2.0, 3.0, 5.0)
"""Seconds before the attempts after a loss; the last one for all that follow."""
HOPELESS = 15.0
"""Seconds before the next attempt where waiting alone will not help: no permission, another version."""
STUBBORN = 300.0
"""Seconds before ssh knocks again where it was not let in: servers shut out those who knock too often."""
SETTLE = 20
"""Milliseconds between the appearance of a socket and the attempt to use it."""


class Link(QObject):
    """One agent's event stream. ``opened`` is emitted at each snapshot: everything is known and true."""

    opened = Signal()

    def __init__(self, target: Target, store: Store, tunnel: Tunnel | None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.target = target
        self._store = store
        self._tunnel = tunnel
        self._stream: Exchange | None = None
        self._parser = sse.Parser()
        self._status = 0
        self._body = b""
        self._failures = 0
        self._was_silent = False
        self._events: deque[sse.Event] = deque()
        self._retry = QTimer(self, singleShot=True)
        self._retry.timeout.connect(self.connect_now)
        self._patience = QTimer(self, singleShot=True, interval=int(PATIENCE * 1000))
        self._patience.timeout.connect(self._on_impatience)
        self._life = QTimer(self, singleShot=True, interval=int(DEADLINE * 1000))
        self._life.timeout.connect(self._on_deadline)
        self._settle = QTimer(self, singleShot=True, interval=SETTLE)
        self._settle.timeout.connect(self._on_appearance)
        self._watcher = QFileSystemWatcher(self)
        self._watcher.directoryChanged.connect(lambda _path: self._settle.start())
        if tunnel is not None:
            tunnel.failed.connect(lambda text: self._on_tunnel(diagnosis.Finding(Trouble.TUNNEL, text), text))
            tunnel.ended.connect(lambda words: self._on_tunnel(diagnosis.ssh_ended(target, words), words))

    # -- connecting

    def connect_now(self) -> None:
        """Try at once, whatever is under way."""
        from .transport import Exchange  # Qt's network module is loaded when the window is there, not before

        self._drop()
        self._watch()
        if self._tunnel is not None:
            self._tunnel.open()
            if not self._tunnel.ready:
                self._on_way()
                return
        stream = Exchange(self.target, self)
        self._stream, self._status, self._body, self._parser = stream, 0, b"", sse.Parser()
        stream.answered.connect(self._on_answered)
        stream.received.connect(self._on_received)
        stream.done.connect(partial(self._on_failed, Failure.CLOSED, "the event stream ended"))
        stream.failed.connect(self._on_failed)
        self._patience.start()
        stream.start("GET", "/events", WAITING, {"Accept": "text/event-stream"})

    def _on_way(self) -> None:
        """ssh logs in: its socket appears then, or it ends. A trouble that is being told stays until one of the two."""
        connection = self._store.state.connection
        if self._tunnel is not None and self._tunnel.running and connection.phase is Phase.CONNECTING:
            self._say(Phase.CONNECTING, Trouble.NONE, tr("ssh logs in to {host}…").format(host=self.target.address))

    def close(self) -> None:
        self._drop()
        self._retry.stop()
        self._settle.stop()
        if self._tunnel is not None:
            self._tunnel.close()

    def _drop(self) -> None:
        for timer in (self._retry, self._patience, self._life):
            timer.stop()
        self._store.turns.forget(self._work)
        self._events.clear()
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.abort()

    def _watch(self) -> None:
        """Look at the folder of the socket, or at the nearest one above it that exists."""
        path = self.target.socket_path
        if path is None:
            return
        folder = next(parent for parent in path.parents if parent.is_dir())
        wanted = [str(folder)]
        if self._watcher.directories() != wanted:
            if self._watcher.directories():
                self._watcher.removePaths(self._watcher.directories())
            self._watcher.addPaths(wanted)

    def _on_appearance(self) -> None:
        self._watch()
        path = self.target.socket_path
        if path is not None and path.is_socket() and self._stream is None:
            self._failures = 0
            self.connect_now()

    # -- what comes

    def _on_answered(self, status: int) -> None:
        self._status = status
        if status == 200:
            self._life.start()

    def _on_received(self, data: bytes) -> None:
        if self._status != 200:
            self._body += data
            return
        self._life.start()
        try:
            self._events.extend(self._parser.feed(data))
        except sse.StreamError as error:
            self._incompatible(str(error))
            return
        # Not at once: what is read comes in the same turn of the event loop as somebody else's slice.
        self._store.turns.soon(self._work)

    def _work(self) -> None:
        """Take events, for a slice of time; what is left waits for another turn of the event loop."""
        now = Slice()
        try:
            while self._events:
                self._take(self._events.popleft())
                if now.over and self._events:
                    self._store.turns.soon(self._work)
                    return
        except fields.WireError as error:
            self._incompatible(str(error))

    def _take(self, event: sse.Event) -> None:
        log.debug("event %s", event.kind)
        at = time.time()
        apply = self._store.apply
        if event.kind == "heartbeat":
            apply(facts.Heartbeat(at))
        elif event.kind == "service":
            about = fields.Fields(fields.parse(event.data), "")
            apply(facts.ServiceChanged(wire.service(about.text("name"), about), at))
        elif event.kind == "snapshot":
            self._patience.stop()
            log.info("%s: live", self.target.text)
            self._failures, self._was_silent = 0, False
            apply(facts.Snapshot(wire.snapshot(fields.parse(event.data)), at))
            self.opened.emit()
        elif event.kind == "system":
            apply(facts.SystemSampled(wire.system(fields.parse(event.data)), at))
        elif event.kind == "action":
            apply(facts.ActionDone(wire.action(fields.parse(event.data)), at))
        elif event.kind == "incident":
            from . import incidents  # not before an agent has some

            apply(facts.IncidentChanged(incidents.incident(fields.parse(event.data)), at))
        elif event.kind == "fault":
            apply(facts.FaultChanged(faults.fault(fields.Fields(fields.parse(event.data), "fault")), at))
        elif event.kind == "chaos":
            from . import chaos  # not before an agent has some

            apply(facts.ChaosChanged(chaos.brief(fields.parse(event.data)), at))
        elif event.kind == "agent":
            apply(facts.AgentChanged(wire.agent(fields.Fields(fields.parse(event.data), "agent")), at))
        # Kinds of a newer agent are left alone.

    # -- what does not come

    def _on_impatience(self) -> None:
        """The connection was taken, but no answer has come: the agent is starting, or it hangs."""
        if self._was_silent:
            self._say(Phase.SILENT, Trouble.NO_ANSWER, tr("The agent holds the connection but does not answer."))
        else:
            self._say(Phase.SILENT, Trouble.STARTING, tr("The agent took the connection and has not answered yet."))

    def _on_deadline(self) -> None:
        message = tr("The agent has given no sign of life for {n} s.").format(n=f"{DEADLINE:g}")
        self._was_silent = True
        self._say(Phase.SILENT, Trouble.NO_ANSWER, message)
        self.connect_now()

    def _on_failed(self, failure: Failure, text: str) -> None:
        status, body = self._status, self._body
        self._stream = None
        self._drop()
        if status not in (0, 200):
            self._on_refusal(status, body)
            return
        if failure is Failure.SILENT:
            self._lose(diagnosis.Finding(Trouble.NO_ANSWER, tr("The agent does not answer.")), text)
            return
        if failure is Failure.PROTOCOL:
            self._incompatible(text)
            return
        if self._tunnel is not None:
            self._lose(diagnosis.far_end(self.target, was_open=status == 200), text)
            return
        finding = {
            Failure.ABSENT: diagnosis.absent,
            Failure.FORBIDDEN: diagnosis.forbidden,
            Failure.REFUSED: diagnosis.refused,
        }.get(failure, diagnosis.closed)(self.target)
        self._lose(finding, text)

    def _on_refusal(self, status: int, body: bytes) -> None:
        told = answers.problem(status, body)
        if status == 404 or told.kind == "http":
            self._incompatible(told.message)
            return
        trouble = Trouble.NO_PERMISSION if status in (401, 403) else Trouble.BROKEN
        self._lose(diagnosis.Finding(trouble, told.message), f"HTTP {status}, {told.kind}")

    def _on_tunnel(self, finding: diagnosis.Finding, detail: str) -> None:
        if self._stream is not None:
            stream, self._stream = self._stream, None
            stream.abort()
        self._drop()
        self._lose(finding, detail)

    def _incompatible(self, detail: str) -> None:
        self._drop()
        message = tr("The agent speaks another version of the interface than this application.")
        self._lose(diagnosis.Finding(Trouble.INCOMPATIBLE, message), detail)

    def _lose(self, finding: diagnosis.Finding, detail: str) -> None:
        hopeless = finding.trouble in (Trouble.NO_PERMISSION, Trouble.INCOMPATIBLE)
        pause = HOPELESS if hopeless else PAUSES[min(self._failures, len(PAUSES) - 1)]
        if self.target.way is Way.SSH:
            pause = STUBBORN if finding.trouble is Trouble.SSH_REFUSED else max(pause, 1.0)
        self._failures += 1
        self._retry.start(int(pause * 1000))
        self._say(Phase.LOST, finding.trouble, finding.message, detail, pause)

    def _say(self, phase: Phase, trouble: Trouble, message: str, detail: str = "", pause: float | None = None) -> None:
        now = time.time()
        retry_at = now + pause if pause is not None else None
        log.info("%s: %s, %s: %s %s", self.target.text, phase, trouble, message, detail)
        self._store.apply(facts.LinkChanged(phase, trouble, message, now, detail, retry_at))
