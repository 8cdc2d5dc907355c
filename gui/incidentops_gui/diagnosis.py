"""Why an agent can't be reached: what a failed attempt means, and what a person can do about it."""

from __future__ import annotations

import grp
import os
import pwd
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .hosts import Way
from .state import Trouble
from .translate import tr

if TYPE_CHECKING:
    from .hosts import Target

OPERATORS = "incidentops"
PROGRAM = "incidentops-agent"


@dataclass(frozen=True, slots=True)
class Finding:
    trouble: Trouble
    message: str


def absent(target: Target) -> Finding:
    """There is no socket."""
    if target.way is Way.SSH:
        return Finding(Trouble.TUNNEL, tr("ssh has not opened the way to {host} yet.").format(host=target.address))
    path = Path(target.address)
    if path.parent.name.startswith("incidentops-lab"):
        return Finding(Trouble.NOT_RUNNING, tr("The lab machine is not running."))
    if shutil.which(PROGRAM) or Path("/usr/sbin", PROGRAM).exists():
        return Finding(Trouble.NOT_RUNNING, tr("The agent is installed, but its socket is not there."))
    return Finding(Trouble.NOT_INSTALLED, tr("There is no IncidentOps agent on this machine."))


def refused(target: Target) -> Finding:
    if target.way is Way.TCP:
        message = tr("Nobody listens at {address}.").format(address=target.address)
    else:
        message = tr("The socket is there, but nobody listens on it.")
    return Finding(Trouble.NOT_RUNNING, message)


def closed(target: Target) -> Finding:
    if target.way is Way.SSH:
        message = tr("ssh is connected to {host}, but no agent answers there.").format(host=target.address)
        return Finding(Trouble.TUNNEL, message)
    return Finding(Trouble.BROKEN, tr("The agent has closed the connection."))


def user() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def forbidden(target: Target) -> Finding:
    """The file system does not let us connect: says which group may."""
    group = _group_of(Path(target.address)) or OPERATORS
    return Finding(
        Trouble.NO_PERMISSION,
        tr("You ({user}) may not use {path}; members of the group {group} may.").format(
            user=user(), path=target.address, group=group
        ),
    )


def group_hint(message: str = "") -> str:
    """The command that lets this user in."""
    named = message.rpartition("the group ")[2].split() if "the group " in message else []
    group = named[0].strip(".,;") if named else OPERATORS
    return f"sudo usermod --append --groups {group} {user()}"


def _group_of(path: Path) -> str:
    """The group of the first thing on the way that keeps us out; empty when it can't be told."""
    for part in (*reversed(path.parents), path):
        try:
            about = part.stat()
        except OSError:
            return ""
        if not os.access(part, os.W_OK if part == path else os.X_OK):
            try:
                return grp.getgrgid(about.st_gid).gr_name
            except KeyError:
                return str(about.st_gid)
    return ""


def steps(trouble: Trouble, target: Target, message: str) -> tuple[str, ...]:
    """Commands that help, in their order."""
    if trouble is Trouble.NOT_INSTALLED:
        return ("sudo apt install ./dist/*.deb",)
    if trouble is Trouble.NOT_RUNNING:
        path = Path(target.address)
        if path.parent.name.startswith("incidentops-lab"):
            name = path.parent.name.removeprefix("incidentops-lab").removeprefix("-")
            return (f"./lab up --name {name}" if name else "./lab up",)
        return ("sudo systemctl enable --now incidentops-agent.socket",)
    if trouble is Trouble.NO_PERMISSION:
        return (group_hint(message),)
    if trouble in (Trouble.STARTING, Trouble.NO_ANSWER):
        return ("systemctl status incidentops-agent", "journalctl -u incidentops-agent -n 50")
    if trouble is Trouble.TUNNEL:
        return (f"ssh {target.address} systemctl status incidentops-agent.socket",)
    return ()
