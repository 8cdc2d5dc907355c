"""The worker's second connection: answers pings, publishes what the worker itself sends, counts the backlog.

It is apart from the jobs' connection because RabbitMQ, short of memory or disk, stops reading from connections that
publish: the acknowledgements of jobs must still get through then.
"""

import asyncio
import json
import uuid
from collections.abc import Awaitable, Callable

from incidentops_worker import queues
from incidentops_worker.amqp import AmqpError, Channel, Delivery, Session
from incidentops_worker.link import Link, pause
from incidentops_worker.metrics import Metrics

_PINGS_AT_ONCE = 16
_BACKLOG_SECONDS = 5.0

Check = Callable[[], Awaitable[dict[str, str]]]


class Desk:
    """What the connection is used for; the connection itself comes and goes."""

    def __init__(self, check: Check, metrics: Metrics) -> None:
        """`check` tells how the worker's servers are; it is asked once per ping and must have a deadline."""
        self._check = check
        self._metrics = metrics
        self._publisher: Channel | None = None

    async def serve(self, session: Session, link: Link, stopping: asyncio.Event) -> None:
        """Work until `stopping`. Raises AmqpError when the session is lost."""
        publisher = await session.channel()
        await publisher.confirm()
        pings = await session.channel()
        await queues.declare_ping(pings)
        await queues.declare_jobs(publisher)
        answering: set[asyncio.Task[None]] = set()

        def take(ping: Delivery) -> None:
            task = asyncio.ensure_future(self._answer(pings, ping))
            answering.add(task)
            task.add_done_callback(answering.discard)

        await pings.consume(queues.PING, _PINGS_AT_ONCE, take)
        link.working()
        self._publisher = publisher
        try:
            while not stopping.is_set():
                if session.blocked is None:
                    self._metrics.backlog.set(await queues.declare_jobs(publisher))
                link.report(session.blocked)
                await pause(_BACKLOG_SECONDS, stopping, session.lost)
                if session.lost.done():
                    raise AmqpError(session.lost.result())
        finally:
            self._publisher = None
            self._metrics.backlog.set(float("nan"))
            for task in answering:
                task.cancel()

    async def publish(self, queue: str, body: bytes, message_id: str, headers: dict[str, str] | None = None) -> None:
        """Send a message and wait for its confirmation. Raises AmqpError, at once while there is no connection."""
        if self._publisher is None:
            raise AmqpError("not connected")
        await self._publisher.publish(queue, body, message_id, headers)

    @property
    def connected(self) -> bool:
        """Whether `publish` stands a chance."""
        return self._publisher is not None and self._publisher.session.blocked is None

    async def bury(self, body: bytes, reason: str) -> None:
        """Put a message that can never be done aside, with the reason as the header `reason`. Raises AmqpError."""
        await self.publish(queues.DEAD, body, str(uuid.uuid4()), {"reason": reason[:1000]})

    async def _answer(self, channel: Channel, ping: Delivery) -> None:
        identifier = ping_id(ping)
        try:
            if identifier is None:
                self._metrics.pings.labels("malformed").inc()
            else:
                state = await self._check()
                channel.answer(ping, json.dumps({"id": identifier, "worker": "ok", **state}).encode())
                self._metrics.pings.labels("answered").inc()
            channel.ack(ping)
        except AmqpError:
            pass  # the asker has its own deadline, and the link knows


def ping_id(ping: Delivery) -> str | None:
    """The id to answer with, None when there is nobody or nothing to answer."""
    if not ping.reply_to or len(ping.body) > 4096:
        return None
    try:
        message = json.loads(ping.body)
    except (ValueError, RecursionError):
        return None
    identifier = message.get("id") if isinstance(message, dict) else None
    return identifier if isinstance(identifier, str) else None
