"""Sessions that a fault holds in PostgreSQL: they end with its process, and this makes sure of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..pgwire import STARTING, GoneError, PgError, Server, literal
from .base import Effect

COUNT = "select count(*) from pg_stat_activity where application_name = NAME"
END = "select count(pg_terminate_backend(pid)) from pg_stat_activity where application_name = NAME"


@dataclass(frozen=True, slots=True)
class PgSessions(Effect):
    """They are known by their application_name, which the fault gives to all of them. ``do`` opens none."""

    name: ClassVar[str] = "pg-sessions"
    fault: str
    folder: str
    port: int
    uid: int
    gid: int

    @classmethod
    def of(cls, fault: str, server: Server) -> PgSessions:
        return cls(fault, **server.values())

    @property
    def application(self) -> str:
        return f"incidentops-fault-{self.fault}"

    def do(self) -> None:
        return

    def undo(self) -> None:
        self._count(END)

    def left(self) -> str:
        count = self._count(COUNT)
        return f"PostgreSQL still has {count} sessions of the fault" if count else ""

    def _count(self, query: str) -> int:
        server = Server(self.folder, self.port, self.uid, self.gid)
        try:
            session = server.session("incidentops-undo")
        except GoneError:  # no server, no sessions
            return 0
        except PgError as error:
            if error.code == STARTING:
                return 0
            raise
        try:
            return int(session.query(query.replace("NAME", literal(self.application)))[0][0] or 0)
        finally:
            session.close()
