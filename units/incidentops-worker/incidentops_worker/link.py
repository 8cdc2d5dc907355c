"""Keeps a session with RabbitMQ open: opens it, has it served, and opens another when it is lost."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from incidentops_worker.amqp import AmqpError, Session
from incidentops_worker.backoff import Backoff
from incidentops_worker.dependency import Dependency


class Link:
    """One connection's worth of work, repeated until it is done."""

    def __init__(self, url: str, name: str, dependency: Dependency) -> None:
        """`name` tells this connection from the worker's other one in RabbitMQ's lists."""
        self._url = url
        self._name = name
        self._dependency = dependency
        self._backoff = Backoff()
        self._worked_before = False

    def working(self) -> None:
        """Said by whoever serves a session once everything in it is set up."""
        self._backoff.reset()
        if self._worked_before:
            self._dependency.reconnected()
        self._worked_before = True
        self._dependency.ok()

    def report(self, problem: str | None) -> None:
        """Said by whoever serves a session when the broker, though connected, does or does not do its work."""
        if problem is None:
            self._dependency.ok()
        else:
            self._dependency.failed(problem)

    async def keep(self, serve: Callable[[Session], Awaitable[None]], stopping: asyncio.Event) -> None:
        """Give `serve` one session after the other; it raises AmqpError to get another, and returns to end this."""
        while not stopping.is_set():
            try:
                session = await Session.open(self._url, self._name)
                try:
                    return await serve(session)
                finally:
                    await session.close()
            except AmqpError as error:
                self._dependency.failed(str(error))
            await pause(self._backoff.next(), stopping)
        return None


async def pause(seconds: float, *ends: asyncio.Event | asyncio.Future[str]) -> None:
    """Wait, but no longer than until one of `ends` is set or done."""
    events = [asyncio.ensure_future(end.wait()) for end in ends if isinstance(end, asyncio.Event)]
    waits: list[asyncio.Future[Any]] = [*events, *(end for end in ends if isinstance(end, asyncio.Future))]
    try:
        await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for event in events:
            event.cancel()
