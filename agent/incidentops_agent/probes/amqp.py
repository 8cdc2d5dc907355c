"""An AMQP 0-9-1 channel as coroutines, on pika's asyncio adapter."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, cast

import pika
from pika.adapters.asyncio_connection import AsyncioConnection
from pika.exceptions import AMQPError, ProbableAccessDeniedError, ProbableAuthenticationError

from .. import credentials
from .base import ProbeFailedError, ProbeUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pika.channel import Channel

    from ..model import ProbeSpec


def parameters(spec: ProbeSpec) -> pika.connection.Parameters:
    """From the credential, an amqp:// URL, or when there is none the broker's own default login, for loopback only.

    Raises:
        ProbeFailedError: the credential is no URL.
    """
    name = str(spec.options["credential"])
    url = credentials.find(name)
    if url is not None:
        try:
            given: pika.connection.Parameters = pika.URLParameters(url)
        except (ValueError, IndexError) as error:
            raise ProbeFailedError(f"can't be asked: the credential {name!r} is no amqp:// URL") from error
    else:
        given = pika.ConnectionParameters(host=str(spec.options["host"]), port=int(spec.options["port"]))
    given.heartbeat = 0  # the probe itself is the heartbeat
    given.connection_attempts = 1
    given.client_properties = {"connection_name": "incidentops-agent"}
    return given


class AmqpChannel:
    """A connection with one open channel."""

    def __init__(self, hint: str) -> None:
        self._hint = hint
        self._connection: AsyncioConnection | None = None
        self._channel: Channel | None = None
        self._lost: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    @classmethod
    async def open(cls, spec: ProbeSpec) -> AmqpChannel:
        """Connect and open the channel.

        Raises:
            ProbeFailedError, ProbeUnavailableError
        """
        opened = cls(credentials.hint(str(spec.options["credential"])))
        try:
            await opened._open(parameters(spec))
        except BaseException:
            opened.close()
            raise
        return opened

    async def _open(self, given: pika.connection.Parameters) -> None:
        ready: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

        def on_open(connection: AsyncioConnection) -> None:
            connection.channel(on_open_callback=settle(ready))

        self._connection = AsyncioConnection(
            given,
            on_open_callback=on_open,
            on_open_error_callback=lambda _connection, error: self._on_lost(error),
            on_close_callback=lambda _connection, error: self._on_lost(error),
            custom_ioloop=asyncio.get_running_loop(),
        )
        self._channel = await self.wait(ready)
        self.channel.add_on_close_callback(lambda _channel, error: self._on_lost(error))

    def _on_lost(self, error: BaseException | str) -> None:
        if not self._lost.done():
            self._lost.set_result(error)

    @property
    def channel(self) -> Channel:
        assert self._channel is not None
        return self._channel

    async def call(self, method: Callable[..., Any], **arguments: Any) -> Any:
        """Call a method of the channel that takes a ``callback`` and wait for its answer."""
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        try:
            method(callback=settle(answer), **arguments)
        except AMQPError as error:
            raise ProbeFailedError(describe(error)) from error
        return await self.wait(answer)

    async def wait(self, answer: asyncio.Future[Any]) -> Any:
        """Wait for an answer of the broker, or the loss of the channel, which is a failure."""
        await asyncio.wait([answer, self._lost], return_when=asyncio.FIRST_COMPLETED)
        if answer.done():
            return answer.result()
        error = self._lost.result()
        if isinstance(error, ProbableAuthenticationError | ProbableAccessDeniedError):
            raise ProbeUnavailableError(f"RabbitMQ answers but refuses the login: {describe(error)}{self._hint}")
        raise ProbeFailedError(describe(error))

    def close(self) -> None:
        """Cut the connection without the closing handshake, which a hung broker would never end. pika has no public way
        to do that; this is the one that it takes itself when a broker does not keep to the protocol."""
        connection, self._connection = self._connection, None
        if connection is not None and not connection.is_closed:
            cast("Any", connection)._terminate_stream(AMQPError("given up"))


def settle(future: asyncio.Future[Any]) -> Callable[[Any], None]:
    def callback(answer: Any) -> None:
        if not future.done():
            future.set_result(answer)

    return callback


def describe(error: object) -> str:
    """pika's errors nest their causes and often have no text of their own."""
    causes = getattr(error, "exceptions", None) or getattr(error, "args", None)
    if causes and not isinstance(error, OSError):
        return describe(causes[-1])
    return " ".join(str(error).split()) or type(error).__name__
