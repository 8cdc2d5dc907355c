"""The job worker: a ping job through RabbitMQ and its answer back, over RabbitMQ's direct reply-to."""

from __future__ import annotations

import asyncio
import json
import uuid
from typing import TYPE_CHECKING, Any

import pika
from pika.exceptions import AMQPError

from .amqp import AmqpChannel, describe
from .base import ProbeFailedError, ProbeUnavailableError

if TYPE_CHECKING:
    from ..model import ProbeSpec

REPLY_TO = "amq.rabbitmq.reply-to"


class WorkerProbe:
    def __init__(self, spec: ProbeSpec) -> None:
        self._spec = spec
        self._queue = str(spec.options["queue"])
        self._amqp: AmqpChannel | None = None
        self._waiting: dict[str, asyncio.Future[Any]] = {}

    @property
    def connected(self) -> bool:
        return self._amqp is not None

    async def ask(self) -> dict[str, str]:
        if self._amqp is None:
            self._amqp = await self._open()
        ping = uuid.uuid4().hex
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting[ping] = answer
        try:
            properties = pika.BasicProperties(reply_to=REPLY_TO, correlation_id=ping)
            self._amqp.channel.basic_publish("", self._queue, json.dumps({"id": ping}).encode(), properties)
            body = await self._amqp.wait(answer)
        except AMQPError as error:
            raise ProbeFailedError(describe(error)) from error
        finally:
            self._waiting.pop(ping, None)
        try:
            reply = json.loads(body)
            return {key: str(value) for key, value in reply.items() if key != "id"}
        except (ValueError, AttributeError) as error:
            raise ProbeFailedError(f"the worker's answer is not JSON: {error}") from error

    async def _open(self) -> AmqpChannel:
        try:
            amqp = await AmqpChannel.open(self._spec)
        except ProbeUnavailableError as error:  # that RabbitMQ lives says nothing of the worker
            raise ProbeFailedError(f"can't be asked: {error}") from error
        try:
            # Answers 404 and closes the channel when the queue is not there: then no worker has ever declared it.
            frame = await amqp.call(amqp.channel.queue_declare, queue=self._queue, passive=True)
            await amqp.call(
                amqp.channel.basic_consume, queue=REPLY_TO, on_message_callback=self._on_reply, auto_ack=True
            )
        except BaseException:
            amqp.close()
            raise
        if frame.method.consumer_count == 0:
            amqp.close()
            raise ProbeFailedError(f"nobody consumes the queue {self._queue}")
        return amqp

    def _on_reply(self, _channel: object, _method: object, properties: pika.BasicProperties, body: bytes) -> None:
        future = self._waiting.get(properties.correlation_id or "")
        if future is not None and not future.done():
            future.set_result(body)

    async def close(self) -> None:
        amqp, self._amqp = self._amqp, None
        if amqp is not None:
            amqp.close()
