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
from .pg_connections import PgConnections
from .pg_lock import PgLock
from .pg_slow import PgSlow
from .port_taken import PortTaken
from .rabbitmq_consumer_stall import RabbitmqConsumerStall
from .rabbitmq_flood import RabbitmqFlood
from .rabbitmq_memory_alarm import RabbitmqMemoryAlarm
from .read_only import ReadOnly
from .redis_memory import RedisMemory
from .redis_pause import RedisPause
from .redis_readonly import RedisReadonly
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
    *(PgConnections, PgLock, PgSlow, RedisMemory, RedisPause, RedisReadonly),
    *(RabbitmqConsumerStall, RabbitmqFlood, RabbitmqMemoryAlarm),
)
KINDS: dict[str, type[Fault]] = {one.kind: one for one in _ALL}
