"""rabbitmq-flood: a queue fills, and the broker has no rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from incidentops_agent.parameters import Parameter

from ..amqp import Broker, address
from ..effects.rabbit_queue import RabbitQueue
from ..waiting import now
from .rabbitmq import Connected

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import ClassVar

    from ..effects.base import Effect

MESSAGE = bytes(4096)
AT_ONCE = 64
BEHIND = 2.0
"""Seconds of the rate that are made up for at most, after a time in which nothing could be sent."""


class RabbitmqFlood(Connected):
    kind = "rabbitmq-flood"
    title = "RabbitMQ: flood"
    summary = "A queue of the fault's own is filled and goes on being written to; the oldest messages are dropped."
    verify_within = 30
    parameters: ClassVar = (
        Parameter("size", "integer", "how much the queue holds at most", 16, "MB", 1, 4096),
        Parameter("rate", "integer", "messages of 4 KiB, once it is full", 500, "messages/s", 1, 20_000),
    )

    def preview(self) -> list[str]:
        return [
            f"A queue of the fault's own fills with {self.number('size'):g} MB of messages that are not persistent.",
            f"Then {self.number('rate'):g} messages of 4 KiB come each second, and as many old ones are dropped.",
        ]

    @property
    def queue(self) -> str:
        return f"incidentops.fault.{self.order.id}"

    @property
    def size(self) -> int:
        return int(self.number("size")) * 1_000_000

    def effects(self) -> Iterable[Effect]:
        yield RabbitQueue(*address(self.order.target), self.queue)
        self.begin()

    def begin(self) -> None:
        self.broker = Broker.of(self.order.target)
        bound = {"x-max-length-bytes": self.size, "x-overflow": "drop-head"}
        self.broker.declare(self.queue, exclusive=True, arguments=bound)
        for _ in range(self.size // (AT_ONCE * len(MESSAGE)) + 1):
            self.broker.publish(self.queue, [MESSAGE] * AT_ONCE)
            # as fast as the broker counts them, so that none pile up on the way
            self.broker.declare(self.queue, passive=True)
        self.sent = now()

    def keep(self) -> None:
        assert self.broker is not None
        rate = self.number("rate")
        due = int((now() - max(self.sent, now() - BEHIND)) * rate)
        for at in range(0, due, AT_ONCE):
            self.broker.publish(self.queue, [MESSAGE] * min(AT_ONCE, due - at))
        self.sent = now()
        self.broker.declare(self.queue, passive=True)

    def verify(self) -> str:
        if self.broker is None:
            return "the connection with the broker ended"
        messages, _ = self.broker.declare(self.queue, passive=True)
        there = messages * len(MESSAGE)
        return "" if there >= self.size * 0.9 else f"the queue has {there // 1_000_000} MB"
