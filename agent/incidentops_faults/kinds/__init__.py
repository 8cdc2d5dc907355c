"""All kinds of faults by name; a new one is added here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .bandwidth import Bandwidth
from .cpu import Cpu
from .crash_loop import CrashLoop
from .disk_full import DiskFull
from .dns import Dns
from .fd_limit import FdLimit
from .hang import Hang
from .io import Io
from .kill import Kill
from .latency import Latency
from .memory import Memory
from .network_drop import NetworkDrop
from .network_partition import NetworkPartition
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
    *(Stop, Kill, CrashLoop, Hang, SlowStart, WrongConfig, PortTaken),
    *(Cpu, Memory, Io, Tasks, FdLimit, DiskFull, ReadOnly),
    *(NetworkDrop, NetworkReject, NetworkPartition, Latency, Bandwidth, Dns),
)
KINDS: dict[str, type[Fault]] = {one.kind: one for one in _ALL}
