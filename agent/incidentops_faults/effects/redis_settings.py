"""Settings of a running Redis, CONFIG SET: gone with a restart of it, unless somebody has them written to its file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..errors import FaultError
from ..resp import GoneError, Redis
from .base import Effect


@dataclass(frozen=True, slots=True)
class RedisSettings(Effect):
    """``before`` and ``during`` by the names of the settings. One that has neither value at the end was changed by
    somebody else meanwhile, and is left as it is."""

    name: ClassVar[str] = "redis-settings"
    host: str
    port: int
    credential: str
    before: dict[str, str]
    during: dict[str, str]

    @classmethod
    def of(cls, host: str, port: int, credential: str, during: dict[str, str]) -> RedisSettings:
        """Those of ``during`` that are not so already.

        Raises:
            FaultError: the server does not tell.
        """
        with Redis(host, port, credential) as redis:
            now = {name: redis.settings(name).get(name, "") for name in during}
        changed = {name: value for name, value in during.items() if now[name] != value}
        return cls(host, port, credential, {name: now[name] for name in changed}, changed)

    def do(self) -> None:
        with self._open() as redis:
            for name, value in self.during.items():
                redis.call("CONFIG", "SET", name, value)

    def undo(self) -> None:
        try:
            with self._open() as redis:
                for name in self._still(redis):
                    redis.call("CONFIG", "SET", name, self.before[name])
        except GoneError:  # it is down, and what was set is gone
            return

    def left(self) -> str:
        try:
            with self._open() as redis:
                still = self._still(redis)
        except GoneError:
            return ""
        return f"Redis still has {', '.join(f'{name} {self.during[name]}' for name in still)}" if still else ""

    def _still(self, redis: Redis) -> list[str]:
        return [name for name, value in self.during.items() if redis.settings(name).get(name) == value]

    def _open(self) -> Redis:
        return Redis(self.host, self.port, self.credential)


def unusable(host: str, port: int, credential: str, *names: str) -> str:
    """A sentence when these settings can't be told or changed; empty when they can be read at least."""
    try:
        with Redis(host, port, credential) as redis:
            lacking = [name for name in names if name not in redis.settings(name)]
    except FaultError as error:
        return f"it does not tell its settings: {error}"
    return f"it has no setting {', '.join(lacking)}" if lacking else ""
