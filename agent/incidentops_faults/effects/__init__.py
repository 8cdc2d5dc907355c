"""All effects by their names in the undo journal; a new one is added here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .drop_in import DropIn
from .frozen import Frozen
from .lo_qdisc import LoQdisc
from .nft_table import NftTable
from .open_files import OpenFiles
from .pg_sessions import PgSessions
from .rabbit_consumer import RabbitConsumer
from .rabbit_queue import RabbitQueue
from .rabbit_watermark import RabbitWatermark
from .redis_paused import RedisPaused
from .redis_settings import RedisSettings
from .renewed import Renewed
from .signalled import Signalled
from .stopped import Stopped
from .unit_state import UnitState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .base import Effect

_ALL: tuple[type[Effect], ...] = (
    DropIn,
    Frozen,
    LoQdisc,
    NftTable,
    OpenFiles,
    PgSessions,
    RabbitConsumer,
    RabbitQueue,
    RabbitWatermark,
    RedisPaused,
    RedisSettings,
    Renewed,
    Signalled,
    Stopped,
    UnitState,
)
EFFECTS: dict[str, type[Effect]] = {one.name: one for one in _ALL}


def restored(line: Mapping[str, Any]) -> Effect:
    """The effect that a line of the undo journal stands for."""
    values = dict(line)
    return EFFECTS[values.pop("effect")](**values)
