"""RabbitMQ: an AMQP connection whose channel answers (basic.qos and its qos-ok)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .amqp import AmqpChannel

if TYPE_CHECKING:
    from ..model import ProbeSpec


class RabbitmqProbe:
    def __init__(self, spec: ProbeSpec) -> None:
        self._spec = spec
        self._amqp: AmqpChannel | None = None

    @property
    def connected(self) -> bool:
        return self._amqp is not None

    async def ask(self) -> dict[str, str]:
        if self._amqp is None:
            self._amqp = await AmqpChannel.open(self._spec)
        await self._amqp.call(self._amqp.channel.basic_qos, prefetch_count=1)
        return {}

    async def close(self) -> None:
        amqp, self._amqp = self._amqp, None
        if amqp is not None:
            amqp.close()
