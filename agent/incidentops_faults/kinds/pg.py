"""What the faults inside PostgreSQL have in common: sessions of its superuser."""

from __future__ import annotations

import contextlib
from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar

from incidentops_agent.parameters import Parameter

from ..effects.pg_sessions import PgSessions
from ..errors import FaultError
from ..pgwire import Server, literal, quoted
from .base import Fault

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..effects.base import Effect
    from ..pgwire import Session
    from ..waiting import Hold

NO_LIMITS = (
    "select set_config(name, '0', false) from pg_settings where name in ('statement_timeout', 'lock_timeout',"
    " 'idle_session_timeout', 'idle_in_transaction_session_timeout', 'transaction_timeout')"
)
"""What would end a session of a fault before its time; for that session alone."""

TABLE = (
    Parameter(
        "database", "text", "the table's database", "incidentops", pattern=r"[A-Za-z0-9_.-]{1,63}", wanted="a name"
    ),
    Parameter(
        "table",
        "text",
        "the table, with its schema where that is not public",
        "jobs",
        pattern=r"([A-Za-z0-9_]{1,63}\.)?[A-Za-z0-9_]{1,63}",
        wanted="the name of a table, or SCHEMA.TABLE",
    ),
)


class Pg(Fault):
    probes = ("postgres",)
    needs = "a Unix socket of the server, and peer authentication for its own user"

    @property
    def server(self) -> Server:
        return Server.of(self.order.target)

    def check(self) -> str:
        session = self.server.session("incidentops-check")
        try:
            return self.lacking(session)
        finally:
            session.close()

    def lacking(self, _session: Session) -> str:
        """Why it can't be done in this server; empty when it can."""
        return ""

    def effects(self) -> Iterable[Effect]:
        held = PgSessions.of(self.order.id, self.server)
        yield held
        self.application = held.application
        self.begin()

    @abstractmethod
    def begin(self) -> None:
        """Open the sessions."""

    @abstractmethod
    def keep(self) -> None:
        """Open those anew that have ended; called a few times each second.

        Raises:
            FaultError: when that is not possible now.
        """

    def hold(self, hold: Hold) -> None:
        while not hold.wait(0.3):
            # a server that is down or just starting will take sessions again later
            with contextlib.suppress(FaultError):
                self.keep()

    def open(self, database: str = "postgres") -> Session:
        session = self.server.session(self.application, database)
        session.query(NO_LIMITS)
        return session


class PgTable(Pg):
    """One session that has to do with one table."""

    parameters: ClassVar = TABLE
    session: Session | None = None

    def check(self) -> str:
        session = self.look()
        try:
            found = session.query(f"select to_regclass({literal(self.table)}) is null")
        finally:
            session.close()
        missing = f"the database {self.text('database')} has no table {self.text('table')}"
        return missing if found == [("t",)] else ""

    def look(self) -> Session:
        """A session that is none of the fault's, to look with."""
        return self.server.session("incidentops-check", self.text("database"))

    @property
    def table(self) -> str:
        """With its schema. It is locked, to look too, and never read: a view's functions would run as the superuser."""
        name = self.text("table")
        return quoted(name if "." in name else f"public.{name}")

    def keep(self) -> None:
        if self.session is not None and self.session.over():
            self.session.close()
            self.session = None
        if self.session is None:
            self.begin()
