"""All kinds of faults by name; a new one is added here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .cpu import Cpu
from .crash_loop import CrashLoop
from .disk_full import DiskFull
from .fd_limit import FdLimit
from .hang import Hang
from .io import Io
from .kill import Kill
from .memory import Memory
from .network_reject import NetworkReject
from .port_taken import PortTaken
from .read_only import ReadOnly
from .slow_start import SlowStart
from .stop import Stop
from .tasks import Tasks
from .wrong_config import WrongConfig

if TYPE_CHECKING:
    from .base import Fault

_ALL: tuple[type[Fault], ...] = (
    *(Cpu, CrashLoop, DiskFull, FdLimit, Hang, Io, Kill, Memory),
    *(NetworkReject, PortTaken, ReadOnly, SlowStart, Stop, Tasks, WrongConfig),
)
KINDS: dict[str, type[Fault]] = {one.kind: one for one in _ALL}
