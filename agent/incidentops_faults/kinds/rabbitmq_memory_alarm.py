"""rabbitmq-memory-alarm: RabbitMQ is short of memory, and reads nothing from who publishes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from incidentops_agent.parameters import Parameter

from ..amqp import Broker
from ..effects.rabbit_watermark import RabbitWatermark
from .rabbitmq import Rabbitmq

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import ClassVar

    from ..effects.base import Effect


class RabbitmqMemoryAlarm(Rabbitmq):
    kind = "rabbitmq-memory-alarm"
    title = "RabbitMQ: memory alarm"
    summary = "The broker's limit of memory is below what it uses: connections that publish are blocked."
    verify_within = 20
    parameters: ClassVar = (
        Parameter("limit", "integer", "how much memory the broker may use", 10, "MB", 1, 1_000_000),
    )

    def preview(self) -> list[str]:
        return [
            f"The broker's limit of memory (vm_memory_high_watermark) becomes {self.number('limit'):g} MB.",
            "When it uses more, connections that publish are blocked; consumers go on.",
        ]

    def effects(self) -> Iterable[Effect]:
        yield RabbitWatermark.of(self.unit, int(self.number("limit")) * 1_000_000)

    def verify(self) -> str:
        return "the broker still takes messages" if self._takes() else ""

    def recovered(self) -> str:
        return "" if self._takes() else "the broker still blocks who publishes"

    def _takes(self) -> bool:
        with Broker.of(self.order.target) as broker:
            return broker.takes_messages()
