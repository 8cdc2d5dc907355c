"""The floor of an idle agent: an aiohttp server and the same five probes in their plainest form, and nothing else.

No bus, no state, no audit trail, no metrics: what remains is what Python, aiohttp and the clients of the services cost.
"""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import pika
import psycopg
from aiohttp import web

if TYPE_CHECKING:
    from pika.adapters.blocking_connection import BlockingChannel

INTERVAL = 5.0
PORT = 8010
REPLY_TO = "amq.rabbitmq.reply-to"


class Probes:
    """One kept connection to each service."""

    def __init__(self) -> None:
        url = (Path(os.environ["CREDENTIALS_DIRECTORY"]) / "incidentops.rabbitmq").read_text().strip()
        self._channel: BlockingChannel = pika.BlockingConnection(pika.URLParameters(url)).channel()
        self._replies: list[bytes] = []
        self._channel.basic_consume(REPLY_TO, lambda _c, _m, _p, body: self._replies.append(body), auto_ack=True)

    async def forever(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", 6379)
        database: psycopg.AsyncConnection[Any] = await psycopg.AsyncConnection.connect(
            host="/var/run/postgresql", user="incidentops", dbname="postgres", autocommit=True
        )
        chaos = aiohttp.ClientSession(connector=aiohttp.UnixConnector("/run/incidentops-chaos/chaos.sock"))
        while True:
            writer.write(b"PING\r\n")
            await reader.readline()
            await (await database.execute("SELECT 1")).fetchone()
            async with chaos.get("http://localhost/health") as answer:
                await answer.read()
            self._ask_rabbitmq()
            self._ask_worker()
            await asyncio.sleep(INTERVAL)

    def _ask_rabbitmq(self) -> None:
        self._channel.basic_qos(prefetch_count=1)

    def _ask_worker(self) -> None:
        properties = pika.BasicProperties(reply_to=REPLY_TO, correlation_id="1")
        self._channel.basic_publish("", "incidentops.ping", json.dumps({"id": "1"}).encode(), properties)
        while not self._replies:
            self._channel.connection.process_data_events(time_limit=1)
        self._replies.clear()


async def main() -> None:
    served = web.Application()
    runner = web.AppRunner(served)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", PORT).start()
    await Probes().forever()


if __name__ == "__main__":
    asyncio.run(main())
