"""rabbitmq-consumer-stall: somebody takes the jobs and does not do them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from incidentops_agent.parameters import Parameter

from .. import owner
from ..amqp import AmqpError, Broker
from ..effects.rabbit_consumer import RabbitConsumer
from .rabbitmq import Connected

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import ClassVar

    from ..effects.base import Effect

FIRST = 1000
"""A priority among consumers that others hardly have: RabbitMQ serves the higher ones first."""


class RabbitmqConsumerStall(Connected):
    kind = "rabbitmq-consumer-stall"
    title = "RabbitMQ: stalled consumer"
    summary = "A consumer with priority takes the messages of a queue and acknowledges none; nobody else gets them."
    verify_within = 20
    parameters: ClassVar = (
        Parameter(
            "queue", "text", "the queue", "incidentops.jobs", pattern=r"[A-Za-z0-9_.:-]{1,200}", wanted="a queue's name"
        ),
        Parameter("prefetch", "integer", "how many messages it takes, 0 for all", 0, "messages", 0, 65535),
    )

    def check(self) -> str:
        if why := super().check():
            return why
        try:
            with Broker.of(self.order.target) as broker:
                broker.declare(self.text("queue"), passive=True)
        except AmqpError as error:
            return f"the queue {self.text('queue')} can't be used: {error}"
        return ""

    def preview(self) -> list[str]:
        most = int(self.number("prefetch"))
        count = f"The next {most} messages" if most else "All messages"
        return [
            f"{count} of {self.text('queue')} go to a consumer that does nothing with them.",
            "At the end they are put back, marked as redelivered.",
        ]

    @property
    def tag(self) -> str:
        return f"incidentops-fault-{self.order.id}"

    def effects(self) -> Iterable[Effect]:
        user = owner.of(self.unit)
        self.consumer = RabbitConsumer(self.unit, user.uid, user.gid, self.tag)
        yield self.consumer
        self.begin()

    def begin(self) -> None:
        broker = self.broker = Broker.of(self.order.target)
        broker.consume(self.text("queue"), self.tag, int(self.number("prefetch")), FIRST)

    def keep(self) -> None:
        assert self.broker is not None
        self.broker.drain(0.05)

    def verify(self) -> str:
        return "" if self.consumer.there() else "the broker does not list the consumer"
