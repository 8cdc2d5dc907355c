"""A Redis whose clients wait: it ends by itself a moment after its last renewal, and this looks whether it has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..resp import NOTHING, GoneError, Redis, RedisError, SilentError
from .base import Effect


@dataclass(frozen=True, slots=True)
class RedisPaused(Effect):
    """``do`` pauses nothing: the fault's own connection does. No CLIENT UNPAUSE here: it would wait like the others,
    and a pause that somebody else asked for is not ours to end."""

    name: ClassVar[str] = "redis-paused"
    host: str
    port: int
    credential: str

    def do(self) -> None:
        return

    def undo(self) -> None:
        return

    def left(self) -> str:
        try:
            with Redis(self.host, self.port, self.credential, patience=0.5) as redis:
                redis.call(*NOTHING)
        except (GoneError, RedisError):
            return ""
        except SilentError:
            return "Redis does not answer yet"
        return ""
