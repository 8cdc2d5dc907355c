"""A kept connection to PostgreSQL that is replaced when it is lost, with a deadline on everything."""

import asyncio
import contextlib
import os
import socket
from collections.abc import Coroutine
from typing import Any, LiteralString, TypeVar

import psycopg

from incidentops_worker import schema
from incidentops_worker.dependency import Dependency

T = TypeVar("T")
Connection = psycopg.AsyncConnection[tuple[Any, ...]]


class DatabaseAwayError(Exception):
    """PostgreSQL did not do it, now; the text says why. The same may succeed later."""


class RefusedError(Exception):
    """PostgreSQL will never take these values; the text says why."""


# Values that do not fit, constraints that they break, structures deeper than the server's stack.
_FAULT_OF_THE_VALUES = (psycopg.DataError, psycopg.IntegrityError, psycopg.errors.StatementTooComplex)


class Database:
    """One connection in autocommit: when `rows` returns, what it wrote is committed."""

    def __init__(self, dsn: str, seconds: float, dependency: Dependency) -> None:
        """`seconds` bounds each connection attempt and each statement."""
        self._dsn = dsn
        self._seconds = seconds
        self._dependency = dependency
        self._connection: Connection | None = None
        self._connected_before = False
        self._turn = asyncio.Lock()

    async def rows(self, statement: LiteralString, values: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
        """What a statement returns. Raises DatabaseAwayError and RefusedError.

        The statement must be idempotent: after DatabaseAwayError it may have been carried out or not, and it is sent
        again on a new connection when the kept one turns out to be dead.
        """
        async with self._turn:
            kept = self._connection is not None
            try:
                rows = await self._attempt(statement, values)
            except (psycopg.Error, OSError, schema.SchemaError) as error:
                if not kept or isinstance(error, TimeoutError):
                    raise self._away(error) from None
                # The kept connection may have died with a server that is back by now.
                try:
                    rows = await self._attempt(statement, values)
                except (psycopg.Error, OSError, schema.SchemaError) as second:
                    raise self._away(second) from None
        self._dependency.ok()
        return rows

    async def close(self) -> None:
        """Let the connection go; the next statement makes another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    def _away(self, error: Exception) -> DatabaseAwayError:
        reason = _sentence(error)
        self._dependency.failed(reason)
        return DatabaseAwayError(reason)

    async def _attempt(self, statement: LiteralString, values: tuple[object, ...]) -> list[tuple[Any, ...]]:
        connection = self._connection or await self._connect()
        try:
            return await _within(self._seconds, connection, _rows(connection, statement, values))
        except _FAULT_OF_THE_VALUES as error:
            raise RefusedError(_sentence(error)) from None
        except BaseException:
            await self.close()
            raise

    async def _connect(self) -> Connection:
        connection = await psycopg.AsyncConnection.connect(
            self._dsn,
            autocommit=True,
            connect_timeout=int(self._seconds),
            fallback_application_name="incidentops-worker",
        )
        try:
            await _within(self._seconds, connection, schema.ensure(connection))
        except BaseException:
            await connection.close()
            raise
        self._connection = connection
        if self._connected_before:
            self._dependency.reconnected()
        self._connected_before = True
        return connection


async def _rows(connection: Connection, statement: LiteralString, values: tuple[object, ...]) -> list[tuple[Any, ...]]:
    cursor = await connection.execute(statement, values)
    return await cursor.fetchall() if cursor.description else []


async def _within(seconds: float, connection: Connection, work: Coroutine[Any, Any, T]) -> T:
    """`work`'s result; raises TimeoutError after `seconds`, with the connection unusable.

    Cancelling psycopg's wait makes it ask the server to cancel and then wait for the server, which a stopped server
    never answers. Shutting the socket down under it ends the wait at once, whatever the server does.
    """
    task = asyncio.ensure_future(work)
    try:
        await asyncio.wait({task}, timeout=seconds)
    finally:
        late = not task.done()
        if late:
            _hang_up(connection)
            await asyncio.wait({task}, timeout=1)
            task.cancel()
            if task.done() and not task.cancelled():
                task.exception()  # seen; what matters is that it was late
    if late:
        raise TimeoutError(f"no answer for {seconds:g} s")
    return task.result()


def _hang_up(connection: Connection) -> None:
    with contextlib.suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(connection.fileno())) as line:
        line.shutdown(socket.SHUT_RDWR)


def _sentence(error: Exception) -> str:
    primary = error.diag.message_primary if isinstance(error, psycopg.Error) else None
    line = (primary or str(error).strip() or type(error).__name__).splitlines()[0]
    # libpq: connection to server on socket "..." failed: Connection refused
    reason = line.rpartition("failed: ")[2].strip().rstrip(".")
    return "its socket is not there" if reason == "No such file or directory" else reason
