"""The commands that only look."""

from __future__ import annotations

import json
import sys
from datetime import datetime

from . import render
from .client import quoted
from .errors import FAILED, OK
from .terminal import Style, clean

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from .client import Client
    from .options import Options


def show(lines: Iterable[str]) -> None:
    for line in lines:
        print(line)


def status(options: Options, client: Client) -> int:
    """All services or those named; FAILED when one of them is down."""
    found = client.get("/services")
    for name in options.services:
        if name not in found:
            client.get(f"/services/{quoted(name)}")  # the agent's own sentence about it
    shown = {name: found[name] for name in dict.fromkeys(options.services)} if options.services else found
    if options.json:
        print(json.dumps(shown))
    else:
        show(render.services(shown, datetime.now().astimezone(), Style.of(sys.stdout)))
        for problem in render.agent_problems(client.get("/health")):
            print(f"incidentops: the agent has a problem: {problem}", file=sys.stderr)
    return OK if all(service.get("status") == "up" for service in shown.values()) else FAILED


def logs(options: Options, client: Client) -> int:
    lines = client.get(f"/logs/{quoted(options.service or '')}")
    if options.json:
        print(json.dumps(lines))
    else:
        show(map(clean, lines))
    return OK


def system(options: Options, client: Client) -> int:
    figures = client.get("/system")
    show([json.dumps(figures)] if options.json else render.system(figures))
    return OK


def health(options: Options, client: Client) -> int:
    """The agent's own condition; FAILED when it has a problem."""
    answer = client.get("/health")
    show([json.dumps(answer)] if options.json else render.health(answer))
    return OK if answer.get("status") == "ok" else FAILED
