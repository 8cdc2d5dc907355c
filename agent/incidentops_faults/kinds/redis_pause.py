"""redis-pause: Redis takes commands and does not answer them."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from incidentops_agent.parameters import Parameter

from ..effects.redis_paused import RedisPaused
from ..errors import FaultError
from ..resp import NOTHING, GoneError, Redis, SilentError, address
from .base import Fault

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import ClassVar

    from ..effects.base import Effect
    from ..waiting import Hold

SLICE = {"all": 1.0, "write": 3.0}
"""Seconds for which one CLIENT PAUSE counts: how long clients wait at most after this process is gone."""
AHEAD = {"all": 60, "write": 0}
"""How many of them wait in the server. They are renewals: each waits like everybody's commands until the one before has
run out, is the first to be taken up then because it was the first to wait, and pauses again. The connection's end takes
those with it that are left. Where only writes wait, a renewal is taken at once, and none needs to wait."""


class RedisPause(Fault):
    kind = "redis-pause"
    title = "Redis: paused"
    summary = "Commands of all clients wait (CLIENT PAUSE); connections are taken, nothing is lost."
    probes = ("redis",)
    needs = "CLIENT PAUSE of Redis, for the user that the probe logs in as"
    parameters: ClassVar = (
        Parameter("mode", "choice", "whose commands wait: all, or those that write", "all", choices=("all", "write")),
    )
    paused: Redis | None = None

    def check(self) -> str:
        try:
            with Redis.of(self.order.target) as redis:
                redis.call("PING")
        except FaultError as error:
            return f"Redis can't be asked: {error}"
        return ""

    def preview(self) -> list[str]:
        which = "All commands" if self.text("mode") == "all" else "Commands that write"
        return [f"{which} wait until the end, and are done at most {SLICE[self.text('mode')]:g} s after it."]

    def effects(self) -> Iterable[Effect]:
        yield RedisPaused(*address(self.order.target))
        self._begin()

    def _begin(self) -> None:
        redis = Redis.of(self.order.target)
        self.paused = redis
        words = self._words()
        redis.call(*words)
        for _ in range(AHEAD[self.text("mode")]):
            redis.send(*words)

    def _words(self) -> tuple[str, ...]:
        words = ("CLIENT", "PAUSE", str(int(SLICE[self.text("mode")] * 1000)))
        # version 6.0 and before know no modes, and pause all
        return words if self.text("mode") == "all" else (*words, "WRITE")

    def hold(self, hold: Hold) -> None:
        while not hold.wait(0.5):
            with contextlib.suppress(FaultError):  # a server that is down will be paused when it is up again
                self._renew()
        if self.paused is not None:
            self.paused.close()

    def _renew(self) -> None:
        if self.paused is None:
            self._begin()
            return
        try:
            taken = self.paused.arrived()
            for _ in range(taken if self.text("mode") == "all" else 1):
                self.paused.send(*self._words())
        except GoneError:
            self.paused.close()
            self.paused = None

    def verify(self) -> str:
        with Redis.of(self.order.target, patience=0.6) as redis:
            try:
                answer = redis.call(*(("PING",) if self.text("mode") == "all" else NOTHING))
            except SilentError:
                return ""
        return f"Redis answers {answer}"
