"""Who may do what, and which requests are refused whoever sends them."""

from __future__ import annotations

import grp
import os
import pwd
from pathlib import Path
from typing import TYPE_CHECKING

from .model import Actor, Level, Peer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .settings import Callers, Settings

ROOT = 0
LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})


def on_wsl(osrelease: Path = Path("/proc/sys/kernel/osrelease")) -> bool:
    try:
        return "microsoft" in osrelease.read_text().lower()
    except OSError:
        return False


def verb(level: Level) -> str:
    """What one may do who has a level, as a word of a sentence."""
    return {Level.CHAOS: "inject faults", Level.REVERT: "revert faults"}.get(level, str(level))


class Access:
    """Judges peers by the settings and this machine's groups."""

    def __init__(self, settings: Settings, wsl: bool = False) -> None:
        self._settings = settings
        self._wsl = wsl

    def allows(self, peer: Peer, wanted: Level) -> bool:
        if wanted is Level.ANONYMOUS:
            return True
        if not self._vouched_for(peer):
            return False
        # Only who wants to act is looked up in the user database, which may be slow.
        return wanted is Level.OBSERVE or any(_is_among(peer, callers) for callers in self._callers(wanted))

    def _callers(self, wanted: Level) -> tuple[Callers, ...]:
        operators, chaos = self._settings.operators, self._settings.chaos
        return {Level.OPERATE: (operators,), Level.CHAOS: (chaos,), Level.REVERT: (operators, chaos)}[wanted]

    def _vouched_for(self, peer: Peer) -> bool:
        # On WSL, Windows programs come through a relay that root owns: that uid says nothing about who it is.
        return peer.uid is not None and not (self._wsl and peer.door == "tcp" and peer.uid == ROOT)

    def who_may(self, peer: Peer, wanted: Level) -> str:
        """The end of a sentence for a peer that may not: who may, where it is."""
        callers = self._callers(wanted)
        if peer.pid == 0:
            key = "chaos" if wanted is Level.CHAOS else "operators"
            return f"from outside this machine root may, and the uids in {key}.outside_uids of agent.yaml here"
        groups = sorted({name for one in callers for name in one.groups})
        word = "groups" if len(groups) > 1 else "group"
        return f"members of the {word} {' and '.join(groups)} and root may" if groups else "root may"


def _is_among(peer: Peer, callers: Callers) -> bool:
    if peer.uid == ROOT:
        return True
    if peer.pid == 0:  # outside this machine's PID namespace, where its uid and groups may be somebody else's
        return peer.uid in callers.outside_uids
    return peer.uid in callers.uids or _in_groups(peer, callers.groups)


def _in_groups(peer: Peer, names: Sequence[str]) -> bool:
    if peer.uid is None:
        return False
    wanted = set()
    for name in names:
        try:
            wanted.add(grp.getgrnam(name).gr_gid)
        except KeyError:
            continue
    held = set(peer.groups) if peer.door == "unix" else groups_of(peer.uid)
    return bool(wanted & held)


def groups_of(uid: int) -> set[int]:
    """The groups that the user database gives a user; empty for an unknown one."""
    try:
        user = pwd.getpwuid(uid)
    except KeyError:
        return set()
    return set(os.getgrouplist(user.pw_name, user.pw_gid))


def actor(peer: Peer) -> Actor:
    """A peer as the author of an action."""
    if peer.uid is None:
        user = ""
    elif peer.pid == 0:
        user = "root" if peer.uid == ROOT else f"uid {peer.uid}"
    else:
        try:
            user = pwd.getpwuid(peer.uid).pw_name
        except KeyError:
            user = f"uid {peer.uid}"
    return Actor(peer.uid, user, peer.pid, peer.pid_started, peer.program, peer.door, peer.note)


def agent_actor() -> Actor:
    """The agent itself, as the author of what it does unasked."""
    uid = os.geteuid()
    try:
        user = pwd.getpwuid(uid).pw_name
    except KeyError:
        user = f"uid {uid}"
    return Actor(uid, user, os.getpid(), None, "incidentops-agent", "agent")


def foreign(hosts: Sequence[str], headers: Mapping[str, str], port: int | None) -> str:
    """Why a request can't come from a local tool but may come from a web page; empty when nothing speaks for that.

    A page in the operator's own browser has the operator's uid, so the uid alone must not decide. ``port`` is the one
    that the request came in by; None for the unix socket, where a forwarder may have taken it from any port.
    """
    if len(hosts) != 1:
        return "a request needs exactly one Host header"
    name, _, given = hosts[0].rpartition(":") if not hosts[0].endswith("]") else (hosts[0], "", "")
    if not name:
        name, given = hosts[0], ""
    if name.lower() not in LOCAL_NAMES or (given and not (given.isascii() and given.isdigit())):
        return f"the Host {hosts[0][:100]!r} is not this machine; use localhost, 127.0.0.1 or [::1]"
    if port is not None and (given or "80") != str(port):
        return f"the Host {hosts[0][:100]!r} names another port than {port}"
    for header in ("Origin", "Referer"):
        if header in headers:
            return f"requests with the header {header} are refused: the API is not for web pages"
    if headers.get("Sec-Fetch-Site", "none") != "none":
        return "requests with the header Sec-Fetch-Site are refused: the API is not for web pages"
    return ""
