"""What this service has injected: remembered beyond its own death, and reverted."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from incidentops_chaos.agent import AwayError, RefusedError

if TYPE_CHECKING:
    from pathlib import Path

    from incidentops_chaos.agent import Agent

LOOK = 0.5
"""Seconds between two looks at what is injected."""
PATIENCE = 20.0
"""Seconds for which an agent that does not answer is asked again; every fault ends at its deadline without us."""
LOOKS_FOR_LOST = 3
"""So many looks in a row must see nothing of a fault whose answer was lost before it counts as never injected."""


class Memory:
    """Faults that may be in effect because of us, in a file that outlives this process but not the unit's stop.

    ``asked``: kinds and services that no answer has come for yet, or never will; ``faults``: ids.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.asked: list[tuple[str, str]] = []
        self.faults: list[str] = []

    def load(self) -> None:
        """What an earlier process has left; nothing when there is no file.

        Raises:
            ValueError: the file is damaged.
        """
        try:
            kept = json.loads(self._path.read_bytes())
        except FileNotFoundError:
            return
        try:
            self.asked = [(str(kind), str(service)) for kind, service in kept["asked"]]
            self.faults = [str(fault_id) for fault_id in kept["faults"]]
        except (KeyError, TypeError) as error:
            raise ValueError(f"it has not the form of what was injected ({error!r})") from error

    def ask(self, kind: str, service: str) -> None:
        """Before a fault is asked for. Raises OSError: then it must not be."""
        self.asked.append((kind, service))
        try:
            self._write()
        except OSError:
            self.asked.pop()
            raise

    def answered(self, kind: str, service: str, fault_id: str = "") -> None:
        """A fault is injected, or without an id is not."""
        self.asked.remove((kind, service))
        if fault_id:
            self.faults.append(fault_id)
        with contextlib.suppress(OSError):  # the file says still that it was asked for, by which it is found too
            self._write()

    def over(self, fault_id: str) -> None:
        if fault_id in self.faults:
            self.faults.remove(fault_id)
            with contextlib.suppress(OSError):  # a fault that is over is not found any more
                self._write()

    def forget(self) -> None:
        self.asked, self.faults = [], []
        self._path.unlink(missing_ok=True)

    def _write(self) -> None:
        # Replaced, not rewritten: who is killed here leaves the one or the other.
        fresh = self._path.with_suffix(".new")
        fresh.write_text(json.dumps({"asked": self.asked, "faults": self.faults}))
        fresh.replace(self._path)


@dataclass
class Undone:
    """``left``: what is not undone, each with the reason; it ends at its deadline."""

    reverted: list[str] = field(default_factory=list)
    left: dict[str, str] = field(default_factory=dict)

    @property
    def problem(self) -> str:
        return "; ".join(f"{one}: {why}" for one, why in self.left.items())


def ours(memory: Memory, faults: list[dict[str, Any]], user: str) -> list[dict[str, Any]]:
    """Those of the faults that we have injected: known by their id, or asked for by us without an answer yet."""
    return [
        one
        for one in faults
        if one["id"] in memory.faults or ((one["kind"], one["service"]) in memory.asked and one["requested_by"] == user)
    ]


async def revert_all(agent: Agent, memory: Memory) -> Undone:
    """Revert all that is remembered and wait until it is undone; nothing is forgotten that is not."""
    undone = Undone()
    nothing_seen = 0
    answering_until = time.monotonic() + PATIENCE
    while True:
        try:
            there = ours(memory, await agent.faults(), agent.user)
            coming = bool(memory.asked) and await agent.injecting()
        except (AwayError, RefusedError) as error:
            if time.monotonic() > answering_until:
                undone.left.update(dict.fromkeys(memory.faults, str(error)))
                undone.left.update({f"{kind} of {service}": str(error) for kind, service in memory.asked})
                return undone
            await asyncio.sleep(LOOK)
            continue
        answering_until = time.monotonic() + PATIENCE
        if there:
            await asyncio.gather(*(_revert(agent, one, memory, undone) for one in there))
            if undone.left:
                return undone
            continue
        nothing_seen = 0 if coming else nothing_seen + 1
        if not memory.asked or nothing_seen >= LOOKS_FOR_LOST:
            memory.forget()
            return undone
        await asyncio.sleep(LOOK)


async def _revert(agent: Agent, fault: dict[str, Any], memory: Memory, undone: Undone) -> None:
    fault_id = str(fault["id"])
    about = (str(fault["kind"]), str(fault["service"]))
    try:
        await agent.revert(fault_id)
    except AwayError:
        return  # looked at again, for as long as there is patience
    except RefusedError as error:
        undone.left[fault_id] = str(error)
        return
    undone.reverted.append(fault_id)
    if about in memory.asked:
        memory.answered(*about)
    memory.over(fault_id)
