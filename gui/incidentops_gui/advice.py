"""What a person can do about an agent that can't be reached: a sentence and commands, for each kind of host."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .diagnosis import keeper, user
from .hosts import SOCKET, Way
from .state import Trouble
from .translate import tr

if TYPE_CHECKING:
    from .hosts import Target
    from .state import Connection

LAB = "incidentops-lab"


@dataclass(frozen=True, slots=True)
class Advice:
    """``commands`` in their order; both may be empty."""

    hint: str = ""
    commands: tuple[str, ...] = ()


def advice(connection: Connection, target: Target) -> Advice:
    """What helps where the connection to ``target`` is in this trouble."""
    trouble = connection.trouble
    if trouble is Trouble.NOT_INSTALLED:
        hint = tr("Install the packages, or choose another host in the menu Host:")
        return Advice(hint, ("sudo apt install ./dist/*.deb",))
    if trouble is Trouble.NOT_RUNNING:
        return Advice(tr("Start it with:"), _start(target))
    if trouble is Trouble.NO_PERMISSION:
        return _permission(connection.message, target)
    if trouble in (Trouble.STARTING, Trouble.NO_ANSWER):
        hint = tr("This page goes away by itself as soon as it answers. What it is doing:")
        words = ("systemctl status incidentops-agent", "journalctl -u incidentops-agent -n 50")
        return Advice(hint, tuple(_there(target, word) for word in words))
    if trouble is Trouble.INCOMPATIBLE:
        return Advice(tr("Install the agent and this application in the same version."))
    if trouble is Trouble.TUNNEL:
        return Advice(tr("Try it in a terminal:"), (_there(target, "systemctl status incidentops-agent.socket"),))
    if trouble is Trouble.SSH_REFUSED:
        return Advice(tr("Try it in a terminal:"), (f"ssh {target.address}",))
    return Advice()


def lab_option(target: Target) -> str | None:
    """What ./lab needs to mean the lab machine of this socket; None where it is none."""
    folder = Path(target.address).parent.name if target.way is Way.UNIX else ""
    if not folder.startswith(LAB):
        return None
    name = folder.removeprefix(LAB).removeprefix("-")
    return f" --name {name}" if name else ""


def _there(target: Target, command: str) -> str:
    """The command in the form that runs it where the agent is."""
    option = lab_option(target)
    if option is not None:
        return f"./lab shell{option} -- {command}"
    return f"ssh {target.address} {command}" if target.way is Way.SSH else command


def _start(target: Target) -> tuple[str, ...]:
    option = lab_option(target)
    return (f"./lab up{option}",) if option is not None else ("sudo systemctl enable --now incidentops-agent.socket",)


def _permission(message: str, target: Target) -> Advice:
    """Groups count where the agent runs: not for a lab machine's host, and over ssh for the user over there."""
    option = lab_option(target)
    if option is not None:
        hint = tr("A lab machine belongs to root and to who started it. Start it as yourself:")
        return Advice(hint, (f"./lab down{option}", f"./lab up{option}"))
    named = re.search(r"members of the group ([\w.-]+)", message)
    joins = tr("An administrator can let you in; log in again afterwards:")
    if target.way is Way.SSH and named:
        name, at, _host = target.address.rpartition("@")
        return Advice(joins, (f"ssh {target.address} 'sudo usermod --append --groups {named[1]} {name or '$USER'}'",))
    group = named[1] if named else keeper(target).group
    if group:
        return Advice(joins, (f"sudo usermod --append --groups {group} {user()}",))
    if target.way is Way.TCP:
        hint = tr("Over this door nobody vouches for who you are. The agent's socket knows:")
        return Advice(hint, (f"incidentops-gui --socket {SOCKET}",))
    return Advice()
