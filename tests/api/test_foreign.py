"""What a web page could send is refused at every door, and what is not plain HTTP/1.1 never reaches a handler."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from api.agent import running
from api.http11 import host_of

if TYPE_CHECKING:
    from pathlib import Path

DOORS = pytest.mark.parametrize("door", ["unix", "tcp", "tcp6"])
ASKED = pytest.mark.parametrize(("method", "path"), [("POST", "/stop/redis"), ("GET", "/services"), ("GET", "/events")])


@DOORS
@ASKED
@pytest.mark.parametrize(
    "headers",
    [
        *("Origin: http://localhost:8000", "Origin: null", "Referer: http://127.0.0.1/", "Sec-Fetch-Site: same-origin"),
        *("sec-fetch-site: cross-site", "ORIGIN: x", "Host: localhost", "Host: evil.example"),
    ],
)
async def test_a_header_that_only_pages_send(tmp_path: Path, door: str, method: str, path: str, headers: str) -> None:
    async with running(tmp_path) as agent:
        host = host_of(agent.doors[door])
        answer = await agent.raw(f"{method} {path} HTTP/1.1\r\nHost: {host}\r\n{headers}\r\n\r\n".encode(), door)
        assert (answer.status, answer.json()["kind"]) == (403, "foreign")
        assert answer.json()["message"].startswith("cannot answer: ")
        assert not any(name.startswith("access-control") for name in answer.headers)
        assert agent.systemd.log == []


FOREIGN = ["evil.example", "localhost.evil.example:{port}", "", "[::2]:{port}"]
WRONG_PORT = ["127.0.0.1:{other}", "localhost", "localhost:" + "9" * 5000]


@pytest.mark.parametrize(
    ("door", "host"),
    [
        *((door, host) for door in ("unix", "tcp", "tcp6") for host in FOREIGN),
        *((door, host) for door in ("tcp", "tcp6") for host in WRONG_PORT),
    ],
    ids=lambda value: value[:30],
)
async def test_a_host_that_is_not_ours(tmp_path: Path, door: str, host: str) -> None:
    async with running(tmp_path) as agent:
        where = agent.doors[door]
        port = where[1] if isinstance(where, tuple) else 80
        given = host.format(port=port, other=port + 1)
        answer = await agent.raw(f"POST /stop/redis HTTP/1.1\r\nHost: {given}\r\n\r\n".encode(), door)
        assert (answer.status, answer.json()["kind"]) == (403, "foreign")
        assert agent.systemd.log == []


async def test_a_forwarder_may_bring_any_port_to_the_unix_socket(tmp_path: Path) -> None:
    async with running(tmp_path) as agent:
        answer = await agent.raw(b"GET /services HTTP/1.1\r\nHost: localhost:8123\r\n\r\n")
        assert answer.status == 200


@DOORS
@pytest.mark.parametrize("version", ["1.1", "1.0"])
async def test_no_host_at_all(tmp_path: Path, door: str, version: str) -> None:
    async with running(tmp_path) as agent:
        answer = await agent.raw(f"POST /stop/redis HTTP/{version}\r\n\r\n".encode(), door)
        assert (answer.status, answer.json()["kind"]) == (403, "foreign")


async def test_the_port_of_the_other_family_is_another_door(tmp_path: Path) -> None:
    async with running(tmp_path) as agent:
        other = agent.doors["tcp6"][1]
        answer = await agent.raw(f"GET /services HTTP/1.1\r\nHost: localhost:{other}\r\n\r\n".encode(), "tcp")
        assert answer.status == 403
        assert f"names another port than {agent.doors['tcp'][1]}" in answer.json()["message"]


@pytest.mark.parametrize(
    "target",
    [
        *("http://localhost/stop/redis", "http://evil.example/stop/redis", "HTTP://localhost/stop/redis", "*"),
        *("//localhost/stop/redis", "localhost/stop/redis"),
    ],
)
async def test_a_target_that_is_not_a_path(tmp_path: Path, target: str) -> None:
    async with running(tmp_path) as agent:
        answer = await agent.raw(f"POST {target} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        assert answer.status in (400, 404)
        assert answer.json()["kind"] in ("malformed", "not-found")
        assert agent.systemd.log == []


@pytest.mark.parametrize(
    "raw",
    [
        b"POST /stop/redis HTTP/1.1\r\nHost: localhost\r\nno colon\r\n\r\n",
        b"POST /stop/redis HTTP/1.1\r\nHost: localhost\r\n folded\r\n\r\n",
        b"POST /stop/redis HTTP/1.1\r\nHost : localhost\r\n\r\n",
        b"POST /stop/redis HTTP/1.1\r\nHost: localhost\r\nX: a\0b\r\n\r\n",
        b"POST /stop/redis HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
        b"POST /stop/redis HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        b"POST /stop/redis HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\nxx",
        b"POST /stop/redis HTTP/1.1\r\nHost: localhost\r\nLong: " + b"x" * 9000 + b"\r\n\r\n",
        b"POST /stop/redis HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
        b"POST /stop/redis HTTP/2.0\r\nHost: localhost\r\n\r\n",
        b"POST /stop/" + b"r" * 9000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"POST /stop/redis\r\nHost: localhost\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\xaa" * 200 + b"\r\n\r\n",
    ],
    ids=lambda raw: repr(raw)[-40:],
)
async def test_what_is_malformed_is_refused_in_our_words(tmp_path: Path, raw: bytes) -> None:
    async with running(tmp_path) as agent:
        answer = await agent.raw(raw)
        assert answer.status in (400, 404)
        found = answer.json()
        assert found["kind"] in ("malformed", "unknown-service")
        assert found["message"].startswith("cannot ")
        assert "aiohttp" not in json.dumps([answer.headers, found])
        assert "Traceback" not in found["message"]
        assert agent.systemd.log == []


async def test_two_commands_in_one_packet_are_two_commands_in_order(tmp_path: Path) -> None:
    async with running(tmp_path) as agent, agent.connected() as connection:
        one = b"POST /stop/redis HTTP/1.1\r\nHost: localhost\r\n\r\n"
        connection.send(one + one.replace(b"stop", b"start"))
        assert (await connection.answer()).json()["status"] == "down"
        assert (await connection.answer()).json()["status"] == "up"


async def test_a_request_that_comes_byte_by_byte(tmp_path: Path) -> None:
    async with running(tmp_path) as agent, agent.connected() as connection:
        for byte in b"GET /services HTTP/1.1\r\nHost: localhost\r\n\r\n" * 2:
            connection.send(bytes([byte]))
            await connection.writer.drain()
        for _ in range(2):
            assert (await connection.answer()).json()["redis"]["status"] == "up"


async def test_a_body_is_taken_and_changes_nothing(tmp_path: Path) -> None:
    async with running(tmp_path) as agent, agent.connected() as connection:
        body = json.dumps({"service": "postgres"}).encode()
        head = f"POST /stop/redis HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        connection.send(head + body)
        assert (await connection.answer()).json()["service"] == "redis"
        connection.send(
            b"POST /start/redis HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
        )
        assert (await connection.answer()).json()["status"] == "up"
        connection.send(b"GET /services HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert (await connection.answer()).status == 200


async def test_requests_can_not_pile_up_behind_a_stream(tmp_path: Path) -> None:
    async with running(tmp_path) as agent, agent.events() as events:
        assert (await events.next())[0] == "snapshot"
        events.connection.send(b"GET /services HTTP/1.1\r\nHost: localhost\r\n\r\n" * 1000)
        assert await events.connection.is_closed()


@DOORS
async def test_an_asked_for_close_is_kept(tmp_path: Path, door: str) -> None:
    async with running(tmp_path) as agent, agent.connected(door) as connection:
        host = host_of(agent.doors[door])
        connection.send(f"GET /services HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        answer = await connection.answer()
        assert answer.headers["connection"] == "close"
        assert await connection.is_closed()


async def test_http_1_0_closes_unless_told_otherwise(tmp_path: Path) -> None:
    async with running(tmp_path) as agent:
        async with agent.connected() as connection:
            connection.send(b"GET /services HTTP/1.0\r\nHost: localhost\r\n\r\n")
            assert (await connection.answer()).status == 200
            assert await connection.is_closed()
        async with agent.connected() as connection:
            for _ in range(2):
                connection.send(b"GET /services HTTP/1.0\r\nHost: localhost\r\nConnection: keep-alive\r\n\r\n")
                assert (await connection.answer()).headers["connection"] == "keep-alive"
