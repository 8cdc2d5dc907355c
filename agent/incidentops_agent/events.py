"""The event stream: numbered events, a short memory for those who come back, and readers that can't hold memory."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

MEMORY = 1024
"""How many past events a client that comes back can be given."""
BACKLOG = 256
"""How many events may wait for one reader; one more, and it gets a snapshot instead of all of them."""


def encode(kind: str, data: bytes, event_id: str = "") -> bytes:
    """One server-sent event: https://html.spec.whatwg.org/multipage/server-sent-events.html."""
    head = f"id: {event_id}\n" if event_id else ""
    return f"{head}event: {kind}\ndata: ".encode() + data + b"\n\n"


class Reader:
    """One client of the stream; ``next`` gives the bytes to send."""

    def __init__(self, broker: Broker, last_id: str) -> None:
        self._broker = broker
        self._pending: deque[bytes] = deque()
        self._wake = asyncio.Event()
        missed = broker.since(last_id)
        self._snapshot_due = missed is None
        if missed:
            self._pending.extend(missed)
        self._wake.set()

    def push(self, encoded: bytes) -> None:
        if self._snapshot_due:
            return  # the snapshot that it is going to get says it all
        if len(self._pending) >= BACKLOG:
            self._pending.clear()
            self._snapshot_due = True
        else:
            self._pending.append(encoded)
        self._wake.set()

    async def next(self, heartbeat: float) -> bytes:
        """Everything that waits, or a heartbeat when nothing came for ``heartbeat`` seconds."""
        try:
            async with asyncio.timeout(heartbeat):
                await self._wake.wait()
        except TimeoutError:
            return self._broker.heartbeat()
        self._wake.clear()
        if self._snapshot_due:
            self._snapshot_due = False
            self._pending.clear()
            return self._broker.snapshot()
        waiting = b"".join(self._pending)
        self._pending.clear()
        return waiting


class Broker:
    """Hands events to readers. ``epoch`` names this run of the agent: ids of another run are a gap."""

    def __init__(self, epoch: str, snapshot: Callable[[], dict[str, Any]]) -> None:
        self._epoch = epoch
        self._sequence = 0
        self._memory: deque[bytes] = deque(maxlen=MEMORY)
        self._snapshot = snapshot
        self._readers: set[Reader] = set()

    @property
    def last_id(self) -> str:
        return f"{self._epoch}-{self._sequence}"

    @property
    def readers(self) -> int:
        return len(self._readers)

    def publish(self, kind: str, data: dict[str, Any]) -> None:
        self._sequence += 1
        encoded = encode(kind, json.dumps(data).encode(), self.last_id)
        self._memory.append(encoded)
        for reader in self._readers:
            reader.push(encoded)

    def since(self, last_id: str) -> list[bytes] | None:
        """The events after ``last_id``; None when they are not all remembered, so that a snapshot is due."""
        epoch, _, number = last_id.rpartition("-")
        if epoch != self._epoch or not (number.isascii() and number.isdigit() and len(number) < 19):
            return None
        missed = self._sequence - int(number)
        if not 0 <= missed <= len(self._memory):
            return None
        return list(self._memory)[len(self._memory) - missed :]

    def snapshot(self) -> bytes:
        return encode("snapshot", json.dumps(self._snapshot()).encode(), self.last_id)

    def heartbeat(self) -> bytes:
        return encode("heartbeat", b"{}")

    def open(self, last_id: str) -> Reader:
        reader = Reader(self, last_id)
        self._readers.add(reader)
        return reader

    def close(self, reader: Reader) -> None:
        self._readers.discard(reader)
