"""What the faults by settings of Redis have in common: writes are refused with a certain error."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar

from ..effects.redis_settings import RedisSettings, unusable
from ..resp import NOTHING, Redis, RedisError, address
from .base import Fault

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..effects.base import Effect


class RedisRefuses(Fault):
    """``names`` of the settings; ``refusal`` is how the error begins that a write gets."""

    probes = ("redis",)
    needs = "CONFIG of Redis, for the user that the probe logs in as"
    names: ClassVar[tuple[str, ...]]
    refusal: ClassVar[str]

    def check(self) -> str:
        return unusable(*address(self.order.target), *self.names)

    @abstractmethod
    def during(self) -> dict[str, str]:
        """The settings as they are to be."""

    def effects(self) -> Iterable[Effect]:
        yield RedisSettings.of(*address(self.order.target), self.during())

    def verify(self) -> str:
        answer = self.write()
        return "" if answer.startswith(self.refusal) else f"a write is not refused with {self.refusal} ({answer})"

    def recovered(self) -> str:
        answer = self.write()
        return answer if answer.startswith(self.refusal) else ""

    def write(self) -> str:
        """What comes of one that changes nothing."""
        with Redis.of(self.order.target) as redis:
            try:
                return f"answered {redis.call(*NOTHING)}"
            except RedisError as error:
                return str(error)
