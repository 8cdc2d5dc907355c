"""One question of a window at a time: its request, and its answer as a value or as a Problem with a sentence."""

from __future__ import annotations

import json
import logging
import uuid
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from PySide6.QtCore import QObject

from . import answers, fields
from .answers import Problem
from .failure import Failure
from .translate import tr

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from .hosts import Target
    from .transport import Call

log = logging.getLogger(__name__)
Value = TypeVar("Value")

READ_IDLE, ACT_IDLE = 10.0, 60.0
"""Seconds to wait for a byte of an answer."""
OFFLINE = "offline"
"""The kind of a Problem when there is no agent at the other end."""
UNANSWERED = "unanswered"
"""The kind of a Problem when the connection ended before the answer came: what came of the request is not known."""


class Asking(QObject):
    """Asks one agent; a new question drops the answer to the one before it. Nothing is sent twice.

    ``patience``: seconds to wait for a byte of an answer, where that is longer than usual.
    """

    def __init__(self, target: Target, parent: QObject, patience: float | None = None) -> None:
        super().__init__(parent)
        self._target = target
        self._patience = patience
        self._call: Call | None = None

    @property
    def busy(self) -> bool:
        return self._call is not None

    def get(
        self, path: str, take: Callable[[Any], Value], done: Callable[[Value], None], refused: Callable[[Problem], None]
    ) -> None:
        """Read a JSON answer; ``take`` makes a value of it, at the typed edge."""
        self._start("GET", path, partial(_parsed, take), done, refused)

    def text(self, path: str, done: Callable[[bytes], None], refused: Callable[[Problem], None]) -> None:
        """Read an answer that is no JSON, as it is."""
        self._start("GET", path, bytes, done, refused)

    def act(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None,
        take: Callable[[Any], Value],
        done: Callable[[Value], None],
        refused: Callable[[Problem], None],
        also: Collection[int] = (),
    ) -> None:
        """Ask for something to be done: once, with a key of its own. ``also``: codes of answers that say no, and are a
        value all the same."""
        data = json.dumps(body).encode() if body is not None else b""
        key = uuid.uuid4().hex
        log.info("%s %s, key %s", method, path, key)
        headers = {"Idempotency-Key": key}
        self._start(method, path, partial(_parsed, take), done, refused, headers, data, also)

    def drop(self) -> None:
        """No answer is awaited any more."""
        call, self._call = self._call, None
        if call is not None:
            call.abort()

    def _start(
        self,
        method: str,
        path: str,
        take: Callable[[bytes], Value],
        done: Callable[[Value], None],
        refused: Callable[[Problem], None],
        headers: dict[str, str] | None = None,
        body: bytes = b"",
        also: Collection[int] = (),
    ) -> None:
        from .transport import Call  # Qt's network module is loaded when something is asked, not before

        self.drop()
        call = Call(self._target, self)
        self._call = call

        def answered(status: int, data: bytes) -> None:
            self._call = None
            try:
                value = take(data) if 200 <= status < 300 or status in also else None
            except fields.WireError as error:
                if status in also:
                    refused(answers.problem(status, data))
                    return
                message = tr("cannot understand the agent's answer: {error}").format(error=error)
                refused(Problem(status, "incompatible", message))
                return
            if value is None:
                refused(answers.problem(status, data))
            else:
                done(value)

        def lost(failure: Failure, text: str) -> None:
            self._call = None
            refused(_lost(method, failure, text))

        call.finished.connect(answered)
        call.failed.connect(lost)
        idle = self._patience or (READ_IDLE if method == "GET" else ACT_IDLE)
        call.start(method, path, idle, headers, body)


def _parsed(take: Callable[[Any], Value], data: bytes) -> Value:
    return take(fields.parse(data))


def _lost(method: str, failure: Failure, text: str) -> Problem:
    if method == "GET" or failure in (Failure.ABSENT, Failure.FORBIDDEN, Failure.REFUSED):
        return Problem(0, OFFLINE, tr("cannot reach the agent: {error}").format(error=text))
    message = tr("The connection broke before the agent answered; what came of it is not known.")
    return Problem(0, UNANSWERED, message)


def unknown_route(problem: Problem) -> bool:
    """Whether the agent is too old to know what it was asked."""
    return problem.status in (404, 405) and problem.kind in ("not-found", "method-not-allowed", "http")
