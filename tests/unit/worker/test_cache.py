"""Prices come through Redis when it is there and right, and from PostgreSQL when not: a fake server speaks RESP."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from incidentops_worker.cache import Prices
from incidentops_worker.dependency import Dependency
from incidentops_worker.metrics import Metrics


class FakeRedis:
    """Keeps strings. `mood` says how it treats a command: answers, is silent, or hangs up."""

    def __init__(self) -> None:
        self.kept: dict[bytes, bytes] = {}
        self.expiries: list[bytes] = []
        self.mood = "answers"
        self.commands = 0
        self.port = 0

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                words = []
                for _ in range(int(line[1:])):
                    length = int((await reader.readline())[1:])
                    words.append((await reader.readexactly(length + 2))[:-2])
                if self.mood == "answers":
                    writer.write(self.answer(words))
                elif self.mood == "hangs up":
                    break
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    def answer(self, words: list[bytes]) -> bytes:
        self.commands += words[0] in {b"GET", b"SET"}
        if words[0] == b"GET":
            value = self.kept.get(words[1])
            return b"$-1\r\n" if value is None else b"$%d\r\n%b\r\n" % (len(value), value)
        if words[0] == b"SET":
            self.kept[words[1]] = words[2]
            self.expiries.append(words[4])
        return b"+OK\r\n"

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        server = await asyncio.start_server(self.connected, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield
        finally:
            server.close()


class Source:
    def __init__(self) -> None:
        self.asked = 0

    async def price(self, item: str) -> int | None:
        self.asked += 1
        return 12 if item == "bolt" else None


class Shop:
    def __init__(self, port: int) -> None:
        self.metrics = Metrics()
        self.source = Source()
        self.dependency = Dependency("redis", "Redis", self.metrics)
        self.prices = Prices(f"redis://127.0.0.1:{port}/0", 0.1, 60, self.source, self.dependency, self.metrics)

    def lookups(self, outcome: str) -> float | None:
        return self.metrics.registry.get_sample_value("incidentops_worker_cache_lookups_total", {"outcome": outcome})


def run(test: Callable[[FakeRedis, Shop], Awaitable[None]]) -> None:
    async def bounded() -> None:
        fake = FakeRedis()
        async with asyncio.timeout(5), fake.serving():
            shop = Shop(fake.port)
            await test(fake, shop)
            await shop.prices.close()
            await asyncio.sleep(0.01)  # the fake server's side of the connections ends

    asyncio.run(bounded())


def test_a_price_is_read_through_and_kept_for_its_time() -> None:
    async def test(fake: FakeRedis, shop: Shop) -> None:
        assert [await shop.prices.price("bolt") for _ in range(3)] == [12, 12, 12]
        assert (shop.source.asked, shop.lookups("hit"), shop.lookups("miss")) == (1, 2, 1)
        assert (fake.kept, fake.expiries) == ({b"incidentops:price:bolt": b"12"}, [b"60"])

    run(test)


def test_what_has_no_price_is_asked_for_each_time() -> None:
    async def test(fake: FakeRedis, shop: Shop) -> None:
        assert [await shop.prices.price("unobtainium") for _ in range(2)] == [None, None]
        assert (shop.source.asked, fake.kept) == (2, {})

    run(test)


@pytest.mark.parametrize("rubbish", [b"", b"-5", b"12.5", b"twelve", b"9" * 40, b"\xff"])
def test_rubbish_in_the_cache_is_replaced(rubbish: bytes) -> None:
    async def test(fake: FakeRedis, shop: Shop) -> None:
        fake.kept[b"incidentops:price:bolt"] = rubbish
        assert await shop.prices.price("bolt") == 12
        assert fake.kept[b"incidentops:price:bolt"] == b"12"

    run(test)


@pytest.mark.parametrize("mood", ["is silent", "hangs up"])
def test_a_sick_redis_delays_one_lookup_and_not_every_one(mood: str) -> None:
    async def test(fake: FakeRedis, shop: Shop) -> None:
        fake.mood = mood
        began = asyncio.get_running_loop().time()
        assert [await shop.prices.price("bolt") for _ in range(20)] == [12] * 20
        assert asyncio.get_running_loop().time() - began < 1
        assert (shop.source.asked, shop.lookups("away")) == (20, 20)
        assert shop.dependency.status != "ok"

    run(test)


def test_a_redis_that_is_back_is_used_again() -> None:
    async def test(fake: FakeRedis, shop: Shop) -> None:
        fake.mood = "hangs up"
        await shop.prices.price("bolt")
        fake.mood = "answers"
        await shop.prices.check()
        assert shop.dependency.status == "ok"
        assert [await shop.prices.price("bolt") for _ in range(2)] == [12, 12]
        assert shop.lookups("hit") == 1

    run(test)


def test_no_redis_at_all() -> None:
    async def test(_fake: FakeRedis, _shop: Shop) -> None:
        shop = Shop(1)
        assert await shop.prices.price("bolt") == 12
        assert "Redis" in shop.dependency.status

    run(test)
