"""Chaos runs: what one would do, arming and disarming, and what one does or did."""

from __future__ import annotations

import json
import sys
import uuid
from datetime import datetime

from . import render
from .acting import waited_for, warn_unrecorded
from .errors import FAILED, OK
from .terminal import Style, clean

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from .client import Client
    from .options import Options

SHOWN = 20
"""Steps of a run that its status shows, the newest."""
_COLOURS = {"failed": "red", "lost": "red", "skipped": "dim", "injected": "yellow", "injecting": "yellow"}


def chaos(options: Options, client: Client) -> int:
    """What ``options.part`` says; the status without any."""
    parts = {"plan": plan, "arm": arm, "disarm": disarm}
    return parts.get(options.part or "", status)(options, client)


def status(options: Options, client: Client) -> int:
    """What the chaos service does, or did last."""
    found = client.get("/chaos")
    _tell(options, found, lambda style: run(found, datetime.now().astimezone(), style))
    return OK


def plan(options: Options, client: Client) -> int:
    """What a run would do; the same seed and settings do the same."""
    found = client.post("/chaos/plan", str(uuid.uuid4()), body=settings(options))
    _tell(options, found, lambda style: planned(found, style))
    return OK


def arm(options: Options, client: Client) -> int:
    """Arm the chaos service; on a terminal shows first what it would do, and asks."""
    body = settings(options)
    if not options.yes and sys.stdin.isatty() and sys.stderr.isatty():
        found = client.post("/chaos/plan", str(uuid.uuid4()), body=body)
        for line in planned(found, Style.of(sys.stderr)):
            print(line, file=sys.stderr)
        print("Arm it? [y/N] ", end="", file=sys.stderr, flush=True)
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            print("nothing was armed", file=sys.stderr)
            return FAILED
        body = found["settings"]  # what was shown, with its seed
    answer = waited_for("chaos arm", "Arming", lambda tick: client.post("/chaos/arm", str(uuid.uuid4()), tick, body))
    _tell(options, answer, lambda style: run(answer, datetime.now().astimezone(), style))
    warn_unrecorded(answer)
    return OK


def disarm(options: Options, client: Client) -> int:
    """Disarm the chaos service, and wait until all that it injected is undone."""
    answer = waited_for("chaos disarm", "Disarming", lambda tick: client.post("/chaos/disarm", str(uuid.uuid4()), tick))
    _tell(options, answer, lambda style: run(answer, datetime.now().astimezone(), style))
    warn_unrecorded(answer)
    return OK


def settings(options: Options) -> dict[str, Any]:
    """The settings that were given; the chaos service has the defaults of the others, and judges them."""
    given: dict[str, Any] = {
        "seed": options.seed,
        "seconds": options.seconds,
        "interval": options.interval,
        "jitter": options.jitter,
        "duration": options.duration,
        "concurrency": options.concurrency,
        "pause_on_incident": options.pause_on_incident or None,
    }
    lists = {"kinds": options.kinds, "services": options.only, "quiet": options.quiet}
    for key, texts in lists.items():
        if texts:
            given[key] = [one.strip() for text in texts for one in text.split(",") if one.strip()]
    return {key: value for key, value in given.items() if value is not None}


def _tell(options: Options, found: Any, lines: Any) -> None:
    if options.json:
        print(json.dumps(found))
        return
    for line in lines(Style.of(sys.stdout)):
        print(line)


# -- as lines


def planned(found: Mapping[str, Any], style: Style) -> list[str]:
    """A plan as a table."""
    lines = [_about(found["settings"])]
    steps = found["steps"]
    if steps:
        rows = [render.heading("STEP", "AFTER", "FOR", "SERVICE", "FAULT")]
        rows += [[(str(one["number"]), ""), *_step(one)] for one in steps]
        lines += render.table(rows, style)
    lines.append(clean(found.get("message") or f"{len(steps)} faults; what is not possible at its time is skipped"))
    return lines


def _about(about: Mapping[str, Any]) -> str:
    text = f"seed {about['seed']}, for {_seconds(about['seconds'])}, a fault each {_seconds(about['interval'])}"
    text += f" on average, at most {about['concurrency']} at a time"
    if about.get("pause_on_incident"):
        text += ", none while an incident is open"
    if about.get("quiet"):
        text += f", none at {' and '.join(map(clean, about['quiet']))}"
    return text


def _step(one: Mapping[str, Any]) -> list[render.Cell]:
    return [
        (_seconds(one["at_seconds"]), ""),
        (_seconds(one["duration_seconds"]), ""),
        (clean(one["service"]), ""),
        (clean(one["kind"]), "bold"),
    ]


def _seconds(value: float) -> str:
    """Minutes and seconds: 95 is 1:35. Shorter times than a minute have their unit."""
    if value < 60:
        return f"{value:g} s"
    whole = int(value)
    hours, rest = divmod(whole, 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60}:{rest % 60:02}"


def run(found: Mapping[str, Any], now: datetime, style: Style) -> list[str]:
    """The present or the last run, with what became of its steps."""
    if not found.get("run"):
        return ["the chaos service is idle, and was not armed since it was started"]
    lines = [f"{_state(found, now, style)}: {_about(found['settings'])}"]
    steps: Sequence[Mapping[str, Any]] = found.get("steps") or []
    if steps:
        rows = [render.heading("STEP", "AFTER", "FOR", "SERVICE", "FAULT", "OUTCOME")]
        for one in steps[-SHOWN:]:
            outcome = clean(one["outcome"]) + (f" ({clean(one['reason'])})" if one.get("reason") else "")
            rows.append([(str(one["number"]), ""), *_step(one), (outcome, _COLOURS.get(one["outcome"], ""))])
        lines += render.table(rows, style)
    coming = found.get("next")
    if coming:
        after = _seconds(coming["at_seconds"])
        lines.append(f"next: {clean(coming['kind'])} of {clean(coming['service'])} after {after}")
    lines += [f"not undone yet: {clean(one)}: {clean(why)}" for one, why in (found.get("left") or {}).items()]
    return lines


def _state(found: Mapping[str, Any], now: datetime, style: Style) -> str:
    word = style.paint(clean(found["status"]), "dim" if found["status"] == "idle" else "yellow")
    until, ended = render.moment(found.get("until")), render.moment(found.get("ended"))
    if found["status"] == "armed" and until:
        return f"{word} until {render.clock(until, now)}"
    if found["status"] == "idle" and ended:
        return f"{word}; the last run ended at {render.clock(ended, now)} by {clean(found.get('ended_by'))}"
    return word
