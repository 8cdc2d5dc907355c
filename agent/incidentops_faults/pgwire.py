"""A session with PostgreSQL over its Unix socket: the protocol's version 3, and of it only what faults need.

The server is told who asks by the kernel (peer authentication), so no password is needed or kept. A session ends with
this process, whatever ends it, and with the session its locks.
"""

from __future__ import annotations

import contextlib
import socket
import struct
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from . import owner
from .errors import FaultError

if TYPE_CHECKING:
    from .services import Target

VERSION = 196608
Rows = list[tuple[str | None, ...]]


class PgError(FaultError):
    """What the server answered; ``code`` is its SQLSTATE."""

    def __init__(self, fields: dict[str, str]) -> None:
        super().__init__(f"PostgreSQL says: {fields.get('M', 'nothing')}")
        self.code = fields.get("C", "")


TOO_MANY, STARTING, LOCK_TIMEOUT = "53300", "57P03", "55P03"


class GoneError(FaultError):
    """Nobody listens, or the session ended: what lived in it is gone."""


@dataclass(frozen=True, slots=True)
class Server:
    """Where a server listens and whose processes it is: that user is its superuser. Plain values, for the journal."""

    folder: str
    port: int
    uid: int
    gid: int

    @classmethod
    def of(cls, target: Target) -> Server:
        """The server of a service with a probe of the kind ``postgres``."""
        options = target.spec.probe.options
        host, port = str(options.get("host", "")), options.get("port")
        folder = host if host.startswith("/") else "/var/run/postgresql"
        user = owner.of(target.unit)
        return cls(folder, port if isinstance(port, int) else 5432, user.uid, user.gid)

    def values(self) -> dict[str, Any]:
        return asdict(self)

    def session(self, name: str, database: str = "postgres", user: owner.Owner | None = None) -> Session:
        """Open a session as the superuser, or another user. ``name`` is what others see in pg_stat_activity.

        Raises:
            GoneError: nobody listens.
            FaultError: it is refused.
        """
        return Session(self, user or owner.Owner(self.uid, self.gid), database, name)


class Session:
    """One open session."""

    def __init__(self, server: Server, user: owner.Owner, database: str, name: str) -> None:
        path = f"{server.folder}/.s.PGSQL.{server.port}"
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(10)
        self._got = b""
        try:
            with owner.acting(user):
                self._socket.connect(path)
            words = {"user": user.name, "database": database, "application_name": name, "client_encoding": "UTF8"}
            # A superuser's session, in which no function and no operator may be somebody else's: the owner of a
            # database can give it another search_path, but not against this one.
            words["options"] = "-c search_path=pg_catalog"
            text = b"".join(f"{key}\0{value}\0".encode() for key, value in words.items())
            self._send(struct.pack("!II", len(text) + 9, VERSION) + text + b"\0")
            self._settle()
        except OSError as error:
            self.close()
            raise GoneError(f"{path} takes no connection: {error.strerror or error}") from error
        except FaultError:
            self.close()
            raise

    def query(self, text: str, timeout: float = 10) -> Rows:
        """Run statements; the rows that come of them, as text.

        Raises:
            PgError: one fails.
            GoneError: the session ended, or does not answer within ``timeout`` seconds.
        """
        self._socket.settimeout(timeout)
        self.send(text)
        return self._settle()

    def send(self, text: str) -> None:
        """Have statements run without waiting for them.

        Raises:
            GoneError: the session has ended.
        """
        raw = text.encode() + b"\0"
        self._send(b"Q" + struct.pack("!I", len(raw) + 4) + raw)

    def over(self) -> bool:
        """Whether the server has ended it, or has an error to tell. For a session that nothing is waited for in."""
        self._socket.setblocking(False)
        try:
            found = self._socket.recv(65536)
        except BlockingIOError:
            return False
        except OSError:
            return True
        # only notices and changed settings come unasked
        return not found or found[:1] not in b"NS"

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.close()

    def _send(self, raw: bytes) -> None:
        try:
            self._socket.sendall(raw)
        except OSError as error:
            raise GoneError(f"PostgreSQL ended the session: {error.strerror or error}") from error

    def _settle(self) -> Rows:
        """Read until the server is ready for the next query."""
        rows: Rows = []
        failure: PgError | None = None
        while True:
            kind, body = self._message()
            if kind == b"E":
                failure = PgError(fields(body))
                if fields(body).get("V") != "ERROR":  # it ends the session, or never began it
                    raise failure
            elif kind == b"R" and struct.unpack_from("!I", body)[0] != 0:
                raise FaultError("PostgreSQL asks its own superuser for a password (no peer authentication)")
            elif kind == b"D":
                rows.append(row(body))
            elif kind == b"Z":
                if failure is not None:
                    raise failure
                return rows

    def _message(self) -> tuple[bytes, bytes]:
        while True:
            if len(self._got) >= 5:
                size = 1 + struct.unpack_from("!I", self._got, 1)[0]
                if len(self._got) >= size:
                    raw, self._got = self._got[:size], self._got[size:]
                    return raw[:1], raw[5:]
            try:
                more = self._socket.recv(65536)
            except OSError as error:
                raise GoneError(f"PostgreSQL does not answer: {error.strerror or error}") from error
            if not more:
                raise GoneError("PostgreSQL ended the session")
            self._got += more


def fields(body: bytes) -> dict[str, str]:
    """The fields of an error, by their letters."""
    return {one[:1].decode(): one[1:].decode(errors="replace") for one in body.split(b"\0") if one}


def row(body: bytes) -> tuple[str | None, ...]:
    """A row's values."""
    (count,) = struct.unpack_from("!H", body)
    at, found = 2, []
    for _ in range(count):
        (size,) = struct.unpack_from("!i", body, at)
        at += 4
        found.append(None if size < 0 else body[at : at + size].decode(errors="replace"))
        at += max(size, 0)
    return tuple(found)


def quoted(name: str) -> str:
    """A name, or several with points between them, as SQL takes it."""
    return ".".join('"' + part.replace('"', '""') + '"' for part in name.split("."))


def literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
