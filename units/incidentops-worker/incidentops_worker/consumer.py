"""Takes jobs from the queue, has each recorded, and only then lets the broker forget it."""

import asyncio
import contextlib
import logging
import time
from datetime import UTC, datetime
from typing import Protocol

from incidentops_worker import queues
from incidentops_worker.amqp import AmqpError, Delivery, Session
from incidentops_worker.backoff import Backoff
from incidentops_worker.database import DatabaseAwayError
from incidentops_worker.job import Job, PoisonError, parse
from incidentops_worker.link import Link, pause
from incidentops_worker.metrics import Metrics

log = logging.getLogger(__name__)


class Recorder(Protocol):
    """Where jobs are recorded."""

    async def record(self, job: Job, price: int | None) -> bool:
        """True when it is now recorded, False when it was before."""


class Pricer(Protocol):
    """Where prices are looked up."""

    async def price(self, item: str) -> int | None:
        """The price in cents, None when there is none."""


class Morgue(Protocol):
    """Where messages that can never be done are put aside."""

    async def bury(self, body: bytes, reason: str) -> None:
        """Returns when the broker has taken charge of the message. Raises AmqpError."""


class Consumer:
    """One job at a time, in the order of delivery."""

    def __init__(self, recorder: Recorder, pricer: Pricer, morgue: Morgue, metrics: Metrics) -> None:
        self._recorder = recorder
        self._pricer = pricer
        self._morgue = morgue
        self._metrics = metrics
        self.recorded = 0
        # True when the worker stopped with a job in hand that could not be done then.
        self.gave_back = False
        # Monotonic time at which the last step began that has not ended yet. Every step has a deadline of its own, so
        # a step that goes on and on means that the program is stuck: the watchdog looks here.
        self.busy_since: float | None = None

    async def serve(self, session: Session, link: Link, prefetch: int, stopping: asyncio.Event) -> None:
        """Work until `stopping`, then finish what is in hand. Raises AmqpError when the session is lost."""
        in_hand: asyncio.Queue[Delivery | None] = asyncio.Queue()
        channel = await session.channel()
        await queues.declare_jobs(channel)

        def take(delivery: Delivery) -> None:
            in_hand.put_nowait(delivery)
            self._metrics.in_hand.inc()

        consumer = await channel.consume(queues.JOBS, prefetch, take)
        link.working()

        async def finish_when_stopping() -> None:
            await stopping.wait()
            with contextlib.suppress(AmqpError):  # then the session is as good as lost, and nothing comes any more
                await channel.cancel(consumer)
            in_hand.put_nowait(None)

        finishing = asyncio.ensure_future(finish_when_stopping())
        session.lost.add_done_callback(lambda _lost: in_hand.put_nowait(None))
        try:
            while (delivery := await in_hand.get()) is not None and not session.lost.done():
                if not await self._handle(delivery, session, stopping):
                    self.gave_back = True
                    return
                channel.ack(delivery)
                self._metrics.in_hand.dec()
            if session.lost.done():
                raise AmqpError(session.lost.result())
        finally:
            finishing.cancel()
            self._metrics.in_hand.set(0)

    async def _handle(self, delivery: Delivery, session: Session, stopping: asyncio.Event) -> bool:
        """Record or bury one message, however long the servers for it are away. Raises AmqpError.

        False when it cannot be done now and the worker is stopping: unacknowledged, it goes back to the queue.
        """
        began = time.monotonic()
        backoff = Backoff()
        while True:
            self.busy_since = time.monotonic()
            try:
                outcome = await self._attempt(delivery.body)
                break
            except (DatabaseAwayError, AmqpError):
                pass  # said by the dependency; the message stays in hand
            finally:
                self.busy_since = None
            await pause(backoff.next(), stopping, session.lost)
            if session.lost.done():  # the broker gives the message to somebody again
                raise AmqpError(session.lost.result())
            if stopping.is_set():
                return False
        self._metrics.jobs.labels(outcome).inc()
        self._metrics.duration.observe(time.monotonic() - began)
        return True

    async def _attempt(self, body: bytes) -> str:
        try:
            job = parse(body)
            price = await self._pricer.price(job.item) if job.item is not None else None
            if not await self._recorder.record(job, price):
                return "duplicate"
        except PoisonError as error:
            await self._morgue.bury(body, str(error))
            log.warning("A message was put into %s: %s.", queues.DEAD, error)
            return "dead"
        self.recorded += 1
        self._metrics.latency.observe(max(0.0, (datetime.now(UTC) - job.created).total_seconds()))
        return "recorded"
