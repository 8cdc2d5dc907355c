"""PostgreSQL: SELECT 1 over libpq."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from typing import TYPE_CHECKING, Any

import psycopg

from .. import credentials
from .base import ProbeFailedError, ProbeUnavailableError

if TYPE_CHECKING:
    from ..model import ProbeSpec

# libpq gives no SQLSTATE for a refused connection, only the server's sentence. In these cases the server works and
# refuses us: https://www.postgresql.org/docs/current/client-authentication-problems.html
_REFUSED = ("authentication failed", "does not exist", "pg_hba.conf", "no password supplied", "not permitted to log in")


class PostgresProbe:
    def __init__(self, spec: ProbeSpec) -> None:
        self._options = spec.options
        self._connection: psycopg.AsyncConnection[Any] | None = None

    @property
    def connected(self) -> bool:
        return self._connection is not None

    async def ask(self) -> dict[str, str]:
        try:
            if self._connection is None:
                self._connection = await self._connect()
            row = await self._select_one(self._connection)
        except psycopg.Error as error:
            sentence = " ".join(str(error).split()) or type(error).__name__
            if isinstance(error, psycopg.OperationalError) and any(words in sentence for words in _REFUSED):
                hint = credentials.hint(str(self._options["credential"]))
                raise ProbeUnavailableError(f"PostgreSQL answers but refuses the login: {sentence}{hint}") from error
            raise ProbeFailedError(sentence) from error
        if row != (1,):
            raise ProbeFailedError(f"SELECT 1 gave {row!r}")
        return {}

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
