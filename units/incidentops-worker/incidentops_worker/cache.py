"""Prices: read through Redis, which may be away or wrong at any time without a job noticing more than a delay."""

import asyncio
import time
from typing import Protocol

import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from incidentops_worker.backoff import Backoff
from incidentops_worker.dependency import Dependency
from incidentops_worker.metrics import Metrics

_PREFIX = "incidentops:price:"


class PriceSource(Protocol):
    """Where a price comes from when the cache has none."""

    async def price(self, item: str) -> int | None:
        """The price in cents, None when the item has none."""


class Prices:
    """A read-through cache. A price changed in PostgreSQL is seen after at most `ttl` seconds."""

    def __init__(
        self, url: str, seconds: float, ttl: int, source: PriceSource, dependency: Dependency, metrics: Metrics
    ) -> None:
        """`seconds` bounds each exchange with Redis."""
        # No retries inside the library: they would be spent by the job that happens to ask.
        self._redis = redis.asyncio.Redis.from_url(
            url,
            socket_timeout=seconds,
            socket_connect_timeout=seconds,
            retry=Retry(NoBackoff(), 0),
            client_name="incidentops-worker",
        )
        self._seconds = seconds
        self._ttl = ttl
        self._source = source
        self._dependency = dependency
        self._metrics = metrics
        self._backoff = Backoff()
        self._not_before = 0.0
        self._was_away = False

    async def price(self, item: str) -> int | None:
        """The price in cents, None when the item has none. Raises what the source raises, and nothing of Redis."""
        known = await self._lookup(item)
        if known is not None:
            return known
        price = await self._source.price(item)
        if price is not None and time.monotonic() >= self._not_before:
            await self._ask("SET", _PREFIX + item, str(price), "EX", str(self._ttl))
        return price

    async def check(self) -> None:
        """Ask Redis whether it is there, and tell the dependency."""
        await self._ask("PING")

    async def close(self) -> None:
        """Let the connections go."""
        await self._redis.connection_pool.disconnect()

    async def _lookup(self, item: str) -> int | None:
        # While Redis is away only one lookup per backoff waits for it, or a stopped Redis would slow every job.
        if time.monotonic() < self._not_before:
            self._metrics.cache.labels("away").inc()
            return None
        answered, value = await self._ask("GET", _PREFIX + item)
        known = int(value) if value is not None and value.isdigit() and len(value) < 10 else None
        self._metrics.cache.labels("away" if not answered else "miss" if known is None else "hit").inc()
        return known

    async def _ask(self, *command: str) -> tuple[bool, bytes | None]:
        """Whether Redis answered, and its answer when that is a string."""
        try:
            async with asyncio.timeout(self._seconds * 2):  # connecting and asking; the library bounds each read only
                answer = await self._redis.execute_command(*command)
        except (RedisError, OSError) as error:  # TimeoutError is an OSError
            self._not_before = time.monotonic() + self._backoff.next()
            # The first sentence says it; the second repeats it with brackets and numbers.
            reason = str(error).strip().partition(". ")[0].rstrip(".")
            self._dependency.failed(reason or f"no answer for {self._seconds * 2:g} s")
            self._was_away = True
            return False, None
        self._not_before = 0.0
        self._backoff.reset()
        if self._was_away:
            self._dependency.reconnected()
            self._was_away = False
        self._dependency.ok()
        return True, answer if isinstance(answer, bytes) else None
