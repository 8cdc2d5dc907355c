"""A consumer that a fault's own connection has: gone with it, and this looks whether it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from .. import owner, rabbitmqctl, systemd
from .base import Effect


@dataclass(frozen=True, slots=True)
class RabbitConsumer(Effect):
    name: ClassVar[str] = "rabbit-consumer"
    unit: str
    uid: int
    gid: int
    tag: str

    def do(self) -> None:
        return

    def undo(self) -> None:
        return

    def left(self) -> str:
        if systemd.value(self.unit, "ActiveState") in ("inactive", "failed"):
            return ""
        return f"RabbitMQ still has the consumer {self.tag}" if self.there() else ""

    def there(self) -> bool:
        """Whether the broker lists it."""
        user = owner.Owner(self.uid, self.gid)
        return self.tag in rabbitmqctl.run(user, "list_consumers", "--silent", "consumer_tag").split()
