"""All kinds of faults by name; a new one is added here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .hang import Hang
from .network_reject import NetworkReject
from .stop import Stop

if TYPE_CHECKING:
    from .base import Fault

KINDS: dict[str, type[Fault]] = {one.kind: one for one in (Hang, NetworkReject, Stop)}
