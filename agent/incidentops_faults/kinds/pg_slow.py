"""pg-slow: queries to a table are slow, because it is locked most of the time."""

from __future__ import annotations

import time
from typing import ClassVar

from incidentops_agent.parameters import Parameter

from .pg import TABLE, PgTable

OPEN = 0.05
"""Seconds in between in which whoever waits gets through."""

# Behind a long transaction the lock would wait, and everybody behind the lock. Versions before 14 do not look for their
# client while they sleep; there the deadline in the loop has to do.
SETTINGS = """select set_config(name, case name when 'lock_timeout' then '10s' else '200ms' end, false)
 from pg_settings where name in ('lock_timeout', 'client_connection_check_interval')"""

LOOP = """do $fault$
begin
  while clock_timestamp() < {until} loop
    lock table {table} in access exclusive mode;
    perform pg_sleep({delay});
    commit;
    perform pg_sleep({open});
  end loop;
end
$fault$"""


class PgSlow(PgTable):
    """No setting of the server makes queries slow without being written to its disk, where it would outlive a reboot.
    So it is a session that locks the table again and again. The server ends it when this process is gone, because it
    looks for that while it sleeps, and in any case soon after the deadline."""

    kind = "pg-slow"
    title = "PostgreSQL: slow table"
    summary = "Queries to a table take up to a delay longer: it is locked, but for a moment after each."
    parameters: ClassVar = (
        *TABLE,
        Parameter("delay", "integer", "how long the table is locked each time", 1000, "ms", 100, 10_000),
    )

    def preview(self) -> list[str]:
        table, database = self.text("table"), self.text("database")
        return [f"Queries to the table {table} of the database {database} wait up to {self.number('delay'):g} ms."]

    def begin(self) -> None:
        session = self.session = self.open(self.text("database"))
        session.query(SETTINGS)
        until = f"clock_timestamp() + interval '{self.order.duration + 60:g} s'"
        (found,) = session.query(f"select quote_literal({until}) || '::timestamptz'")
        delay = self.number("delay") / 1000
        session.send(LOOP.format(until=found[0], table=self.table, delay=delay, open=OPEN))

    def verify(self) -> str:
        delay = self.number("delay") / 1000
        session = self.look()
        try:
            end = time.monotonic() + 2 * delay + 1
            longest = 0.0
            while time.monotonic() < end and longest < delay / 2:
                began = time.monotonic()
                session.query(
                    # what reading it needs
                    f"begin; lock table {self.table} in access share mode; rollback",
                    timeout=delay * 3 + 12,
                )
                longest = max(longest, time.monotonic() - began)
        finally:
            session.close()
        return "" if longest >= delay / 2 else f"the slowest query took {longest * 1000:.0f} ms"
