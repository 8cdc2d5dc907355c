"""The probes against servers that answer rightly, wrongly, in pieces, late or not at all, on real sockets.

The real servers are the system tier's; RabbitMQ and the worker are left to it altogether.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from incidentops_agent.model import ProbeOutcome, ProbeResult, ProbeSpec
from incidentops_agent.prober import ServiceProber
from samples import spec

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path


class Server:
    """Serves each connection by a script; ``connections`` counts them."""

    def __init__(self, script: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]) -> None:
        self.script = script
        self.connections = 0
        self.port = 0
        self._running: set[asyncio.Task[None]] = set()

    def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._running.add(asyncio.create_task(self._serve(reader, writer)))

    async def cut(self) -> None:
        """End all connections."""
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        self._running.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                await self.script(reader, writer)
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()


@contextlib.asynccontextmanager
async def serving(script: Any, path: Path | None = None) -> AsyncIterator[Server]:
    server = Server(script)
    if path is not None:
        listening = await asyncio.start_unix_server(server.connected, path)
    else:
        listening = await asyncio.start_server(server.connected, "127.0.0.1", 0)
        server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()
        await server.cut()


@contextlib.asynccontextmanager
async def probing(kind: str, **options: Any) -> AsyncIterator[Callable[..., Awaitable[ProbeResult]]]:
    """A function that probes once, with a deadline."""
    given: dict[str, Any] = {"host": "127.0.0.1", "port": 1, "credential": ""}
    given |= {"http": {"socket": "", "path": "/up"}, "postgres": {"user": "u", "database": "d"}}.get(kind, {})
    probed = replace(spec(), probe=ProbeSpec(kind, options={**given, **options}))
    prober = ServiceProber()
    try:
        yield lambda deadline=5.0: prober.probe(probed, deadline)
    finally:
        await prober.close()


async def never(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


async def hang_up(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await reader.read(1)


@pytest.mark.parametrize("kind", ["http", "postgres", "redis"])
async def test_nobody_listens(kind: str) -> None:
    async with serving(never) as server:
        port = server.port
    async with probing(kind, port=port) as ask:
        result = await ask()
        assert result.outcome is ProbeOutcome.FAILED
        assert "refused" in result.message or "Connect call failed" in result.message


@pytest.mark.parametrize("kind", ["http", "postgres", "redis"])
async def test_who_accepts_and_says_nothing_fails_at_the_deadline(kind: str) -> None:
    async with serving(never) as server, probing(kind, port=server.port) as ask:
        result = await ask(0.05)
        assert (result.outcome, result.message) == (ProbeOutcome.FAILED, "no answer within 0.05 s")
        assert result.latency < 1


@pytest.mark.parametrize("kind", ["http", "postgres", "redis"])
async def test_who_hangs_up_fails_with_a_sentence(kind: str) -> None:
    async with serving(hang_up) as server, probing(kind, port=server.port) as ask:
        result = await ask()
        assert result.outcome is ProbeOutcome.FAILED
        assert len(result.message) > 10


# -- Redis


async def read_commands(reader: asyncio.StreamReader) -> AsyncIterator[list[str]]:
    """RESP arrays of strings."""
    while line := await reader.readline():
        words = []
        for _ in range(int(line[1:])):
            length = int((await reader.readline())[1:])
            words.append((await reader.readexactly(length + 2))[:-2].decode())
        yield words


def redis(said: list[list[str]], password: str = "", ping: bytes = b"+PONG\r\n") -> Any:
    """A Redis that notes what it is asked, and answers byte by byte."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        trusted = not password
        async for words in read_commands(reader):
            said.append(words)
            answer = b"+OK\r\n" if words[0] != "PING" else ping
            if words[0] == "AUTH":
                trusted = words[1] == password
                answer = b"+OK\r\n" if trusted else b"-WRONGPASS invalid username-password pair\r\n"
            elif not trusted:
                answer = b"-NOAUTH Authentication required.\r\n"
            for byte in answer:
                writer.write(bytes([byte]))
                await writer.drain()

    return script


async def test_redis_answers_over_a_connection_that_is_kept() -> None:
    said: list[list[str]] = []
    async with serving(redis(said)) as server, probing("redis", port=server.port) as ask:
        for _ in range(3):
            assert (await ask()).outcome is ProbeOutcome.OK
        assert server.connections == 1
        assert said == [["CLIENT", "SETNAME", "incidentops-agent"], ["PING"], ["PING"], ["PING"]]


async def test_redis_with_a_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    (tmp_path / "right").write_text("p\u00e4ss word\n")
    (tmp_path / "wrong").write_text("guess\n")
    said: list[list[str]] = []
    async with serving(redis(said, "p\u00e4ss word")) as server:
        for credential, outcome, part in [
            ("right", ProbeOutcome.OK, ""),
            ("wrong", ProbeOutcome.UNAVAILABLE, "Redis answers but refuses the login: WRONGPASS"),
            (
                "missing",
                ProbeOutcome.UNAVAILABLE,
                "the credential 'missing' is missing; put it into /etc/credstore/missing",
            ),
            ("", ProbeOutcome.UNAVAILABLE, "Redis answers but wants a login: NOAUTH"),
        ]:
            async with probing("redis", port=server.port, credential=credential) as ask:
                result = await ask()
                assert result.outcome is outcome, result
                assert part in result.message
                assert "guess" not in result.message


@pytest.mark.parametrize(
    ("ping", "part"),
    [
        (b"-LOADING Redis is loading the dataset in memory\r\n", "PING gave 'LOADING Redis is loading"),
        (b"-MASTERDOWN Link with MASTER is down\r\n", "MASTERDOWN"),
        (b"+PONGO\r\n", "PING gave '+PONGO'"),
        (b"\xff\xfe\r\n", "PING gave"),
        (b"x" * 3000 + b"\r\n", "limit"),
    ],
    ids=lambda value: str(value)[:20],
)
async def test_redis_that_says_something_else(ping: bytes, part: str) -> None:
    async with serving(redis([], ping=ping)) as server, probing("redis", port=server.port) as ask:
        result = await ask()
        assert result.outcome is ProbeOutcome.FAILED
        assert part in result.message


async def test_a_redis_that_was_restarted_is_well_at_the_first_question() -> None:
    said: list[list[str]] = []
    async with serving(redis(said)) as server, probing("redis", port=server.port) as ask:
        assert (await ask()).outcome is ProbeOutcome.OK
        await server.cut()
        assert (await ask()).outcome is ProbeOutcome.OK
        assert server.connections == 2


# -- HTTP


def http(answer: bytes) -> Any:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readuntil(b"\r\n\r\n"):
            writer.write(answer)
            await writer.drain()

    return script


def page(status: str, more: str = "", body: str = "fine") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{more}\r\n{body}".encode()


@pytest.mark.parametrize("status", ["200 OK", "204 No Content", "302 Found", "399 Odd"])
async def test_http_below_400_is_well_and_the_connection_is_kept(status: str) -> None:
    elsewhere = "Location: http://192.0.2.1/\r\n"
    body = "" if status.startswith("204") else "fine"
    async with serving(http(page(status, elsewhere, body))) as server, probing("http", port=server.port) as ask:
        for _ in range(3):
            assert (await ask()).outcome is ProbeOutcome.OK, "and nobody goes where it points to"
        assert server.connections == 1


@pytest.mark.parametrize(
    ("answer", "part"),
    [
        (page("404 Not Found"), "GET /up answered 404 Not Found"),
        (page("503 Service Unavailable"), "GET /up answered 503 Service Unavailable"),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", ""),
    ],
    ids=["404", "503", "no HTTP"],
)
async def test_http_that_is_not_well(answer: bytes, part: str) -> None:
    async with serving(http(answer)) as server, probing("http", port=server.port) as ask:
        result = await ask()
        assert result.outcome is ProbeOutcome.FAILED
        assert part in result.message


async def test_http_over_a_unix_socket(tmp_path: Path) -> None:
    async with probing("http", socket=str(tmp_path / "s")) as ask:
        assert (await ask()).outcome is ProbeOutcome.FAILED
        async with serving(http(page("200 OK")), tmp_path / "s"):
            assert (await ask()).outcome is ProbeOutcome.OK


async def test_http_without_an_end_is_not_read_for_ever() -> None:
    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n")
        while True:
            writer.write(b"x" * 65536)
            await writer.drain()

    async with serving(endless) as server, probing("http", port=server.port) as ask:
        result = await ask()
        assert result.outcome is ProbeOutcome.OK
        assert result.latency < 1


# -- PostgreSQL, as far as a login goes: https://www.postgresql.org/docs/current/protocol-message-formats.html


def refusing_postgres(code: str, sentence: str) -> Any:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            length = int.from_bytes(await reader.readexactly(4))
            request = await reader.readexactly(length - 4)
            if int.from_bytes(request[:4]) not in (80877103, 80877104):  # SSLRequest, GSSENCRequest
                break
            writer.write(b"N")
        fields = f"SFATAL\0VFATAL\0C{code}\0M{sentence}\0\0".encode()
        writer.write(b"E" + (len(fields) + 4).to_bytes(4) + fields)
        await writer.drain()

    return script


@pytest.mark.parametrize(
    ("code", "sentence", "outcome"),
    [
        ("57P03", "the database system is starting up", ProbeOutcome.FAILED),
        ("53300", "sorry, too many clients already", ProbeOutcome.FAILED),
        ("28P01", 'password authentication failed for user "u"', ProbeOutcome.UNAVAILABLE),
        ("28000", 'Peer authentication failed for user "u"', ProbeOutcome.UNAVAILABLE),
        ("28000", 'role "u" does not exist', ProbeOutcome.UNAVAILABLE),
        ("3D000", 'database "d" does not exist', ProbeOutcome.UNAVAILABLE),
        ("28000", 'no pg_hba.conf entry for host "127.0.0.1"', ProbeOutcome.UNAVAILABLE),
    ],
)
async def test_postgresql_that_refuses_us_is_told_from_one_that_does_not_work(
    code: str, sentence: str, outcome: ProbeOutcome
) -> None:
    async with serving(refusing_postgres(code, sentence)) as server, probing("postgres", port=server.port) as ask:
        result = await ask()
        assert result.outcome is outcome
        assert sentence in result.message
