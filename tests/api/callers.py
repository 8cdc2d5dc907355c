"""Real processes of other users that call the agent."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from api.http11 import host_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

STRANGER = 54321
"""A uid that no user of this machine has."""


@dataclass
class Caller:
    """One process; ``pid`` is what the audit trail must say."""

    process: asyncio.subprocess.Process

    async def ask(self, method: str, path: str, where: Any) -> tuple[int, Any]:
        """Status and body of one request on a connection of its own; the body of an event stream is None."""
        address = list(where) if isinstance(where, tuple) else str(where)
        raw = f"{method} {path} HTTP/1.1\r\nHost: {host_of(where)}\r\nConnection: close\r\n\r\n"
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps([address, raw]).encode() + b"\n")
        answer = json.loads(await asyncio.wait_for(self.process.stdout.readline(), 10))
        head, _, body = answer.partition("\r\n\r\n")
        is_json = "application/json" in head
        return int(head.split()[1]), json.loads(body) if is_json else None


@contextlib.asynccontextmanager
async def caller(uid: int | None = None, groups: list[int] | None = None) -> AsyncIterator[Caller]:
    """A process of a user with these groups beside its own, which has the user's number; ours without a uid."""
    program = Path(__file__).with_name("caller.py").read_text()
    who: dict[str, Any] = {}
    if uid is not None:
        who = {"user": uid, "group": uid, "extra_groups": groups or []}
    # As another user, the interpreter of a private folder may be out of reach: the plainest one will do.
    python = sys.executable if uid is None else "/usr/bin/python3"
    process = await asyncio.create_subprocess_exec(
        *(python, "-I", "-S", "-c", program),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=2**20,
        cwd="/",
        **who,
    )
    try:
        yield Caller(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        with contextlib.suppress(ConnectionError):
            await process.stdin.wait_closed()
        await process.wait()


def is_root() -> bool:
    return os.geteuid() == 0
