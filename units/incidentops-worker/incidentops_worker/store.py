"""What the worker asks of PostgreSQL: prices, and that a job be recorded exactly once."""

from psycopg.types.json import Jsonb

from incidentops_worker.database import Database, RefusedError
from incidentops_worker.job import Job, PoisonError

# Few enough that one delete holds no lock for long.
_FORGET_AT_ONCE = 5_000


class Store:
    """Raises DatabaseAwayError from every method."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def price(self, item: str) -> int | None:
        """The price in cents, None when the item has none."""
        rows = await self._database.rows("SELECT cents FROM prices WHERE item = %s", (item,))
        return int(rows[0][0]) if rows else None

    async def record(self, job: Job, price: int | None) -> bool:
        """True when the job is now recorded, False when it was recorded before. Raises PoisonError."""
        try:
            rows = await self._database.rows(
                "INSERT INTO jobs (id, kind, payload, result, created) VALUES (%s, %s, %s, %s, %s)"
                " ON CONFLICT (id) DO NOTHING RETURNING id",
                (job.id, job.kind, Jsonb(job.payload), Jsonb(job.result(price)), job.created),
            )
        except RefusedError as error:
            raise PoisonError(f"PostgreSQL refuses the values: {error}") from None
        return bool(rows)

    async def forget(self, days: int) -> int:
        """Delete some of the jobs recorded more than `days` ago; the number deleted, 0 when none is left."""
        rows = await self._database.rows(
            "DELETE FROM jobs WHERE id IN (SELECT id FROM jobs WHERE recorded < now() - make_interval(days => %s)"
            " ORDER BY recorded LIMIT %s) RETURNING id",
            (days, _FORGET_AT_ONCE),
        )
        return len(rows)
