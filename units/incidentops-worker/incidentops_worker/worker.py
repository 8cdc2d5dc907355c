"""The worker put together: one event loop that everything runs in."""

import asyncio
import contextlib
import logging
import signal
import time

from incidentops_worker import metrics as metrics_module
from incidentops_worker import supervisor
from incidentops_worker.cache import Prices
from incidentops_worker.config import Config
from incidentops_worker.consumer import Consumer
from incidentops_worker.database import Database, DatabaseAwayError
from incidentops_worker.dependency import Dependency
from incidentops_worker.desk import Desk
from incidentops_worker.health import Health
from incidentops_worker.link import Link, pause
from incidentops_worker.metrics import Metrics
from incidentops_worker.store import Store
from incidentops_worker.trickle import Trickle

log = logging.getLogger(__name__)

_HEALTH_SECONDS = 2.0
_FORGET_EVERY = 3600.0


class Worker:
    """Runs until SIGTERM or SIGINT."""

    def __init__(self, config: Config, url: str) -> None:
        """`url` is RabbitMQ's, with the password."""
        self._config = config
        self.metrics = metrics = Metrics()
        postgres = Dependency("postgres", "PostgreSQL", metrics)
        redis = Dependency("redis", "Redis", metrics)
        rabbitmq = Dependency("rabbitmq", "RabbitMQ", metrics)
        self._jobs_database = Database(config.postgres_dsn, config.postgres_timeout, postgres)
        self._health_database = Database(config.postgres_dsn, _HEALTH_SECONDS, postgres)
        self._store = Store(self._jobs_database)
        self._prices = Prices(config.redis_url, config.redis_timeout, config.redis_ttl, self._store, redis, metrics)
        self._health = Health({postgres: self._check_database, redis: self._prices.check})
        self._desk = Desk(self._health.check, metrics)
        self._trickle = Trickle(self._desk, config.trickle_rate, metrics)
        # The deadlines within one step of a job add up to less than this; one that lasts longer is stuck.
        self._stuck_seconds = 60 + 8 * config.postgres_timeout + 8 * config.redis_timeout
        self._consumer = Consumer(self._store, self._prices, self._desk, metrics)
        self._jobs_link = Link(url, "incidentops-worker jobs", rabbitmq)
        self._desk_link = Link(url, "incidentops-worker desk", rabbitmq)
        # Two steps: the desk is still needed, for burying and for confirmations, while the jobs in hand are finished.
        self._stopping = asyncio.Event()
        self._finished = asyncio.Event()

    async def run(self) -> None:
        """Raises OSError when the metrics port is taken."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        server = await metrics_module.serve(self.metrics, self._config.metrics_listen)
        try:
            async with asyncio.TaskGroup() as tasks:
                support = [
                    tasks.create_task(
                        self._desk_link.keep(
                            lambda session: self._desk.serve(session, self._desk_link, self._finished), self._finished
                        )
                    ),
                    tasks.create_task(self._health.watch(self._finished)),
                    tasks.create_task(self._forget()),
                    tasks.create_task(self._show_life()),
                ]
                work = [
                    tasks.create_task(
                        self._jobs_link.keep(
                            lambda session: self._consumer.serve(
                                session, self._jobs_link, self._config.rabbitmq_prefetch, self._stopping
                            ),
                            self._stopping,
                        )
                    ),
                    tasks.create_task(self._trickle.run(self._stopping)),
                ]
                supervisor.tell("READY=1\nSTATUS=Working")
                log.info("Started.")
                await self._stopping.wait()
                supervisor.tell("STOPPING=1\nSTATUS=Finishing the jobs in hand")
                await self._finish(work, support)
        finally:
            server.close()
            await self._health.close()
            for closing in (self._jobs_database.close(), self._health_database.close(), self._prices.close()):
                await closing

    async def _finish(self, work: list[asyncio.Task[None]], support: list[asyncio.Task[None]]) -> None:
        deadline = time.monotonic() + self._config.stop_timeout
        _, unfinished = await asyncio.wait(work, timeout=self._config.stop_timeout)
        self._finished.set()
        await asyncio.wait(support, timeout=max(1.0, deadline - time.monotonic()))
        for task in (*work, *support):
            task.cancel()
        given_back = unfinished or self._consumer.gave_back
        left = "what was in hand goes back to the queue" if given_back else "nothing left in hand"
        log.info("Stopped after %d recorded jobs, %s.", self._consumer.recorded, left)

    async def _check_database(self) -> None:
        with contextlib.suppress(DatabaseAwayError):  # the dependency has been told
            await self._health_database.rows("SELECT 1")

    async def _forget(self) -> None:
        """Delete old jobs. One that is delivered again after so long a time would be recorded again, once."""
        while self._config.postgres_keep_days and not self._finished.is_set():
            with contextlib.suppress(DatabaseAwayError):
                while await self._store.forget(self._config.postgres_keep_days):
                    await pause(0.1, self._stopping)
            await pause(_FORGET_EVERY, self._finished)

    async def _show_life(self) -> None:
        """Tell systemd's watchdog that this loop turns, and that the job in hand is not stuck."""
        seconds = supervisor.watchdog_seconds()
        while seconds is not None and not self._finished.is_set():
            since = self._consumer.busy_since
            if since is None or time.monotonic() - since < self._stuck_seconds:
                supervisor.tell("WATCHDOG=1")
            await pause(seconds / 4, self._finished)
