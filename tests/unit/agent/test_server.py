"""The doors: what is answered, and in which order."""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from typing import TYPE_CHECKING, Any

from incidentops_agent.answers import Whole
from incidentops_agent.server import Doors

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from aiohttp import web
    from incidentops_agent.model import Peer

GET = b"GET /services HTTP/1.1\r\nHost: localhost\r\n\r\n"


class CountingApi:
    """An API that counts what it is asked."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()

    async def answer(self, request: web.BaseRequest, _peer: Peer, _port: int | None) -> web.StreamResponse:
        body = await request.read()
        self.asked[f"{request.method} {request.path}"] += 1
        return Whole(b"judged " + body, 403 if "Origin" in request.headers else 200)

    def end_streams(self) -> None:
        """There are none."""


class Client:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self) -> tuple[str, bytes]:
        """Status line and body of the next answer."""
        head = (await asyncio.wait_for(self._reader.readuntil(b"\r\n\r\n"), 5)).decode()
        length = int(head.lower().partition("content-length: ")[2].partition("\r\n")[0])
        return head.partition("\r\n")[0], await self._reader.readexactly(length)

    async def ask(self, data: bytes) -> tuple[str, bytes]:
        await self.send(data)
        return await self.answer()


async def turns() -> None:
    """Let the server take what was sent so far, so that the rest comes apart from it."""
    for _ in range(50):
        await asyncio.sleep(0)


def talk(folder: Path, scenario: Callable[[CountingApi, Client], Awaitable[None]]) -> None:
    async def run() -> None:
        listening = socket.socket(socket.AF_UNIX)
        listening.bind(str(folder / "s"))
        listening.listen()
        api: Any = CountingApi()
        doors = Doors(api, [listening])
        await doors.open()
        client = Client(*await asyncio.open_unix_connection(str(folder / "s")))
        try:
            await scenario(api, client)
        finally:
            client.writer.close()
            await client.writer.wait_closed()
            await doors.close()

    asyncio.run(run())


def test_a_body_that_looks_like_a_request_is_a_body(tmp_path: Path) -> None:
    async def scenario(_api: CountingApi, client: Client) -> None:
        await client.ask(GET)
        post = b"POST /services HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(GET)
        await client.send(post)
        await turns()
        assert await client.ask(GET) == ("HTTP/1.1 200 OK", b"judged " + GET)
        assert await client.ask(GET) == ("HTTP/1.1 200 OK", b"judged ")

    talk(tmp_path, scenario)


def test_the_end_of_a_request_alone_is_no_request(tmp_path: Path) -> None:
    async def scenario(api: CountingApi, client: Client) -> None:
        await client.send(GET[:30])
        await turns()
        await client.ask(GET[30:])
        await client.ask(GET)
        await client.ask(GET)
        assert api.asked == {"GET /services": 3}

    talk(tmp_path, scenario)


def test_requests_sent_at_once_are_answered_in_order(tmp_path: Path) -> None:
    async def scenario(_api: CountingApi, client: Client) -> None:
        await client.ask(GET)
        system = GET.replace(b"/services", b"/system")
        await client.send(system + GET + system)
        await client.send(GET)
        assert [(await client.answer())[1] for _ in range(4)] == [b"judged "] * 4

    talk(tmp_path, scenario)


def test_an_old_client_is_answered_in_its_version_and_let_go(tmp_path: Path) -> None:
    async def scenario(_api: CountingApi, client: Client) -> None:
        assert await client.ask(GET.replace(b"1.1", b"1.0")) == ("HTTP/1.0 200 OK", b"judged ")

    talk(tmp_path, scenario)
