"""redis-memory: Redis has reached the limit of its memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from incidentops_agent.parameters import Parameter

from ..resp import Redis
from .redis_refuses import RedisRefuses

if TYPE_CHECKING:
    from typing import ClassVar

KEEPS = "noeviction"


class RedisMemory(RedisRefuses):
    kind = "redis-memory"
    title = "Redis: out of memory"
    summary = "maxmemory is below what Redis uses: writes fail with OOM, or with another policy keys are evicted."
    names = ("maxmemory", "maxmemory-policy")
    refusal = "OOM"
    parameters: ClassVar = (
        Parameter("limit", "integer", "maxmemory", 100, "kB", 1, 1_000_000_000),
        Parameter(
            "policy",
            "choice",
            "what Redis does then; all but noeviction LOSE DATA: keys that are evicted do not come back",
            KEEPS,
            choices=(KEEPS, "allkeys-lru", "allkeys-random", "volatile-lru"),
        ),
    )

    def check(self) -> str:
        if why := super().check():
            return why
        with Redis.of(self.order.target) as redis:
            used = int(redis.info("memory")["used_memory"])
        limit = self.number("limit")
        return f"Redis uses {used // 1000} kB only, not more than {limit:g} kB" if used <= limit * 1000 else ""

    def preview(self) -> list[str]:
        found = [f"maxmemory of Redis becomes {self.number('limit'):g} kB."]
        if self.text("policy") == KEEPS:
            return [*found, "Writes that need memory fail with OOM; reads go on, and no key is lost."]
        return [*found, f"Keys are evicted ({self.text('policy')}) and LOST: undoing does not bring them back."]

    def during(self) -> dict[str, str]:
        # the policy first: without it the limit alone could evict by the old one
        return {"maxmemory-policy": self.text("policy"), "maxmemory": str(int(self.number("limit")) * 1000)}

    def verify(self) -> str:
        if self.text("policy") == KEEPS:
            return super().verify()
        with Redis.of(self.order.target) as redis:
            about = redis.info("memory")
        wanted = (str(int(self.number("limit")) * 1000), self.text("policy"))
        found = (about.get("maxmemory"), about.get("maxmemory_policy"))
        return "" if found == wanted else f"Redis has {found[0]} bytes with {found[1]}"
