"""A ping job through RabbitMQ to the worker and back."""

from __future__ import annotations

import json
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import pika

from .figures import Row, series
from .http import Connection

if TYPE_CHECKING:
    from pika.adapters.blocking_connection import BlockingChannel

ROUNDS = 300
CREDENTIAL = Path("/etc/credstore/incidentops.rabbitmq")
REPLY_TO = "amq.rabbitmq.reply-to"
MIRROR_QUEUE = "incidentops.bench"
DIRECT, MIRROR = "pika, without the agent", "RabbitMQ alone, to itself and back"


def round_trip(channel: BlockingChannel, queue: str, reply_to: str, replies: list[str]) -> float:
    """Seconds from publishing a ping until its reply, which a consumer puts into ``replies``.

    Raises:
        TimeoutError: no reply within 5 s.
    """
    ping = uuid.uuid4().hex
    began = time.perf_counter()
    properties = pika.BasicProperties(reply_to=reply_to or None, correlation_id=ping)
    channel.basic_publish("", queue, json.dumps({"id": ping}).encode(), properties)
    while ping not in replies:
        channel.connection.process_data_events(time_limit=1)
        if time.perf_counter() - began > 5.0:
            raise TimeoutError(f"no reply to a ping through {queue} within 5 s")
    replies.clear()
    return time.perf_counter() - began


def measure(scale: float) -> list[Row]:
    replies: list[str] = []
    taken: dict[str, list[float]] = {who: [] for who in ("ours", "probe", DIRECT, MIRROR)}
    connection = pika.BlockingConnection(pika.URLParameters(CREDENTIAL.read_text().strip()))
    channel = connection.channel()
    channel.queue_declare(MIRROR_QUEUE, exclusive=True)
    for queue in (REPLY_TO, MIRROR_QUEUE):
        channel.basic_consume(queue, lambda _c, _m, said, _b: replies.append(said.correlation_id or ""), auto_ack=True)
    with Connection() as agent:
        for _ in range(max(int(ROUNDS * scale), 5)):
            seconds, answer = agent.request("POST", "/ping/worker")
            taken["ours"].append(seconds)
            taken["probe"].append(answer["latency_seconds"])
            taken[DIRECT].append(round_trip(channel, "incidentops.ping", REPLY_TO, replies))
            taken[MIRROR].append(round_trip(channel, MIRROR_QUEUE, "", replies))
    connection.close()
    summed = {who: series(who, [one * 1e3 for one in samples]) for who, samples in taken.items()}
    beside = [summed[DIRECT], summed[MIRROR]]
    return [
        Row("worker round trip, as the agent's probe has it", "ms", summed["probe"], beside),
        Row("worker round trip, POST /ping/worker to the answer", "ms", summed["ours"], beside),
    ]
