"""What the operator asks for: each command is one request with a key of its own, and its answer becomes a fact."""

from __future__ import annotations

import contextlib
import json
import logging
import time
import uuid
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import quote

from PySide6.QtCore import QObject, QTimer, Signal

from . import answers, facts, fields, wire, wording
from .failure import Failure
from .translate import tr

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .hosts import Target
    from .reducer import Changes
    from .store import Store
    from .transport import Call

log = logging.getLogger(__name__)

FIGURES_INTERVAL = 6.0
"""Seconds between readings of the figures that are no events (latency, memory, CPU); the agent measures each 5."""
READ_IDLE, ACT_IDLE = 10.0, 200.0
"""Seconds to wait for a byte of an answer; a start may take as long as its unit's deadline."""
READING_MOST = 4
"""How many logs are read at once."""


class Commands(QObject):
    """Talks to one agent on behalf of the operator.

    ``started`` (service) and ``remediated`` (answers.Remediation) ask for the contract's popups; ``refused`` (service,
    action, answers.Problem) when the agent says no; ``sent`` (service, action) when the bytes are on the wire.
    """

    started = Signal(str)
    remediated = Signal(object)
    refused = Signal(str, str, object)
    sent = Signal(str, str)

    def __init__(self, target: Target, store: Store, read_only: bool, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.target = target
        self.read_only = read_only
        self._store = store
        self._logs: dict[str, None] = {}
        self._calls: set[Call] = set()
        self._reading = 0
        self._figures = QTimer(self, interval=int(FIGURES_INTERVAL * 1000))
        self._figures.timeout.connect(self.read_figures)
        store.changed.connect(self._on_changes)

    def close(self) -> None:
        """No more requests; what was asked for goes on at the agent, its answer is not awaited."""
        self._store.changed.disconnect(self._on_changes)
        self._store.turns.forget(self._read_logs)
        self._figures.stop()
        for call in list(self._calls):
            call.abort()
        self._calls.clear()

    def _call(self) -> Call:
        from .transport import Call  # Qt's network module is loaded when the window is there, not before

        call = Call(self.target, self)
        self._calls.add(call)
        call.finished.connect(lambda *_: self._calls.discard(call))
        call.failed.connect(lambda *_: self._calls.discard(call))
        return call

    # -- acting

    def act(self, service: str, action: str) -> None:
        """start, stop, restart or ping; at most one at a time for a service."""
        state = self._store.state
        card = state.cards.get(service)
        if self.read_only or card is None or card.pending is not None or not state.connection.live:
            return
        done = self._on_pinged if action == "ping" else self._on_changed
        self._post(f"/{action}/{quote(service, safe='')}", service, action, done)

    def remediate(self, plan: str = "") -> None:
        """Bring back all that is down; with the id of a plan, by exactly that one or not at all."""
        state = self._store.state
        if self.read_only or state.remediating is not None or not state.connection.live:
            return
        body = json.dumps({"plan": plan}).encode() if plan else b""
        self._post("/remediate", "", "remediate", self._on_remediated, body)

    def _post(
        self, path: str, service: str, action: str, done: Callable[[str, str, object], None], body: bytes = b""
    ) -> None:
        key = uuid.uuid4().hex
        log.info("POST %s, key %s", path, key)
        call = self._call()
        call.connected.connect(partial(self.sent.emit, service, action))
        call.finished.connect(partial(self._on_answer, service, action, done))
        call.failed.connect(partial(self._on_lost, service, action))
        self._store.apply(facts.Asked(service, action, key, time.time()))
        call.start("POST", path, ACT_IDLE, {"Idempotency-Key": key}, body)

    def _on_answer(
        self, service: str, action: str, done: Callable[[str, str, object], None], status: int, body: bytes
    ) -> None:
        try:
            if status == 200:
                done(service, action, fields.parse(body))
                return
            told = answers.problem(status, body)
            kind, message = told.kind, told.message
            log.info("POST %s %s: %s, %s", action, service, kind, message)
            self.refused.emit(service, action, told)
        except fields.WireError as error:
            kind, message = "incompatible", tr("cannot understand the agent's answer: {error}").format(error=error)
        self._store.apply(facts.Refused(service, action, kind, message, time.time()))

    def _on_lost(self, service: str, action: str, failure: Failure, text: str) -> None:
        if failure in (Failure.ABSENT, Failure.FORBIDDEN, Failure.REFUSED):
            message = tr("cannot reach the agent: {error}").format(error=text)
        else:
            message = tr(wording.UNANSWERED)
        self._store.apply(facts.Refused(service, action, "unanswered", message, time.time()))

    def _on_changed(self, service: str, action: str, value: object) -> None:
        answer = answers.change(value)
        self._store.apply(facts.Changed(service, action, answer, time.time()))
        if action == "start" and answer.outcome == "ok" and answer.up:
            self.started.emit(service)

    def _on_pinged(self, service: str, _action: str, value: object) -> None:
        self._store.apply(facts.Pinged(service, answers.ping(value), time.time()))

    def _on_remediated(self, _service: str, _action: str, value: object) -> None:
        answer = answers.remediation(value)
        self._store.apply(facts.Remediated(answer, time.time()))
        self.remediated.emit(answer)

    # -- reading

    def _get(self, path: str, take: Callable[[object], None], after: Callable[[], None] | None = None) -> None:
        call = self._call()

        def answered(status: int, body: bytes) -> None:
            try:
                if status == 200:
                    take(fields.parse(body))
            except fields.WireError:
                pass  # the stream is what tells of another version
            finally:
                if after is not None:
                    after()

        call.finished.connect(answered)
        if after is not None:
            call.failed.connect(lambda *_: after())
        call.start("GET", path, READ_IDLE)

    def read_figures(self) -> None:
        if not self._store.state.connection.live:
            return
        call = self._call()
        call.finished.connect(lambda status, body: self._store.turns.soon(partial(self._take_figures, status, body)))
        call.start("GET", "/services", READ_IDLE)

    def _take_figures(self, status: int, body: bytes) -> None:
        """In a turn of its own: fifty services take a while."""
        if status != 200:
            return
        with contextlib.suppress(fields.WireError):  # the stream is what tells of another version
            self._store.apply(facts.FiguresRead(wire.services(fields.parse(body)), time.time()))

    def read_system(self) -> None:
        """The machine's figures now, not at the agent's next sample."""
        self._get("/system", lambda value: self._store.apply(facts.SystemSampled(wire.system(value), time.time())))

    def read_chaos(self) -> None:
        """Whether chaos is armed; the stream tells of changes alone."""

        def take(value: object) -> None:
            from . import chaos  # not before an agent has some

            self._store.apply(facts.ChaosChanged(chaos.brief(value), time.time()))

        self._get("/chaos", take)

    def read_detail(self, service: str, take: Callable[[answers.Detail], None]) -> None:
        """What a stop takes down with it, and the log."""
        self._get(f"/services/{quote(service, safe='')}", lambda value: take(answers.detail(value)))

    def refresh(self) -> None:
        """Read everything anew that is not on the stream."""
        self.read_figures()
        if self._store.state.connection.live:
            self.read_system()
            self._want_logs(self._store.state.cards)

    def _on_changes(self, changes: Changes) -> None:
        if changes.connection:
            live = self._store.state.connection.live
            if live and not self._figures.isActive():
                self._figures.start()
                self.read_figures()
                if self._store.state.system is None:
                    self.read_system()
                self.read_chaos()
            elif not live:
                self._figures.stop()
        if changes.logs:
            self._want_logs(changes.logs)

    def _want_logs(self, names: Iterable[str]) -> None:
        for name in sorted(names):
            self._logs[name] = None
        self._store.turns.soon(self._read_logs)

    def _read_logs(self) -> None:
        """Begin to read one log; the next one in another turn of the event loop."""
        if not self._logs or self._reading >= READING_MOST or not self._store.state.connection.live:
            return
        name = next(iter(self._logs))
        del self._logs[name]
        self._reading += 1
        self._get(f"/logs/{quote(name, safe='')}", partial(self._take_log, name), self._log_over)
        self._store.turns.soon(self._read_logs)

    def _take_log(self, name: str, value: object) -> None:
        self._store.apply(facts.LogRead(name, answers.log(value), time.time()))

    def _log_over(self) -> None:
        self._reading -= 1
        self._store.turns.soon(self._read_logs)
