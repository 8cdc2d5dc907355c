"""The worker's numbers for Prometheus, and the small HTTP server that shows them."""

import asyncio
import contextlib
from collections.abc import Sequence

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)

DEPENDENCIES = ("postgres", "redis", "rabbitmq")
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
# A scrape takes milliseconds. A client that needs longer to ask, or to take the answer, is let go.
CLIENT_SECONDS = 3.0
_PREFIX = "incidentops_worker"
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)


class Metrics:
    """Every series of the worker, in a registry of its own."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        self.jobs = self._counter(
            "jobs",
            "Deliveries of jobs by outcome: recorded, duplicate (was recorded before), dead (can never be done).",
            "outcome",
            ("recorded", "duplicate", "dead"),
        )
        self.duration = self._histogram(
            "job_duration_seconds",
            "Time from taking a job in hand until it was recorded or buried, waits for servers included.",
        )
        self.latency = self._histogram(
            "job_latency_seconds", "Time from a job's creation, by its sender's clock, until it was recorded."
        )
        self.in_hand = self._gauge("jobs_in_hand", "Jobs delivered to the worker and not yet acknowledged.")
        self.backlog = self._gauge("backlog", "Jobs ready in the queue; NaN while RabbitMQ is away.")
        self.backlog.set(float("nan"))
        self.pings = self._counter(
            "pings", "Ping jobs by outcome: answered, malformed.", "outcome", ("answered", "malformed")
        )
        self.cache = self._counter(
            "cache_lookups",
            "Price lookups in Redis by outcome: hit, miss, away (went straight to PostgreSQL).",
            "outcome",
            ("hit", "miss", "away"),
        )
        self.trickle = self._counter(
            "trickle",
            "Jobs of the built-in producer: confirmed, unconfirmed (may have arrived or not), skipped (never sent).",
            "outcome",
            ("confirmed", "unconfirmed", "skipped"),
        )
        self.up = self._gauge("dependency_up", "1 while the server answers the worker.", ["dependency"])
        for dependency in DEPENDENCIES:
            self.up.labels(dependency)
        self.reconnects = self._counter(
            "reconnects", "Connections established again after a loss.", "dependency", DEPENDENCIES
        )

    def _counter(self, name: str, meaning: str, label: str, values: tuple[str, ...]) -> Counter:
        """A counter whose series are all there, at 0, before anything is counted."""
        counter = Counter(f"{_PREFIX}_{name}_total", meaning, [label], registry=self.registry)
        for value in values:
            counter.labels(value)
        return counter

    def _gauge(self, name: str, meaning: str, labels: Sequence[str] = ()) -> Gauge:
        return Gauge(f"{_PREFIX}_{name}", meaning, labels, registry=self.registry)

    def _histogram(self, name: str, meaning: str) -> Histogram:
        return Histogram(f"{_PREFIX}_{name}", meaning, buckets=_BUCKETS, registry=self.registry)


async def serve(metrics: Metrics, address: tuple[str, int]) -> asyncio.Server:
    """Answer `GET /metrics` at a loopback address. Raises OSError when it is taken.

    prometheus_client's own server gives each connection a thread and waits for it without end; this one cannot be held.
    """

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(CLIENT_SECONDS):
                await _answer(metrics, reader, writer)
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            writer.transport.abort()
        finally:
            writer.close()

    return await asyncio.start_server(connected, *address, limit=8192)


async def _answer(metrics: Metrics, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    request = await reader.readuntil(b"\r\n\r\n")
    method, _, rest = request.decode("latin-1").partition(" ")
    path = rest.partition(" ")[0].partition("?")[0]
    if method != "GET":
        status, kind, body = "405 Method Not Allowed", "text/plain", b"Only GET is answered here.\n"
    elif path != "/metrics":
        status, kind, body = "404 Not Found", "text/plain", b"The metrics are at /metrics.\n"
    else:
        status, kind, body = "200 OK", CONTENT_TYPE, generate_latest(metrics.registry)
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    writer.write(head.encode() + body)
    await writer.drain()
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()
