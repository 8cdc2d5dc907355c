"""The worker's tables: made when they are missing, left alone when a newer worker has changed them."""

from typing import Any, LiteralString

import psycopg

VERSION = 1
# What there is to order, with its first price in cents; later prices are whatever the table says.
FIRST_PRICES = {"bolt": 12, "nut": 9, "washer": 4, "bracket": 350, "hinge": 480}
# Any number, the same in every worker: two that start together must not make the tables at once.
_LOCK = 20261124

_STATEMENTS: tuple[LiteralString, ...] = (
    "CREATE TABLE IF NOT EXISTS schema_version (version integer NOT NULL)",
    # The primary key is what makes recording idempotent.
    """CREATE TABLE IF NOT EXISTS jobs (
        id uuid PRIMARY KEY,
        kind text NOT NULL,
        payload jsonb NOT NULL,
        result jsonb NOT NULL,
        created timestamptz NOT NULL,
        recorded timestamptz NOT NULL DEFAULT clock_timestamp()
    )""",
    "CREATE INDEX IF NOT EXISTS jobs_recorded ON jobs (recorded)",
    "CREATE TABLE IF NOT EXISTS prices (item text PRIMARY KEY, cents integer NOT NULL CHECK (cents >= 0))",
)


class SchemaError(Exception):
    """The tables are not ones that this worker may write to; the text says why."""


async def ensure(connection: psycopg.AsyncConnection[tuple[Any, ...]]) -> None:
    """Make what is missing. Raises SchemaError and psycopg.Error. Costs one query when nothing is missing."""
    cursor = await connection.execute("SELECT to_regclass('schema_version') IS NOT NULL")
    row = await cursor.fetchone()
    if row is not None and row[0]:
        cursor = await connection.execute("SELECT max(version) FROM schema_version")
        row = await cursor.fetchone()
        version = row[0] if row is not None else None
        if version == VERSION:
            return
        if version is not None:
            raise SchemaError(f"the tables have version {version}, this worker knows version {VERSION}")
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        for statement in _STATEMENTS:
            await connection.execute(statement)
        await connection.cursor().executemany(
            "INSERT INTO prices (item, cents) VALUES (%s, %s) ON CONFLICT DO NOTHING", FIRST_PRICES.items()
        )
        await connection.execute(
            "INSERT INTO schema_version (version) SELECT %s WHERE NOT EXISTS (SELECT FROM schema_version)", (VERSION,)
        )
