"""Pings, the trickle and the health that pings tell."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from incidentops_worker import health, trickle
from incidentops_worker.amqp import AmqpError, Delivery
from incidentops_worker.dependency import Dependency
from incidentops_worker.desk import ping_id
from incidentops_worker.health import Health
from incidentops_worker.job import parse
from incidentops_worker.metrics import Metrics
from incidentops_worker.trickle import IN_FLIGHT_LIMIT, Trickle


def run(test: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(5):
            await test()

    asyncio.run(bounded())


@pytest.mark.parametrize(
    ("body", "reply_to", "identifier"),
    [
        (b'{"id": "a"}', "amq.rabbitmq.reply-to.x", "a"),
        (b'{"id": "a"}', None, None),
        (b'{"id": "a"}', "", None),
        (b'{"id": 7}', "q", None),
        (b"[]", "q", None),
        (b"no json", "q", None),
        (b"[" * 4000, "q", None),
        (b'{"id": "' + b"a" * 5000 + b'"}', "q", None),
    ],
)
def test_a_ping_is_answered_only_when_it_asks_for_an_answer(
    body: bytes, reply_to: str | None, identifier: str | None
) -> None:
    assert ping_id(Delivery(1, body, reply_to, None)) == identifier


class Publisher:
    def __init__(self) -> None:
        self.connected = True
        self.fails = False
        self.hangs = False
        self.bodies: list[bytes] = []

    async def publish(self, queue: str, body: bytes, message_id: str) -> None:
        assert queue == "incidentops.jobs"
        assert str(parse(body).id) == message_id
        self.bodies.append(body)
        if self.hangs:
            await asyncio.Event().wait()
        if self.fails:
            raise AmqpError("gone")


async def trickled(publisher: Publisher, rate: float, seconds: float) -> dict[str, float]:
    metrics = Metrics()
    stopping = asyncio.Event()
    running = asyncio.ensure_future(Trickle(publisher, rate, metrics).run(stopping))
    await asyncio.sleep(seconds)
    stopping.set()
    await asyncio.wait({running}, timeout=0.1)
    running.cancel()
    return {
        outcome: metrics.registry.get_sample_value("incidentops_worker_trickle_total", {"outcome": outcome}) or 0
        for outcome in ("confirmed", "unconfirmed", "skipped")
    }


def test_the_trickle_publishes_well_formed_jobs_at_its_rate() -> None:
    async def test() -> None:
        publisher = Publisher()
        counts = await trickled(publisher, 100, 0.3)
        assert 15 <= counts["confirmed"] == len(publisher.bodies) <= 31
        assert {parse(body).kind for body in publisher.bodies} == {"echo", "order"}

    run(test)


def test_the_trickle_is_off_at_rate_0() -> None:
    async def test() -> None:
        publisher = Publisher()
        await Trickle(publisher, 0, Metrics()).run(asyncio.Event())
        assert publisher.bodies == []

    run(test)


def test_the_trickle_skips_and_counts_while_rabbitmq_is_away() -> None:
    async def test() -> None:
        publisher = Publisher()
        publisher.connected = False
        counts = await trickled(publisher, 100, 0.1)
        assert publisher.bodies == []
        assert counts["skipped"] > 0

    run(test)


def test_an_unconfirmed_job_is_counted_as_such() -> None:
    async def test() -> None:
        publisher = Publisher()
        publisher.fails = True
        counts = await trickled(publisher, 100, 0.1)
        assert counts["unconfirmed"] == len(publisher.bodies) > 0
        assert counts["confirmed"] == 0

    run(test)


def test_the_trickle_holds_a_bounded_number_of_unconfirmed_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trickle, "IN_FLIGHT_LIMIT", 5)

    async def test() -> None:
        publisher = Publisher()
        publisher.hangs = True
        counts = await trickled(publisher, 200, 0.2)
        assert len(publisher.bodies) == 5 < IN_FLIGHT_LIMIT
        assert counts["skipped"] > 0

    run(test)


def test_a_check_that_hangs_delays_the_answer_a_little_and_names_only_its_own_server(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(health, "CHECK_SECONDS", 0.05)

    async def test() -> None:
        metrics = Metrics()
        postgres, redis = Dependency("postgres", "PostgreSQL", metrics), Dependency("redis", "Redis", metrics)
        started = 0

        async def hangs() -> None:
            nonlocal started
            started += 1
            postgres.ok()
            await asyncio.Event().wait()

        async def fine() -> None:
            redis.ok()

        checks = Health({postgres: hangs, redis: fine})
        answers = await asyncio.gather(*(checks.check() for _ in range(10)))
        assert answers == [{"postgres": "PostgreSQL: no answer for 0.05 s", "redis": "ok"}] * 10
        assert started == 1, "ten askers share one check"
        await checks.close()

    run(test)


def test_a_dependency_says_once_what_changed(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    dependency = Dependency("redis", "Redis", Metrics())
    assert dependency.status != "ok"
    for act in (dependency.ok, dependency.ok, lambda: dependency.failed("refused"), lambda: dependency.failed("late")):
        act()
    assert dependency.status == "Redis: late"
    dependency.ok()
    assert [record.message.partition(",")[0] for record in caplog.records] == [
        "Redis answers.",
        "Redis is away: refused. Trying until it is back.",
        "Redis answers again",
    ]
