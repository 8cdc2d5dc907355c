"""GET /system on a kept connection: back to back, and with pauses after which each answer needs a new sample."""

from __future__ import annotations

import time

from .figures import Goal, Row, series
from .http import Connection

REQUESTS, FRESH = 2000, 40
PAUSE = 0.55
"""Seconds; the agent gives the same figures again to who asks sooner than after 0.5."""
FLOOR = "GET /health"


def measure(scale: float) -> list[Row]:
    rows = []
    with Connection() as agent:
        for what, count, pause in (("back to back", REQUESTS, 0.0), ("a new sample each", FRESH, PAUSE)):
            ours, floor = [], []
            for _ in range(max(int(count * scale), 5)):
                time.sleep(pause)
                ours.append(agent.request("GET", "/system")[0] * 1e3)
                time.sleep(pause)  # whoever was asleep is slower, so the floor has slept too
                floor.append(agent.request("GET", "/health")[0] * 1e3)
            rows.append(Row(f"GET /system, {what}", "ms", series("ours", ours), [series(FLOOR, floor)], Goal(1.0)))
    return rows
