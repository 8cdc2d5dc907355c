"""The worker's little HTTP server: its metrics."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from incidentops_worker import metrics
from prometheus_client import generate_latest


def run(test: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(5):
            await test()

    asyncio.run(bounded())


async def exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> tuple[bytes, bytes]:
    """The head and the body of the answer, both empty when the server hangs up without one."""
    try:
        writer.write(request)
        answer = await reader.read()
    except ConnectionError:
        answer = b""
    writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    return head, body


@pytest.mark.parametrize(
    ("request_head", "status"),
    [
        (b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", b"200"),
        (b"GET /metrics?name=x HTTP/1.1\r\n\r\n", b"200"),
        (b"POST /metrics HTTP/1.1\r\n\r\n", b"405"),
        (b"GET /other HTTP/1.1\r\n\r\n", b"404"),
    ],
)
def test_metrics_are_served(request_head: bytes, status: bytes) -> None:
    async def test() -> None:
        server = await metrics.serve(metrics.Metrics(), ("127.0.0.1", 0))
        host, port = server.sockets[0].getsockname()
        head, body = await exchange(*await asyncio.open_connection(host, port), request_head)
        assert head.split()[1] == status
        assert (b"incidentops_worker_backlog NaN" in body) is (status == b"200")
        server.close()

    run(test)


def test_metrics_let_a_slow_client_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "CLIENT_SECONDS", 0.1)

    async def test() -> None:
        server = await metrics.serve(metrics.Metrics(), ("127.0.0.1", 0))
        host, port = server.sockets[0].getsockname()
        assert await exchange(*await asyncio.open_connection(host, port), b"GET /metrics") == (b"", b"")
        server.close()

    run(test)


def test_metrics_are_complete_from_the_start_and_named_by_the_rules() -> None:
    text = generate_latest(metrics.Metrics().registry).decode()
    names = {line.split()[2]: line.split()[3] for line in text.splitlines() if line.startswith("# TYPE")}
    assert all(name.startswith("incidentops_worker_") for name in names)
    assert all(name.endswith("_total") == (kind == "counter") for name, kind in names.items())
    assert "_created" not in text
    assert 'incidentops_worker_jobs_total{outcome="dead"} 0.0' in text
    assert 'incidentops_worker_reconnects_total{dependency="rabbitmq"} 0.0' in text
