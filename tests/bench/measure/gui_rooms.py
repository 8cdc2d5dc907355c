"""What the windows beside the main one are fed with: as much as fills them, in the agent's own shapes."""

from __future__ import annotations

from typing import Any

ROOMS = {
    "plan": "a plan of 50 steps",
    "incidents": "50 incidents",
    "graph": "the dependencies of 50 services",
    "trail": "100 rows of the audit trail",
}
"""Each window as the application names it, and what it shows here."""
AT = "2026-01-01T00:{minute:02}:{second:02}.000Z"


def at(seconds: int) -> str:
    return AT.format(minute=seconds // 60 % 60, second=seconds % 60)


def answers(names: list[str]) -> dict[str, Any]:
    """Path to answer, about these services."""
    return {
        "/remediate/plan": plan(names),
        "/incidents": [incident(number, names) for number in range(50)],
        "/statistics": statistics(names),
        "/audit": [row(number, names) for number in range(100, 0, -1)],
    }


def needs(names: list[str]) -> dict[str, list[str]]:
    """Five layers, each service below one or two of the layer above it."""
    width = max(len(names) // 5, 1)
    found = {}
    for place, name in enumerate(names):
        above = names[place - width : place] if place >= width else []
        found[name] = sorted({above[0], above[place % width]}) if above else []
    return found


def plan(names: list[str]) -> dict[str, Any]:
    width = max(len(names) // 5, 1)
    steps = [
        {
            "service": name,
            "unit": f"{name}.service",
            "level": place // width,
            "cause": "killed",
            "sentence": f"{name} was killed by SIGKILL",
            "evidence": ["unit is failed", "main process was killed by signal 9", "result signal"],
            "action": "reset-failed and start",
            "effect": "its probe is answered",
            "touches": [],
            "deadline_seconds": 30.0,
        }
        for place, name in enumerate(names)
    ]
    return {"plan": "3f9a6c1d20b7e845", "at": at(0), "steps": steps, "message": ""}


def incident(number: int, names: list[str]) -> dict[str, Any]:
    root, other = names[number % len(names)], names[(number + 1) % len(names)]
    told = {
        "began": ("its main process was killed by SIGKILL", "kernel"),
        "detected": ("failed: killed by SIGKILL", "agent"),
        "cause": (f"{root} was killed by SIGKILL", "agent"),
        "joined": (f"unresponsive: cannot reach {root}", "probe"),
        "action": ("started by alice", "operator"),
        "recovered": ("its probe is answered", "probe"),
    }
    timeline = [
        {"at": at(second), "what": what, "service": root, "text": text, "source": source}
        for second, (what, (text, source)) in enumerate(told.items())
    ]
    return {
        "id": f"{number:08x}", "state": "closed", "root": root, "services": [root, other], "cause": "killed",
        "sentence": f"{root} was killed by SIGKILL", "deliberate": False, "fault": None, "began": at(0),
        "began_source": "kernel", "detected": at(1), "acknowledged": at(3), "acknowledged_by": "alice",
        "note": "a drill", "first_action": at(4), "recovered": at(5), "closed": at(9), "ttd_seconds": 1.0,
        "tta_seconds": 2.0, "ttr_seconds": 5.0, "evidence": ["ActiveState=failed", "Result=signal"],
        "timeline": timeline,
    }  # fmt: skip


def statistics(names: list[str]) -> dict[str, Any]:
    spread = {"count": 50, "mean": 1.7, "median": 1.0, "p95": 5.0, "max": 9.0}
    shares = {"1h": 0.9827, "24h": 0.99928, "7d": None, "30d": None}
    return {
        "period_seconds": 86400, "since": at(0), "incidents": 50, "open": 0, "mttd_seconds": spread,
        "mtta_seconds": spread, "mttr_seconds": spread, "by_service": {}, "by_cause": {},
        "availability": dict.fromkeys(names, shares),
    }  # fmt: skip


def row(number: int, names: list[str]) -> dict[str, Any]:
    actor = {
        "uid": 0, "user": "alice", "pid": 4242, "pid_started": 123, "program": "curl", "door": "unix", "note": ""
    }  # fmt: skip
    return {
        "seq": number, "action_id": f"{number:032x}", "phase": "finished", "at": at(number), "action": "start",
        "service": names[number % len(names)], "actor": actor, "outcome": "ok", "reason": "",
        "sentence": "Service started manually", "job_id": number, "invocation_id": f"{number:032x}",
        "duration_seconds": 0.2, "incident": "", "detail": {},
    }  # fmt: skip
