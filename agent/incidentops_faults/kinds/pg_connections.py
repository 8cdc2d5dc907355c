"""pg-connections: there are no connections left for anybody but the superuser."""

from __future__ import annotations

import pwd
import resource
from typing import TYPE_CHECKING

from incidentops_agent.parameters import Parameter

from .. import owner
from ..errors import FaultError
from ..pgwire import TOO_MANY, PgError
from ..waiting import now
from .pg import Pg

if TYPE_CHECKING:
    from ..pgwire import Session

# reserved_connections is of version 16 and later. Only client backends count against the limit.
FREE = """select current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
 - coalesce(current_setting('reserved_connections', true), '0')::int
 - (select count(*) from pg_stat_activity where backend_type = 'client backend')"""

END_OTHERS = """select count(pg_terminate_backend(pid)) from pg_stat_activity a join pg_roles r on r.oid = a.usesysid
 where backend_type = 'client backend' and not rolsuper"""


class PgConnections(Pg):
    kind = "pg-connections"
    title = "PostgreSQL: no connections left"
    summary = "Idle sessions take every connection that ordinary roles may have; the superuser's stay free."
    parameters = (
        Parameter("leave", "integer", "how many connections stay free", 0, "connections", 0, 1000),
        Parameter("disconnect", "flag", "whether the sessions that ordinary roles have now are ended first", True),
    )

    def lacking(self, session: Session) -> str:
        free = int(session.query(FREE)[0][0] or 0)
        leave = int(self.number("leave"))
        return f"only {max(free, 0)} connections are free now" if free <= leave else ""

    def preview(self) -> list[str]:
        session = self.server.session("incidentops-check")
        try:
            free = int(session.query(FREE)[0][0] or 0)
        finally:
            session.close()
        found = [f"About {max(free - int(self.number('leave')), 0)} idle sessions of the superuser take what is free."]
        if self.order.values["disconnect"]:
            found.insert(0, "The sessions of ordinary roles are ended: their transactions are rolled back.")
        return found

    def begin(self) -> None:
        self.held: list[Session] = []
        self.control = self.open()
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        self._fill()
        if self.order.values["disconnect"]:
            self._end_others()

    def _end_others(self) -> None:
        """Who is ended comes back at once, and is quicker than we are. So what the superuser alone may have is taken
        first, all but one, and given back when the others are gone."""
        spare = max(int(self.control.query("show superuser_reserved_connections")[0][0] or 0) - 1, 0)
        end = now() + 3
        self._fill(spare)
        while int(self.control.query(END_OTHERS)[0][0] or 0) and now() < end:
            self._fill(spare)
        for _ in range(min(-self._missing(), spare)):
            self.held.pop().close()

    def _missing(self) -> int:
        """How many sessions are to be opened; less than 0 when there are too many."""
        return int(self.control.query(FREE)[0][0] or 0) - int(self.number("leave"))

    def _fill(self, beyond: int = 0) -> None:
        missing = self._missing() + beyond
        try:
            for _ in range(missing):
                self.held.append(self.server.session(self.application))
        except PgError as error:
            if error.code != TOO_MANY:  # somebody else was quicker
                raise

    def keep(self) -> None:
        for session in [one for one in self.held if one.over()]:
            session.close()
            self.held.remove(session)
        try:
            self._fill()
        except FaultError:
            self.control.close()
            self.control = self.open()
            self._fill()

    def verify(self) -> str:
        """As an ordinary user where the probe has one, else by counting."""
        session = self.server.session("incidentops-check")
        try:
            free = int(session.query(FREE)[0][0] or 0)
        finally:
            session.close()
        if free > self.number("leave"):
            self.keep()
            return f"{free} connections are free"
        user = str(self.order.target.spec.probe.options.get("user", ""))
        if self.number("leave") or not _known(user):
            return ""
        about = pwd.getpwnam(user)
        try:
            self.server.session("incidentops-check", user=owner.Owner(about.pw_uid, about.pw_gid)).close()
        except PgError as error:
            return "" if error.code == TOO_MANY else str(error)
        self.keep()
        return f"{user} still gets a connection"

    def recovered(self) -> str:
        session = self.server.session("incidentops-check")
        try:
            free = int(session.query(FREE)[0][0] or 0)
        finally:
            session.close()
        return "" if free > 0 else "there are still no connections left"


def _known(user: str) -> bool:
    try:
        pwd.getpwnam(user)
    except KeyError:
        return False
    return True
