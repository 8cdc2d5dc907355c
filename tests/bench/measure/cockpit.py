"""Cockpit's bridge as a peer: started as its web server starts it, spoken to over its stdin and stdout.

Its protocol, after cockpit's doc/protocol.md: each frame is "LENGTH\\nCHANNEL\\nPAYLOAD", LENGTH counting what follows
its newline; the channel without a name carries commands, one with the payload dbus-json3 carries D-Bus calls, watches
and their news.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import time
from typing import Any, Self

CHANNEL = "dbus"
SYSTEMD = "org.freedesktop.systemd1"
UNIT = "org.freedesktop.systemd1.Unit"


class Bridge:
    """A bridge with one channel to systemd, watching units as cockpit's own pages do."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            ["cockpit-bridge"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        assert self._process.stdout is not None
        self._out = self._process.stdout.fileno()
        self._buffer = b""
        self._read_at = 0.0
        self._await("", lambda said: said.get("command") == "init")
        self._send("", {"command": "init", "version": 1, "host": "localhost"})
        options = {"payload": "dbus-json3", "bus": "system", "name": SYSTEMD}
        self._send("", {"command": "open", "channel": CHANNEL, **options})
        self._await("", lambda said: said.get("command") == "ready")
        call = ["/org/freedesktop/systemd1", f"{SYSTEMD}.Manager", "Subscribe", []]
        self._send(CHANNEL, {"call": call, "id": "subscribe"})
        self._await(CHANNEL, lambda said: said.get("id") == "subscribe")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._process.terminate()
        self._process.communicate()

    def watch(self, path: str) -> None:
        self._send(CHANNEL, {"watch": {"path": path, "interface": UNIT}, "id": "watch"})
        self._await(CHANNEL, lambda said: said.get("id") == "watch")

    def await_state(self, path: str, active: bool, seconds: float) -> float:
        """When (time.monotonic) a notification came that a watched unit is active, or that it is not any more.

        Raises:
            TimeoutError: it did not come in time.
        """

        def says(said: dict[str, Any]) -> bool:
            state = said.get("notify", {}).get(path, {}).get(UNIT, {}).get("ActiveState")
            return state is not None and (state == "active") is active

        return self._await(CHANNEL, says, seconds)

    def _send(self, channel: str, message: dict[str, Any]) -> None:
        frame = f"{channel}\n{json.dumps(message)}".encode()
        assert self._process.stdin is not None
        self._process.stdin.write(f"{len(frame)}\n".encode() + frame)
        self._process.stdin.flush()

    def _await(self, channel: str, wanted: Any, seconds: float = 30.0) -> float:
        until = time.monotonic() + seconds
        while True:
            while (frame := self._frame()) is not None:
                where, _, payload = frame.partition(b"\n")
                if where.decode() == channel:
                    said = json.loads(payload)
                    if "problem" in said or "error" in said:
                        raise RuntimeError(f"cockpit-bridge answered {payload.decode()}")
                    if wanted(said):
                        return self._read_at
            ready, _, _ = select.select([self._out], [], [], max(until - time.monotonic(), 0.0))
            if not ready:
                raise TimeoutError(f"cockpit-bridge has not said within {seconds:g} s what was waited for")
            data = os.read(self._out, 262144)
            self._read_at = time.monotonic()
            if not data:
                raise RuntimeError("cockpit-bridge ended")
            self._buffer += data

    def _frame(self) -> bytes | None:
        length, newline, rest = self._buffer.partition(b"\n")
        if not newline or len(rest) < int(length):
            return None
        self._buffer = rest[int(length) :]
        return rest[: int(length)]
