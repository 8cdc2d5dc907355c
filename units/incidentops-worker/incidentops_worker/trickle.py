"""A steady stream of jobs, so that there is traffic to look at and something to be missed."""

import asyncio
import random
import uuid
from datetime import UTC, datetime
from typing import Protocol

from incidentops_worker import queues, schema
from incidentops_worker.amqp import AmqpError
from incidentops_worker.job import Job, serialise
from incidentops_worker.link import pause
from incidentops_worker.metrics import Metrics

# Jobs sent and not yet confirmed. While RabbitMQ is slow the trickle skips jobs rather than heap them up.
IN_FLIGHT_LIMIT = 100
_ECHO_EVERY = 10


class Publisher(Protocol):
    """Takes messages to RabbitMQ."""

    @property
    def connected(self) -> bool:
        """Whether `publish` stands a chance."""

    async def publish(self, queue: str, body: bytes, message_id: str) -> None:
        """Returns when the message is confirmed. Raises AmqpError."""


class Trickle:
    """Publishes `rate` jobs a second. A job whose time comes while RabbitMQ is away is skipped, never made up for."""

    def __init__(self, publisher: Publisher, rate: float, metrics: Metrics) -> None:
        self._publisher = publisher
        self._rate = rate
        self._metrics = metrics
        self._draw = random.Random()  # noqa: S311 - what is ordered is no secret
        self._count = 0
        self._in_flight: set[asyncio.Task[None]] = set()

    async def run(self, stopping: asyncio.Event) -> None:
        """Publish until `stopping`, then wait for the confirmations that are still due."""
        if not self._rate:
            return
        loop = asyncio.get_running_loop()
        due = loop.time()
        while not stopping.is_set():
            # After a pause of the whole machine the stream goes on; it does not catch up in one burst.
            due = max(due + 1 / self._rate, loop.time() - 1)
            await pause(max(0.0, due - loop.time()), stopping)
            if not stopping.is_set():
                self._send()
        if self._in_flight:
            await asyncio.wait(self._in_flight)

    def _send(self) -> None:
        if not self._publisher.connected or len(self._in_flight) >= IN_FLIGHT_LIMIT:
            self._metrics.trickle.labels("skipped").inc()
            return
        task = asyncio.ensure_future(self._publish(self._job()))
        self._in_flight.add(task)
        task.add_done_callback(self._in_flight.discard)

    async def _publish(self, job: Job) -> None:
        try:
            await self._publisher.publish(queues.JOBS, serialise(job), str(job.id))
        except AmqpError:
            self._metrics.trickle.labels("unconfirmed").inc()
        else:
            self._metrics.trickle.labels("confirmed").inc()

    def _job(self) -> Job:
        self._count += 1
        if self._count % _ECHO_EVERY == 0:
            return Job(uuid.uuid4(), "echo", {"text": f"trickle {self._count}"}, datetime.now(UTC))
        order = {"item": self._draw.choice(list(schema.FIRST_PRICES)), "quantity": self._draw.randint(1, 20)}
        return Job(uuid.uuid4(), "order", order, datetime.now(UTC))
