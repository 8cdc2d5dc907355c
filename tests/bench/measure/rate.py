"""GET /services under load: wrk on loopback TCP, beside FastAPI on uvicorn that answers with the same payload."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from .figures import Goal, Row, series
from .hello import PAYLOAD, PORT
from .http import Connection

if TYPE_CHECKING:
    from collections.abc import Iterator

CYCLES, SECONDS = 6, 3.0
AGENT = "http://127.0.0.1:8000/services"
FASTAPI, READY_MADE = "FastAPI hello", "FastAPI, bytes made before"
CONTENDERS = {"ours": AGENT, FASTAPI: f"http://127.0.0.1:{PORT}/hello", READY_MADE: f"http://127.0.0.1:{PORT}/bytes"}
_SCALES = {"us": 1e-3, "ms": 1.0, "s": 1e3}


def prepare_payload() -> None:
    """Let the peer serve what the agent says of its services now."""
    with Connection() as agent:
        _, services = agent.request("GET", "/services")
    PAYLOAD.write_text(json.dumps(services))


@contextlib.contextmanager
def hello_server() -> Iterator[subprocess.Popen[bytes]]:
    prepare_payload()
    with subprocess.Popen([sys.executable, "-m", "measure.hello"], cwd=Path(__file__).parent.parent) as server:
        try:
            until = time.monotonic() + 20.0
            while True:
                try:
                    socket.create_connection(("127.0.0.1", PORT)).close()
                    break
                except ConnectionRefusedError:
                    if time.monotonic() > until:
                        raise
                    time.sleep(0.05)
            yield server
        finally:
            server.terminate()


def load(url: str, connections: int, seconds: float) -> tuple[float, float]:
    """Requests per second, and the p99 of their latency in ms, of one run of wrk.

    Raises:
        RuntimeError: wrk saw an error, or its output is not understood.
    """
    command = ["wrk", "--threads", "1", "--connections", str(connections), "--duration", f"{max(int(seconds), 1)}s"]
    said = subprocess.run([*command, "--latency", url], check=True, capture_output=True, text=True).stdout
    rate = re.search(r"Requests/sec:\s+([\d.]+)", said)
    p99 = re.search(r"99%\s+([\d.]+)(us|ms|s)", said)
    if rate is None or p99 is None or "Non-2xx" in said or "Socket errors" in said:
        raise RuntimeError(f"wrk said of {url}:\n{said}")
    return float(rate[1]), float(p99[1]) * _SCALES[p99[2]]


def measure(scale: float) -> list[Row]:
    rows = []
    with hello_server():
        for connections in (1, 16):
            rates: dict[str, list[float]] = {who: [] for who in CONTENDERS}
            tails: dict[str, list[float]] = {who: [] for who in CONTENDERS}
            for _ in range(CYCLES):
                for who, url in CONTENDERS.items():
                    rate, p99 = load(url, connections, SECONDS * scale)
                    rates[who].append(rate)
                    tails[who].append(p99)
            named = f"{connections} connection{'s' if connections > 1 else ''}"
            for what, unit, taken, goal in (
                (f"GET /services, requests on {named}", "1/s", rates, Goal(5.0, FASTAPI, at_least=True)),
                (f"GET /services, p99 latency on {named}", "ms", tails, None),
            ):
                summed = {who: series(who, samples) for who, samples in taken.items()}
                rows.append(Row(what, unit, summed["ours"], [summed[FASTAPI], summed[READY_MADE]], goal))
    return rows
