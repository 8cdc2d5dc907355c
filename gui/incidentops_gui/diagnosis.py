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
from .translate import marked, tr

if TYPE_CHECKING:
    from .hosts import Target

OPERATORS = "incidentops"
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
    if trouble is Trouble.SSH_REFUSED:
        return (f"ssh {target.address}",)
    return ()
