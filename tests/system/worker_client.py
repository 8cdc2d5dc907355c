"""Run inside the lab machine by test_worker.py: a client of the worker that prints one JSON object."""

import contextlib
import json
import socket
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pika
from pika.exceptions import AMQPError

URL = Path("/etc/credstore/incidentops.rabbitmq").read_text().strip()
METRICS = ("127.0.0.1", 8001)


def connect() -> Any:
    parameters = pika.URLParameters(URL)
    parameters.socket_timeout = parameters.stack_timeout = parameters.blocked_connection_timeout = 5
    parameters.heartbeat = 10
    return pika.BlockingConnection(parameters)


def job(identifier: uuid.UUID, kind: str, payload: dict[str, Any]) -> str:
    return json.dumps(
        {"id": str(identifier), "kind": kind, "payload": payload, "created": datetime.now(UTC).isoformat()}
    )


def send_all(bodies: list[str], rate: float) -> dict[str, Any]:
    """Send each body until it is confirmed, through as many connections as it takes."""
    channel: Any = None
    sent = confirmed = 0
    began = time.monotonic()
    while confirmed < len(bodies):
        time.sleep(max(0.0, began + confirmed / rate - time.monotonic()))
        try:
            if channel is None:
                channel = connect().channel()
                channel.confirm_delivery()
            sent += 1
            channel.basic_publish(
                "", "incidentops.jobs", bodies[confirmed], pika.BasicProperties(delivery_mode=2), mandatory=True
            )
            confirmed += 1
        except (AMQPError, OSError):
            channel = None
            time.sleep(0.1)  # between attempts to reach a broker that has been killed
    return {"confirmed": confirmed, "sent": sent}


def publish(batch: str, count: str, rate: str) -> dict[str, Any]:
    namespace = uuid.UUID(batch)
    bodies = [job(uuid.uuid5(namespace, str(n)), "echo", {"batch": batch, "n": n}) for n in range(int(count))]
    return send_all(bodies, float(rate))


def orders(batch: str, count: str) -> dict[str, Any]:
    payload = {"item": "bolt", "quantity": 2, "batch": batch}
    return send_all([job(uuid.uuid4(), "order", payload) for _ in range(int(count))], 1000)


def send(body: str) -> dict[str, Any]:
    return send_all([body], 1000)


def ping(count: str) -> dict[str, Any]:
    """The last answer and how long it took; no answer within 3 s: neither."""
    answers: dict[str, bytes] = {}
    try:
        connection = connect()
        channel = connection.channel()
        channel.basic_consume(
            "amq.rabbitmq.reply-to",
            lambda _channel, _method, properties, body: answers.update({properties.correlation_id: body}),
            auto_ack=True,
        )
        for number in range(int(count)):
            name = str(number)
            began = time.monotonic()
            properties = pika.BasicProperties(reply_to="amq.rabbitmq.reply-to", correlation_id=name)
            channel.basic_publish("", "incidentops.ping", json.dumps({"id": name}), properties)
            while name not in answers and time.monotonic() < began + 3:
                connection.process_data_events(0.1)
    except (AMQPError, OSError):
        return {}
    seconds = time.monotonic() - began
    return {"answer": json.loads(answers[name]), "seconds": seconds} if name in answers else {}


def depth() -> dict[str, Any]:
    channel = connect().channel()
    return {
        name: channel.queue_declare(f"incidentops.{name}", passive=True).method.message_count
        for name in ("jobs", "dead")
    }


def drained() -> dict[str, Any]:
    """Whether the queue has no job, neither ready nor in the worker's hands."""
    in_hand = [line for line in scrape()["text"].splitlines() if line.startswith("incidentops_worker_jobs_in_hand ")]
    return {"drained": depth()["jobs"] == 0 and in_hand == ["incidentops_worker_jobs_in_hand 0.0"]}


def reasons(count: str) -> dict[str, Any]:
    """Why the last `count` messages were put aside; they stay where they are."""
    channel = connect().channel()
    found = []
    for _ in range(depth()["dead"]):
        _method, properties, _body = channel.basic_get("incidentops.dead")
        found.append(properties.headers["reason"])
    return {"reasons": found[-int(count) :]}


def scrape() -> dict[str, Any]:
    with urllib.request.urlopen("http://{}:{}/metrics".format(*METRICS), timeout=10) as response:  # noqa: S310 - http
        return {"text": response.read().decode()}


def slow_scrape() -> dict[str, Any]:
    """How long a client that never finishes its request is kept."""
    began = time.monotonic()
    with socket.create_connection(METRICS) as line:
        line.sendall(b"GET /metrics HTTP/1.1\r\n")
        line.settimeout(20)
        with contextlib.suppress(ConnectionError):
            line.recv(1)
    return {"seconds": time.monotonic() - began}


def provision() -> dict[str, Any]:
    """Run the provisioning, looking at the command lines of all processes meanwhile."""
    password = unquote(urlsplit(URL).password or "").encode()
    began = time.monotonic()
    looks, seen, commands = 0, [], set()
    running = subprocess.Popen(["systemctl", "restart", "incidentops-setup.service"])
    while running.poll() is None:
        looks += 1
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                line = path.read_bytes()
            except OSError:
                continue
            commands.update({b"rabbitmqctl"} if b"rabbitmqctl" in line else set())
            if password in line:
                seen.append(line.decode(errors="replace"))
    return {
        "status": running.returncode,
        "seconds": time.monotonic() - began,
        "looks": looks,
        "seen": seen,
        "rabbitmqctl": bool(commands),
    }


VERBS: dict[str, Callable[..., dict[str, Any]]] = {
    "publish": publish,
    "orders": orders,
    "send": send,
    "ping": ping,
    "depth": depth,
    "drained": drained,
    "reasons": reasons,
    "provision": provision,
    "scrape": scrape,
    "slow-scrape": slow_scrape,
}

if __name__ == "__main__":
    print(json.dumps(VERBS[sys.argv[1]](*sys.argv[2:])))
