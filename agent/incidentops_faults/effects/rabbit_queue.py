"""A queue that is exclusive to a fault's own connection: the broker removes it with the connection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..amqp import AmqpError, Broker, GoneError, Login
from .base import Effect


@dataclass(frozen=True, slots=True)
class RabbitQueue(Effect):
    """``do`` makes none: the connection does."""

    name: ClassVar[str] = "rabbit-queue"
    host: str
    port: int
    credential: str
    queue: str

    def do(self) -> None:
        return

    def undo(self) -> None:
        return

    def left(self) -> str:
        try:
            with Broker(Login.find(self.host, self.port, self.credential)) as broker:
                broker.declare(self.queue, passive=True)
        except GoneError:
            return ""
        except AmqpError as error:
            return "" if error.code == 404 else f"the queue {self.queue} is still there: {error}"
        return f"the queue {self.queue} is still there"
