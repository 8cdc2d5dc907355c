"""The commands that change something: asked for once each, waited for, and told as one line each."""

from __future__ import annotations

import json
import sys

from . import render
from .client import quoted
from .errors import FAILED, OK, CliError, RefusalError, UnreachableError, report
from .terminal import Progress, Style, clean

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

    from .client import Client
    from .options import Options

_GERUNDS = {
    "ping": "Pinging",
    "start": "Starting",
    "stop": "Stopping",
    "restart": "Restarting",
    "incident": "Breaking",
    "resolve": "Resolving",
    "remediate": "Remediating",
}


LOOK = 0.5
"""Seconds that a look at what the agent is at work on may take."""


class InterruptedActionError(KeyboardInterrupt):
    """Ctrl-C while the agent was at work; the text is what it goes on with."""


def act(options: Options, client: Client) -> int:
    """ping, start, stop, restart, incident, resolve: one service after the other, then the worst exit code."""
    action = options.command
    names = list(dict.fromkeys(options.services or (options.service or "",)))
    if len(names) > 1:
        _refuse_unknown(client, names)
    if action == "stop" and not _may_stop(options, client, names):
        return FAILED
    worst = OK
    for name in names:
        try:
            answer = _post(client, f"/{action}/{quoted(name)}", action, name)
        except RefusalError as error:
            if "service" not in error.body:  # not about this one service: the others would be told the same
                raise
            worst = FAILED
            report(error, as_json=options.json)
            continue
        _tell(answer, action, options)
    return worst


def remediate(options: Options, client: Client) -> int:
    """Show the plan, or bring back what is down: by that plan alone when its id is given."""
    if options.plan:
        plan = client.get("/remediate/plan")
        lines = [json.dumps(plan)] if options.json else render.plan(plan, Style.of(sys.stdout))
        for line in lines:
            print(line)
        return OK
    body = {"plan": options.plan_id} if options.plan_id else None
    answer = _post(client, "/remediate", "remediate", "", body, lambda: _at_work(client))
    if options.json:
        print(json.dumps(answer))
    else:
        for line in render.remediation(answer, Style.of(sys.stdout)):
            print(line)
        warn_unrecorded(answer)
    return OK if answer.get("status") == "completed" else FAILED


def _at_work(client: Client) -> str:
    """What the agent is at work on just now, for the line that shows that time passes."""
    try:
        shown = type(client)(client.endpoint, LOOK).get("/services")
    except CliError:
        return ""
    return ", ".join(f"{name} ({about.get('state', '?')})" for name, about in shown.items() if about.get("busy"))


def _tell(answer: dict[str, Any], action: str, options: Options) -> None:
    if options.json:
        print(json.dumps(answer), flush=True)
        return
    style = Style.of(sys.stdout)
    print(render.ping(answer, style) if action == "ping" else render.change(action, answer, style), flush=True)
    warn_unrecorded(answer)


def warn_unrecorded(answer: dict[str, Any]) -> None:
    if answer.get("recorded") is False:
        print(
            "incidentops: this was done but could not be written to the audit trail; see incidentops health",
            file=sys.stderr,
        )


def _post(
    client: Client,
    path: str,
    action: str,
    name: str,
    body: Mapping[str, Any] | None = None,
    about: Callable[[], str] | None = None,
) -> dict[str, Any]:
    """Have it done once, showing the time that it takes, and what it is ``about`` at the moment."""
    import uuid  # here, because showing the status needs none of it

    what, gerund = f"{action} {name}".strip(), f"{_GERUNDS[action]} {name}".strip()
    return waited_for(what, gerund, lambda tick: client.post(path, str(uuid.uuid4()), tick, body), about)


def waited_for(
    what: str,
    gerund: str,
    ask: Callable[[Callable[[float], None]], dict[str, Any]],
    about: Callable[[], str] | None = None,
) -> dict[str, Any]:
    """Ask for something that takes its time, which is shown meanwhile, and say what became of it when that is not
    known. ``what`` names it (stop redis), ``gerund`` says that it is under way (Stopping redis)."""
    progress = Progress(gerund, about=about)
    try:
        return ask(progress.tick)
    except KeyboardInterrupt:
        raise InterruptedActionError(what) from None
    except UnreachableError as error:
        if not error.sent:
            raise
        sentence = f"{error}. Whether {what!r} was done is not known: see incidentops status, and incidentops audit"
        if isinstance(error.__cause__, TimeoutError):
            sentence = f"{error}. It goes on with {what!r}; incidentops status shows how it went"
        raise UnreachableError(sentence, sent=True) from error
    finally:
        progress.clear()


def _refuse_unknown(client: Client, names: Iterable[str]) -> None:
    """Raise the agent's own refusal when one of the names is wrong, before anything is done to the others."""
    known = client.get("/services")
    for name in names:
        if name not in known:
            client.get(f"/services/{quoted(name)}")


def _may_stop(options: Options, client: Client, names: Iterable[str]) -> bool:
    """Show what goes down with the services, and on a terminal ask."""
    for name in names:
        for line in render.goes_down_too(name, client.get(f"/services/{quoted(name)}")):
            print(line, file=sys.stderr)
    if options.yes or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return True
    print(f"Stop {', '.join(map(clean, names))}? [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() in ("y", "yes"):
        return True
    print("nothing was stopped", file=sys.stderr)
    return False
