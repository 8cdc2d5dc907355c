"""RabbitMQ as awaitables: the only module that knows pika.

A session is one connection. Whatever ends it or one of its channels completes `lost`, and every wait in it then raises
AmqpError; the owner closes it and opens another. Nothing here retries.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pika
from pika.adapters.asyncio_connection import AsyncioConnection
from pika.channel import Channel as PikaChannel
from pika.exceptions import AMQPError

# Each exchange with the broker, and opening a connection, is given up after this long.
SECONDS = 5.0
# A broker that is stopped rather than gone is noticed by missing heartbeats after about 15 s (pika waits 5 s more).
_HEARTBEAT = 10


class AmqpError(Exception):
    """The broker did not do what was asked; the text says why, without a full stop."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message in hand. It belongs to the channel that delivered it, and dies with it."""

    tag: int
    body: bytes
    reply_to: str | None
    correlation_id: str | None


class Session:
    """An open connection."""

    def __init__(self) -> None:
        self.lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        # Why the broker, short of memory or disk, reads nothing more from this connection for now.
        self.blocked: str | None = None
        self._connection: AsyncioConnection | None = None

    @classmethod
    async def open(cls, url: str, name: str) -> "Session":
        """Connect and log in. Raises AmqpError. `name` is shown by `rabbitmqctl list_connections client_properties`."""
        session = cls()
        loop = asyncio.get_running_loop()
        opened: asyncio.Future[None] = loop.create_future()

        def on_open(connection: AsyncioConnection) -> None:
            if opened.done():
                connection.close()
            else:
                opened.set_result(None)

        def on_end(_connection: object, error: BaseException) -> None:
            session.lose(_sentence(error))

        parameters = pika.URLParameters(url)
        parameters.heartbeat = _HEARTBEAT
        parameters.connection_attempts = 1
        parameters.socket_timeout = parameters.stack_timeout = SECONDS
        parameters.client_properties = {"connection_name": name}
        session._connection = AsyncioConnection(parameters, on_open, on_end, on_end, custom_ioloop=loop)
        session._connection.add_on_connection_blocked_callback(session._on_blocked)
        session._connection.add_on_connection_unblocked_callback(session._on_unblocked)
        # pika's own deadline comes first, and knows what it was waiting for. Given up earlier, the attempt is left to
        # that deadline: closed while it opens, pika 1.3 fails an assertion of its own.
        await session.first(opened, SECONDS + 1)
        return session

    def _on_blocked(self, _connection: object, frame: Any) -> None:
        self.blocked = f"it takes no messages: {frame.method.reason}"

    def _on_unblocked(self, _connection: object, _frame: object) -> None:
        self.blocked = None

    def lose(self, reason: str) -> None:
        """Every wait in this session ends now."""
        if not self.lost.done():
            self.lost.set_result(reason)

    async def first(self, answer: Awaitable[Any], seconds: float = SECONDS) -> Any:
        """The answer, unless the session is lost or the time is up before: then AmqpError."""
        waiting = asyncio.ensure_future(answer)
        try:
            await asyncio.wait({waiting, self.lost}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            if waiting.done():
                return waiting.result()
        finally:
            waiting.cancel()
        raise AmqpError(self.lost.result() if self.lost.done() else f"no answer for {seconds:g} s")

    async def ask(self, start: Callable[[Callable[..., None]], object]) -> Any:
        """Start a pika call that reports to a callback; the frame that it reports. Raises AmqpError."""
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

        def done(frame: object = None) -> None:
            if not answer.done():
                answer.set_result(frame)

        self.tell(lambda: start(done))
        return await self.first(answer)

    def tell(self, call: Callable[[], object]) -> None:
        """Make a pika call that needs no answer. Raises AmqpError."""
        if self.lost.done():
            raise AmqpError(self.lost.result())
        try:
            call()
        except AMQPError as error:
            self.lose(_sentence(error))
            raise AmqpError(self.lost.result()) from None

    async def channel(self) -> "Channel":
        """Open a channel. Raises AmqpError."""
        connection = self._connection
        assert connection is not None
        raw: PikaChannel = await self.ask(lambda done: connection.channel(on_open_callback=done))
        raw.add_on_close_callback(lambda _channel, reason: self.lose(_sentence(reason)))
        raw.add_on_cancel_callback(lambda _frame: self.lose("the queue was deleted"))
        return Channel(self, raw)

    async def close(self) -> None:
        """Say goodbye and wait a moment for the answer; a broker that does not answer is left to its heartbeat."""
        connection = self._connection
        if connection is not None and not connection.is_closed and not connection.is_closing:
            said = self.lost.done()
            connection.close()
            if not said:
                await asyncio.wait({self.lost}, timeout=1)
        self.lose("closed")


class Channel:
    """A channel of a session."""

    def __init__(self, session: Session, raw: PikaChannel) -> None:
        self.session = session
        self._raw = raw
        self._sent = 0
        self._unconfirmed: dict[int, tuple[str, asyncio.Future[None]]] = {}
        self._returned: set[str] = set()

    async def declare(self, queue: str, durable: bool, arguments: dict[str, Any] | None = None) -> int:
        """Make the queue unless it exists; the messages ready in it. Raises AmqpError."""
        frame = await self.session.ask(
            lambda done: self._raw.queue_declare(queue, durable=durable, arguments=arguments, callback=done)
        )
        return int(frame.method.message_count)

    async def consume(self, queue: str, prefetch: int, take: Callable[[Delivery], None]) -> str:
        """Have `take` called with each message, at most `prefetch` unacknowledged; the consumer's tag."""

        def on_message(_channel: object, method: Any, properties: Any, body: bytes) -> None:
            take(Delivery(method.delivery_tag, body, properties.reply_to, properties.correlation_id))

        await self.session.ask(lambda done: self._raw.basic_qos(prefetch_count=prefetch, callback=done))
        frame = await self.session.ask(lambda done: self._raw.basic_consume(queue, on_message, callback=done))
        return str(frame.method.consumer_tag)

    async def cancel(self, consumer: str) -> None:
        """Have no more messages delivered. Raises AmqpError."""
        await self.session.ask(lambda done: self._raw.basic_cancel(consumer, callback=done))

    def ack(self, delivery: Delivery) -> None:
        """Let the broker forget the message. Raises AmqpError."""
        self.session.tell(lambda: self._raw.basic_ack(delivery.tag))

    def answer(self, delivery: Delivery, body: bytes) -> None:
        """Send `body` to whoever waits for the answer to `delivery`, if anybody still does. Raises AmqpError."""
        properties = pika.BasicProperties(content_type="application/json", correlation_id=delivery.correlation_id)
        self.session.tell(lambda: self._raw.basic_publish("", delivery.reply_to or "", body, properties))

    async def confirm(self) -> None:
        """Have every `publish` of this channel confirmed."""
        self._raw.add_on_return_callback(
            lambda _channel, _method, properties, _body: self._returned.add(str(properties.message_id))
        )
        await self.session.ask(lambda done: self._raw.confirm_delivery(self._on_confirm, callback=done))

    async def publish(self, queue: str, body: bytes, message_id: str, headers: dict[str, str] | None = None) -> None:
        """Send a persistent message; returns when the broker has taken charge of it.

        Raises AmqpError; the message may have arrived all the same, except when no queue took it.
        """
        confirmed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        properties = pika.BasicProperties(
            content_type="application/json", delivery_mode=2, message_id=message_id, headers=headers
        )
        self._sent += 1
        tag = self._sent
        self._unconfirmed[tag] = (message_id, confirmed)
        try:
            self.session.tell(lambda: self._raw.basic_publish("", queue, body, properties, mandatory=True))
            await self.session.first(confirmed)
        finally:
            self._unconfirmed.pop(tag, None)

    def _on_confirm(self, frame: Any) -> None:
        last = frame.method.delivery_tag
        tags = [tag for tag in self._unconfirmed if tag <= last] if frame.method.multiple else [last]
        refused = frame.method.NAME == "Basic.Nack"
        for tag in tags:
            message_id, confirmed = self._unconfirmed.pop(tag, ("", None))
            returned = message_id in self._returned
            self._returned.discard(message_id)
            if confirmed is None or confirmed.done():
                continue
            if refused or returned:
                confirmed.set_exception(AmqpError("no queue takes it" if returned else "the broker refused it"))
            else:
                confirmed.set_result(None)


def _sentence(error: BaseException) -> str:
    """pika wraps causes in causes, each kind in its own way; the innermost says what happened."""
    while True:
        wrapped = [*getattr(error, "exceptions", ()), getattr(error, "exception", None), *error.args]
        causes = [part for part in wrapped if isinstance(part, BaseException)]
        if not causes:
            break
        error = causes[-1]
    text = getattr(error, "reply_text", None) or getattr(error, "strerror", None) or str(error)
    return " ".join(str(text).split()).rstrip(".") or type(error).__name__
