"""PostgreSQL: SELECT 1 over libpq."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import struct
from typing import TYPE_CHECKING, Any

import psycopg

from .. import credentials
from .base import ProbeFailedError, ProbeUnavailableError

if TYPE_CHECKING:
    from ..model import ProbeSpec

# libpq gives no SQLSTATE for a refused connection, only the server's sentence. In these cases the server works and
# refuses us: https://www.postgresql.org/docs/current/client-authentication-problems.html
_REFUSED = ("authentication failed", "does not exist", "pg_hba.conf", "no password supplied", "not permitted to log in")


SSL_REQUEST = struct.pack("!II", 8, 80877103)
REFUSED_FIRST, REFUSED_MOST = 2.0, 60.0
"""Seconds for which a refused login is not tried again, doubled with each refusal: each is a line in the server's log,
but a role that is only being made is soon there."""


class PostgresProbe:
    def __init__(self, spec: ProbeSpec) -> None:
        self._options = spec.options
        self._connection: psycopg.AsyncConnection[Any] | None = None
        self._refused_until = 0.0
        self._pause = REFUSED_FIRST
        self._refusal = ""

    @property
    def connected(self) -> bool:
        return self._connection is not None

    async def ask(self) -> dict[str, str]:
        clock = asyncio.get_running_loop().time
        if self._connection is not None or clock() < self._refused_until:
            await self._knock()
        if clock() < self._refused_until:
            raise ProbeUnavailableError(self._refusal)
        try:
            if self._connection is None:
                self._connection = await self._connect()
            row = await self._select_one(self._connection)
        except psycopg.Error as error:
            sentence = " ".join(str(error).split()) or type(error).__name__
            if isinstance(error, psycopg.OperationalError) and any(words in sentence for words in _REFUSED):
                hint = credentials.hint(str(self._options["credential"]))
                self._refusal = f"it answers but refuses the login: {sentence.rpartition('FATAL: ')[2].strip()}{hint}"
                self._refused_until = clock() + self._pause
                self._pause = min(2 * self._pause, REFUSED_MOST)
                raise ProbeUnavailableError(self._refusal) from error
            raise ProbeFailedError(sentence) from error
        if row != (1,):
            raise ProbeFailedError(f"SELECT 1 gave {row!r}")
        self._pause = REFUSED_FIRST
        return {}

    async def _knock(self) -> None:
        """See that new connections are taken: a kept one is served by a process of its own, which goes on when the
        server's main process hangs. Asking for encryption is answered with one byte before any login, and not logged:
        https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-SSL."""
        host, port = str(self._options["host"]), int(self._options["port"])
        try:
            if host.startswith("/"):
                reader, writer = await asyncio.open_unix_connection(f"{host}/.s.PGSQL.{port}")
            else:
                reader, writer = await asyncio.open_connection(host, port)
            try:
                writer.write(SSL_REQUEST)
                answer = await reader.read(1)
            finally:
                writer.transport.abort()
        except OSError as error:
            raise ProbeFailedError(f"takes no new connection: {error.strerror or error}") from error
        if answer not in (b"S", b"N", b"E"):
            raise ProbeFailedError("takes no new connection: it closes them at once")

    async def _select_one(self, connection: psycopg.AsyncConnection[Any]) -> Any:
        """SELECT 1 in a task of its own: cancelled in a query, psycopg first asks the server to cancel it and waits for
        that, which a hung server never answers. Cutting the socket ends the query at once instead."""

        async def select() -> Any:
            cursor = await connection.execute("SELECT 1")
            return await cursor.fetchone()

        query = asyncio.ensure_future(select())
        try:
            return await asyncio.shield(query)
        except asyncio.CancelledError:
            query.add_done_callback(lambda done: done.cancelled() or done.exception())
            with contextlib.suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(connection.fileno())) as cut:
                cut.shutdown(socket.SHUT_RDWR)
            raise

    async def _connect(self) -> psycopg.AsyncConnection[Any]:
        options = self._options
        return await psycopg.AsyncConnection.connect(
            host=str(options["host"]),
            port=int(options["port"]),
            user=str(options["user"]),
            dbname=str(options["database"]),
            password=credentials.find(str(options["credential"])),
            application_name="incidentops-agent",
            autocommit=True,
        )

    async def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(psycopg.Error):
                await connection.close()
