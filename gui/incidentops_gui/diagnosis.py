"""Why an agent can't be reached: what a failed attempt means. What helps is in advice.py."""

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
from .translate import marked, tr

if TYPE_CHECKING:
    from .hosts import Target

PROGRAM = "incidentops-agent"


_SSH_REFUSALS = {
    "REMOTE HOST IDENTIFICATION HAS CHANGED": marked(
        "The host key of {host} is not the one known here. It was set up anew, or somebody else answers in its place."
    ),
    "Host key verification failed": marked(
        "The host key of {host} is not known here. Log in once in a terminal, and compare it there."
    ),
    "Permission denied (": marked("{host} lets you in with none of your keys. This application asks for no password."),
    "Too many authentication failures": marked("{host} lets you in with none of the first keys that it was offered."),
}
"""What in ssh's words means which sentence, the first that fits."""


@dataclass(frozen=True, slots=True)
class Finding:
    trouble: Trouble
    message: str


def absent(target: Target) -> Finding:
    """There is no socket."""
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


def closed(_target: Target) -> Finding:
    return Finding(Trouble.BROKEN, tr("The agent has closed the connection."))


def far_end(target: Target, was_open: bool) -> Finding:
    """ssh runs, but what it forwards to does not answer, or does no more."""
    if was_open:
        message = tr("The connection to the agent of {host} has ended.")
    else:
        message = tr("ssh is logged in to {host}, but no agent answers there.")
    return Finding(Trouble.TUNNEL, message.format(host=target.address))


def ssh_ended(target: Target, words: str) -> Finding:
    """ssh has ended; ``words`` is what it said, in OpenSSH's English (ssh.c, sshconnect.c, sshconnect2.c)."""
    for sign, message in _SSH_REFUSALS.items():
        if sign in words:
            return Finding(Trouble.SSH_REFUSED, tr(message).format(host=target.address))
    last = words.splitlines()[-1][:300] if words else tr("no reason given")
    return Finding(Trouble.TUNNEL, tr("ssh ended: {words}").format(words=last))


@dataclass(frozen=True, slots=True)
class Keeper:
    """Who is let by where we are not: ``group`` is empty where no group is; ``path`` is what keeps us out."""

    path: str = ""
    owner: str = ""
    group: str = ""


def keeper(target: Target) -> Keeper:
    """The first thing on the way to the socket that keeps us out; an empty one when it can't be told."""
    if target.way is not Way.UNIX:
        return Keeper()
    path = Path(target.address)
    for part in (*reversed(path.parents), path):
        try:
            about = part.stat()
        except OSError:
            break
        wanted = os.W_OK if part == path else os.X_OK
        if not os.access(part, wanted):
            # Nobody is put into the group of root for this.
            helps = about.st_gid != 0 and about.st_mode >> 3 & wanted
            return Keeper(str(part), _name(about.st_uid), _group(about.st_gid) if helps else "")
    return Keeper()


def forbidden(target: Target) -> Finding:
    """The file system does not let us connect: says who may."""
    found = keeper(target)
    if found.group:
        message = tr("You ({user}) may not use {path}; members of the group {group} may.")
    elif found.owner:
        message = tr("You ({user}) may not use {path}; only {owner} may.")
    else:
        message = tr("You ({user}) may not use {path}.")
    path = found.path or target.address
    text = message.format(user=user(), path=path, group=found.group, owner=found.owner)
    return Finding(Trouble.NO_PERMISSION, text)


def user() -> str:
    return _name(os.getuid())


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _group(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)
