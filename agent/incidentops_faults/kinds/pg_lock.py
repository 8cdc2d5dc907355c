"""pg-lock: somebody has locked a table and does not let go."""

from __future__ import annotations

from ..errors import FaultError
from ..pgwire import LOCK_TIMEOUT, PgError
from .pg import PgTable


class PgLock(PgTable):
    kind = "pg-lock"
    title = "PostgreSQL: locked table"
    summary = "A session holds ACCESS EXCLUSIVE on a table: whoever reads or writes it waits."

    def preview(self) -> list[str]:
        table, database = self.text("table"), self.text("database")
        return [
            f"The table {table} of the database {database} is locked: who reads or writes it waits until the end.",
            "Transactions that use it now are waited for, at most 5 s.",
        ]

    def begin(self) -> None:
        session = self.open(self.text("database"))
        try:
            session.query("begin; set local lock_timeout = '5s'")
            session.query(f"lock table {self.table} in access exclusive mode")
        except FaultError:
            session.close()
            raise
        self.session = session

    def verify(self) -> str:
        session = self.look()
        try:
            session.query("set lock_timeout = '200ms'")
            session.query(f"begin; lock table {self.table} in access share mode")  # what reading it needs
        except PgError as error:
            return "" if error.code == LOCK_TIMEOUT else str(error)
        finally:
            session.close()
        return f"the table {self.text('table')} can still be read"
