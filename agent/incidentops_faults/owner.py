"""Who a unit's processes are, and doing something as that user."""

from __future__ import annotations

import os
import pwd
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from . import systemd
from .errors import FaultError

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True)
class Owner:
    """A user by numbers."""

    uid: int
    gid: int

    @property
    def name(self) -> str:
        """Its name; the number when it has none."""
        try:
            return pwd.getpwuid(self.uid).pw_name
        except KeyError:
            return str(self.uid)

    @property
    def ids(self) -> tuple[int, int]:
        """For ``command.run``."""
        return self.uid, self.gid


def of(unit: str) -> Owner:
    """The user of a unit's main process: of a unit without User= that process knows best.

    Raises:
        FaultError: when it has no main process.
    """
    pid = systemd.value(unit, "MainPID")
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError as error:
        raise FaultError(f"{unit} has no main process") from error
    effective = {line.split()[0]: int(line.split()[2]) for line in lines if line.startswith(("Uid:", "Gid:"))}
    return Owner(effective["Uid:"], effective["Gid:"])


def not_its_own(unit: str) -> str:
    """A sentence when its traffic can't be told from that of others; empty when its user is not root."""
    return f"{unit} runs as root, whose connections can't be told from those of others" if of(unit).uid == 0 else ""


@contextmanager
def acting(owner: Owner) -> Iterator[None]:
    """Make and connect sockets as a user: both kernel and peer look at the effective ids of that moment only."""
    if owner.uid == os.geteuid():
        yield
        return
    uid, gid = os.geteuid(), os.getegid()
    os.setegid(owner.gid)
    try:
        os.seteuid(owner.uid)
        yield
    finally:
        os.seteuid(uid)
        os.setegid(gid)
