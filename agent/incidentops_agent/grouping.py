"""Pure: which services are down for one cause and make one incident, and which of two causes says more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .causes import Cause

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from .incident import Incident

TAKEOVER = 10.0
"""Seconds after its dependant in which a dependency that fails is taken for the cause."""


@dataclass(frozen=True, slots=True)
class Home:
    """Where a service that leaves healthy belongs: to no incident (``incident`` is empty), to one that explains it, or
    to one that it explains (``takes_over``), together with further ones that it explains as well (``merge``)."""

    incident: str = ""
    takes_over: bool = False
    merge: tuple[str, ...] = ()


def home(
    live: Iterable[Incident], needs: Mapping[str, Collection[str]], service: str, at: float, own_cause: bool = False
) -> Home:
    """Where ``service``, which is in no live incident and left healthy at ``at``, belongs.

    Args:
        live: the incidents that are not closed, oldest first.
        needs: all that each service needs, directly or not.
        own_cause: it is known why it is down, such as a stop by an operator, and what it needs has no part in that.
    """
    incidents = list(live)
    needed = needs.get(service, ())
    explaining = [] if own_cause else [one for one in incidents if any(name in needed for name in one.services)]
    if explaining:
        # What is down now explains more than what has recovered, but not yet for long enough to be closed.
        still = (one for one in explaining if any(one.is_down(name) for name in needed))
        return Home(next(still, explaining[0]).id)
    explained = [one.id for one in incidents if _explains(service, one, needs, at)]
    return Home(explained[0], True, tuple(explained[1:])) if explained else Home()


def _explains(service: str, one: Incident, needs: Mapping[str, Collection[str]], at: float) -> bool:
    if one.deliberate or one.fault is not None:  # why it is down is known
        return False
    root = one.member(one.root)
    return service in needs.get(one.root, ()) and root is not None and 0 <= at - root.left <= TAKEOVER


# The causes that are only the way down to what is known a moment later, and what each may turn out to be.
_ON_THE_WAY = (Cause.STARTING, Cause.STOPPING, Cause.UNKNOWN)
_OF_A_HANG = (Cause.FROZEN, Cause.WATCHDOG, Cause.OUT_OF_MEMORY)


def refines(old: str, new: str) -> bool:
    """Whether a fresh diagnosis says more of why an incident began than the one that it was opened with; a later state
    of the same service, such as its start, does not."""
    if new == old or new in _ON_THE_WAY:
        return False
    if old in _ON_THE_WAY:
        return True
    if old == Cause.RESTARTING:
        return new not in (Cause.UNRESPONSIVE, Cause.DEPENDENCY_DOWN)
    return old == Cause.UNRESPONSIVE and new in _OF_A_HANG
