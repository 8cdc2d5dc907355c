"""When a message is acknowledged, and when not: the broker is faked, the consumer is real."""

import asyncio
import json
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from incidentops_worker.amqp import AmqpError, Channel, Delivery, Session
from incidentops_worker.consumer import Consumer
from incidentops_worker.database import DatabaseAwayError
from incidentops_worker.dependency import Dependency
from incidentops_worker.job import Job, PoisonError
from incidentops_worker.link import Link
from incidentops_worker.metrics import Metrics


def message(**changes: object) -> bytes:
    job = {"id": str(uuid.uuid4()), "kind": "echo", "payload": {"ok": True}, "created": "2026-11-24T10:00:00Z"}
    return json.dumps(job | changes).encode()


class FakeChannel(Channel):
    """Delivers what it was given as soon as it is consumed from."""

    def __init__(self, session: Session, bodies: list[bytes]) -> None:
        self.session = session
        self.bodies = bodies
        self.acked: list[int] = []

    async def declare(self, queue: str, durable: bool, arguments: dict[str, Any] | None = None) -> int:
        assert durable
        assert (queue, bool(arguments)) in {("incidentops.jobs", False), ("incidentops.dead", True)}
        return len(self.bodies)

    async def consume(self, queue: str, prefetch: int, take: Callable[[Delivery], None]) -> str:
        assert (queue, prefetch) == ("incidentops.jobs", 20)
        for tag, body in enumerate(self.bodies, 1):
            take(Delivery(tag, body, None, None))
        return "consumer"

    async def cancel(self, consumer: str) -> None:
        assert consumer == "consumer"

    def ack(self, delivery: Delivery) -> None:
        if self.session.lost.done():
            raise AmqpError(self.session.lost.result())
        self.acked.append(delivery.tag)


class FakeSession(Session):
    def __init__(self, bodies: list[bytes]) -> None:
        super().__init__()
        self.fake = FakeChannel(self, bodies)

    async def channel(self) -> Channel:
        return self.fake


class World:
    """PostgreSQL, prices and the morgue, as faulty as a test wants them."""

    def __init__(self) -> None:
        self.recorded: list[Job] = []
        self.buried: list[str] = []
        self.away_for = 0
        self.burying_fails_for = 0
        self.on_record: Callable[[], None] = lambda: None

    async def record(self, job: Job, price: int | None) -> bool:
        self.on_record()
        if self.away_for:
            self.away_for -= 1
            raise DatabaseAwayError("gone")
        assert job.result(price)["ok"]
        if job.payload.get("refused"):
            raise PoisonError("PostgreSQL refuses the values")
        if job.id in {known.id for known in self.recorded}:
            return False
        self.recorded.append(job)
        return True

    async def price(self, item: str) -> int | None:
        return 12 if item == "bolt" else None

    async def bury(self, body: bytes, reason: str) -> None:
        if self.burying_fails_for:
            self.burying_fails_for -= 1
            raise AmqpError("not connected")
        assert body
        self.buried.append(reason)


class Run:
    """One session's worth of consuming."""

    def __init__(self, *bodies: bytes) -> None:
        self.world = World()
        self.metrics = Metrics()
        self.stopping = asyncio.Event()
        self.session = FakeSession(list(bodies))
        self.consumer = Consumer(self.world, self.world, self.world, self.metrics)
        self.link = Link("amqp://nowhere", "test", Dependency("rabbitmq", "RabbitMQ", self.metrics))

    async def serve(self) -> None:
        await self.consumer.serve(self.session, self.link, 20, self.stopping)

    async def until_stopped(self) -> None:
        """Serve until everything delivered has been tried, as SIGTERM has it."""
        serving = asyncio.ensure_future(self.serve())
        while not self.session.fake.acked or len(self.session.fake.acked) < len(self.session.fake.bodies):
            await asyncio.sleep(0)
            if serving.done():
                break
        self.stopping.set()
        await serving

    def count(self, outcome: str) -> float:
        value = self.metrics.registry.get_sample_value("incidentops_worker_jobs_total", {"outcome": outcome})
        assert value is not None
        return value


def run(test: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(5):
            await test()

    asyncio.run(bounded())


def test_a_job_is_recorded_and_then_acknowledged() -> None:
    async def test() -> None:
        one = Run(message(), message(kind="order", payload={"item": "bolt", "quantity": 2, "ok": True}))
        one.world.on_record = lambda: acked_when_recorded.append(list(one.session.fake.acked))
        acked_when_recorded: list[list[int]] = []
        await one.until_stopped()
        assert acked_when_recorded == [[], [1]]
        assert one.session.fake.acked == [1, 2]
        assert one.count("recorded") == one.consumer.recorded == 2

    run(test)


def test_a_second_delivery_is_acknowledged_and_not_recorded_again() -> None:
    async def test() -> None:
        body = message()
        one = Run(body, body)
        await one.until_stopped()
        assert (len(one.world.recorded), one.session.fake.acked) == (1, [1, 2])
        assert one.count("duplicate") == 1

    run(test)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"no json", "the message is not JSON"),
        (message(kind="unheard-of"), "kind must be"),
        (message(kind="order", payload={"item": "unobtainium", "quantity": 1}), "there is no price"),
        (message(payload={"refused": True, "ok": True}), "PostgreSQL refuses"),
    ],
    ids=["no JSON", "unknown kind", "unknown item", "refused by PostgreSQL"],
)
def test_poison_is_buried_once_and_the_next_job_is_done(body: bytes, reason: str) -> None:
    async def test() -> None:
        one = Run(body, message())
        await one.until_stopped()
        assert len(one.world.buried) == 1
        assert one.world.buried[0].startswith(reason)
        assert one.session.fake.acked == [1, 2]
        assert (one.count("dead"), one.count("recorded")) == (1, 1)

    run(test)


def test_poison_is_not_acknowledged_before_it_is_buried() -> None:
    async def test() -> None:
        one = Run(b"no json")
        one.world.burying_fails_for = 2
        await one.until_stopped()
        assert (len(one.world.buried), one.session.fake.acked) == (1, [1])

    run(test)


def test_a_job_waits_for_postgres_as_long_as_it_takes() -> None:
    async def test() -> None:
        one = Run(message())
        one.world.away_for = 3
        await one.until_stopped()
        assert (len(one.world.recorded), one.session.fake.acked) == (1, [1])

    run(test)


def test_a_job_in_hand_is_given_back_when_stopped_while_postgres_is_away() -> None:
    async def test() -> None:
        one = Run(message(), message())
        one.world.away_for = 1_000
        one.world.on_record = one.stopping.set
        await one.serve()
        assert one.session.fake.acked == []
        assert one.consumer.gave_back

    run(test)


def test_jobs_in_hand_are_finished_when_stopped() -> None:
    async def test() -> None:
        one = Run(*(message() for _ in range(20)))
        one.stopping.set()
        await one.serve()
        assert one.session.fake.acked == list(range(1, 21))
        assert not one.consumer.gave_back

    run(test)


def test_a_lost_session_ends_the_wait_for_postgres_without_acknowledging() -> None:
    async def test() -> None:
        one = Run(message())
        one.world.away_for = 1_000
        one.world.on_record = lambda: one.session.lose("reset by peer")
        with pytest.raises(AmqpError, match="reset by peer"):
            await one.serve()
        assert one.session.fake.acked == []

    run(test)


def test_a_session_lost_while_recording_leaves_the_job_to_the_next_delivery() -> None:
    async def test() -> None:
        one = Run(message())
        one.world.on_record = lambda: one.session.lose("reset by peer")
        with pytest.raises(AmqpError):
            await one.serve()
        assert (len(one.world.recorded), one.session.fake.acked) == (1, [])

    run(test)
