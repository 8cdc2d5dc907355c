"""Asks PostgreSQL and Redis how they are: for every ping, and now and then so that the metrics tell the truth."""

import asyncio
from collections.abc import Awaitable, Callable

from incidentops_worker.backoff import Backoff
from incidentops_worker.dependency import Dependency
from incidentops_worker.link import pause

# A ping is answered within this time whatever the servers do.
CHECK_SECONDS = 1.0
_IDLE_SECONDS = 5.0

Check = Callable[[], Awaitable[None]]


class Health:
    """One check of each server at a time: whoever asks meanwhile gets its result too."""

    def __init__(self, checks: dict[Dependency, Check]) -> None:
        """Each check has a deadline, raises nothing, and tells the dependency what it found.

        It must not wait for a job: its connection is its own.
        """
        self._checks = checks
        self._running: dict[Dependency, asyncio.Task[None]] = {}

    async def check(self) -> dict[str, str]:
        """ "ok" or a sentence for each server, after at most CHECK_SECONDS."""
        for dependency, check in self._checks.items():
            running = self._running.get(dependency)
            if running is None or running.done():
                self._running[dependency] = asyncio.ensure_future(_run(check))
        await asyncio.wait(self._running.values(), timeout=CHECK_SECONDS)
        return {dependency.name: self._status(dependency) for dependency in self._checks}

    async def watch(self, stopping: asyncio.Event) -> None:
        """Check until `stopping`: every few seconds while all is well, sooner while something is away."""
        backoff = Backoff()
        while not stopping.is_set():
            states = await self.check()
            if all(state == "ok" for state in states.values()):
                backoff.reset()
                await pause(_IDLE_SECONDS, stopping)
            else:
                await pause(backoff.next(), stopping)

    async def close(self) -> None:
        """End the checks that still run."""
        for running in self._running.values():
            running.cancel()
        if self._running:
            await asyncio.wait(self._running.values())

    def _status(self, dependency: Dependency) -> str:
        if self._running[dependency].done() or dependency.status != "ok":
            return dependency.status
        return f"{dependency.title}: no answer for {CHECK_SECONDS:g} s"


async def _run(check: Check) -> None:
    await check()
