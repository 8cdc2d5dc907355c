"""redis-readonly: Redis takes no writes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..resp import Redis
from .redis_refuses import RedisRefuses

if TYPE_CHECKING:
    from typing import ClassVar


class RedisReadonly(RedisRefuses):
    """By wanting one replica more than there are. Making it a replica itself would have it throw its data away as soon
    as it found a master."""

    kind = "redis-readonly"
    title = "Redis: no writes"
    summary = "Writes are refused with NOREPLICAS, as if replicas were lost; reads go on."
    names: ClassVar = ("min-replicas-to-write", "min-replicas-max-lag")
    refusal = "NOREPLICAS"

    def check(self) -> str:
        if why := super().check():
            return why
        with Redis.of(self.order.target) as redis:
            about = redis.info("replication")
            wanted = redis.settings("min-replicas-to-write")["min-replicas-to-write"]
        if about.get("role") != "master":
            return "this Redis is a replica, which takes no writes anyway"
        short = int(wanted) > int(about.get("connected_slaves", "0"))
        return f"it wants {wanted} replicas already and has fewer" if short else ""

    def preview(self) -> list[str]:
        return ["Redis wants one replica more than it has: writes fail with NOREPLICAS, reads go on."]

    def during(self) -> dict[str, str]:
        with Redis.of(self.order.target) as redis:
            there = int(redis.info("replication").get("connected_slaves", "0"))
            lag = redis.settings("min-replicas-max-lag")["min-replicas-max-lag"]
        wanted = {"min-replicas-to-write": str(there + 1)}
        return wanted if lag != "0" else {"min-replicas-max-lag": "10"} | wanted
