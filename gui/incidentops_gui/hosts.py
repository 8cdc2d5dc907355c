"""Where an agent is reached: a unix socket, a TCP port of this machine, or a unix socket of another one over ssh."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

SOCKET = "/run/incidentops/agent.sock"
LABS = "/run/incidentops-lab*/agent.sock"


class Way(StrEnum):
    UNIX = "unix"
    TCP = "tcp"
    SSH = "ssh"


class TargetError(ValueError):
    """An address that can't be used; the text says why."""


@dataclass(frozen=True, slots=True)
class Target:
    """``address``: the path of a socket, ``host:port``, or what ssh is given as its destination."""

    way: Way
    address: str

    @property
    def title(self) -> str:
        if self.way is Way.UNIX:
            if self.address == SOCKET:
                return "localhost"
            lab = re.fullmatch(r"/run/incidentops-(lab[^/]*)/agent\.sock", self.address)
            return lab[1] if lab else self.address
        return self.address

    @property
    def text(self) -> str:
        """The form in which it is kept and that ``parse`` takes."""
        return {Way.UNIX: "", Way.TCP: "http://", Way.SSH: "ssh "}[self.way] + self.address

    @property
    def socket_path(self) -> Path | None:
        """The local unix socket to connect to; None for TCP. For ssh it is the one that ssh listens on."""
        if self.way is Way.UNIX:
            return Path(self.address)
        if self.way is Way.SSH:
            return runtime_folder() / f"ssh-{self.digest}.sock"
        return None

    @property
    def digest(self) -> str:
        # Qt is there whenever this is asked; hashlib would load OpenSSL while the window is awaited.
        from PySide6.QtCore import QCryptographicHash

        whole = QCryptographicHash.hash(self.text.encode(), QCryptographicHash.Algorithm.Sha256)
        return bytes(whole.toHex().data()).decode()[:16]

    @property
    def host_and_port(self) -> tuple[str, int]:
        host, _, port = self.address.rpartition(":")
        # The agent holds both loopback addresses; a name would cost a thread that resolves it.
        return "127.0.0.1" if host == "localhost" else host.strip("[]"), int(port)

    @property
    def host_header(self) -> str:
        return self.address if self.way is Way.TCP else "localhost"


def runtime_folder() -> Path:
    """A folder of this user alone for sockets; it may not exist yet."""
    given = os.environ.get("XDG_RUNTIME_DIR", "")
    if given and Path(given).is_dir() and os.access(given, os.W_OK):
        return Path(given) / "incidentops-gui"
    return Path(f"/tmp/incidentops-gui-{os.getuid()}")  # noqa: S108 (made 0700 and checked by private_folder)


def private_folder() -> Path:
    """runtime_folder(), made.

    Raises:
        OSError: it can't be made, or it is not this user's alone.
    """
    folder = runtime_folder()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    about = folder.lstat()
    if not folder.is_dir() or folder.is_symlink() or about.st_uid != os.getuid() or about.st_mode & 0o077:
        raise PermissionError(f"cannot use {folder}: it is not a folder of yours alone")
    return folder


def unix(path: str) -> Target:
    return Target(Way.UNIX, os.path.abspath(path))  # noqa: PTH100 (resolve() would follow links)


def url(text: str) -> Target:
    """``http://localhost:8000``; only loopback, because the agent refuses every other Host.

    Raises:
        TargetError: it is not such a URL.
    """
    from urllib.parse import urlsplit  # a local socket, which is the usual case, starts without it

    try:
        parts = urlsplit(text)
        port = parts.port or 80
    except ValueError as error:
        raise TargetError(f"cannot use the URL {text!r}: {error}") from error
    if parts.scheme != "http" or parts.hostname not in ("localhost", "127.0.0.1", "::1"):
        raise TargetError(
            f"cannot use the URL {text!r}: give http://localhost:PORT; other machines are reached over ssh"
        )
    if parts.path not in ("", "/") or parts.query or parts.fragment or parts.username is not None:
        raise TargetError(f"cannot use the URL {text!r}: give no more than http://HOST:PORT")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return Target(Way.TCP, f"{host}:{port}")


def ssh(destination: str) -> Target:
    """``user@host``, ``host`` or a name from the user's ssh configuration.

    Raises:
        TargetError: it could be taken for an option, or has blanks.
    """
    if not re.fullmatch(r"[A-Za-z0-9_.@:\[\]%-]+", destination) or destination.startswith("-"):
        raise TargetError(f"cannot use {destination!r} as a destination of ssh; give user@host")
    return Target(Way.SSH, destination)


def parse(text: str) -> Target:
    """What a person types: a path, http://localhost:PORT, or ``ssh user@host``.

    Raises:
        TargetError: it is none of them.
    """
    text = text.strip()
    if text.startswith("/"):
        return unix(text)
    if text.startswith("http:"):
        return url(text)
    if text.startswith("ssh "):
        return ssh(text.removeprefix("ssh ").strip())
    raise TargetError("give the path of a socket, http://localhost:PORT, or ssh USER@HOST")


def found() -> list[Target]:
    """The agents of this machine: its own, and those of the lab machines that run."""
    own = Target(Way.UNIX, SOCKET)
    labs = sorted(str(path) for path in Path("/").glob(LABS.removeprefix("/")))
    return [own, *(Target(Way.UNIX, path) for path in labs)]


def default() -> Target:
    """This machine's own agent; without one, the lab's if that runs."""
    own, *labs = found()
    if not Path(SOCKET).exists() and not Path(SOCKET).parent.is_dir() and labs:
        return labs[0]
    return own
