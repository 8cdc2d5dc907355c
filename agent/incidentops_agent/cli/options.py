"""The command line itself: which words there are and what they take."""

from __future__ import annotations

import argparse
import os

from .. import __version__
from . import values
from .client import Endpoint
from .errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

INCIDENT_PARTS = ("list", "show", "ack", "report", "stats")
MODES = ("auto", "manual", "reset")
SOCKET = "/run/incidentops/agent.sock"
READING, ACTING = 10.0, 600.0
"""Seconds that an answer may take when --timeout does not say; acting takes as long as the services' deadlines."""

EXAMPLES = """\
examples:
  incidentops status                    what is up, what is down and why
  incidentops restart redis worker      one after the other; done when they answer
  incidentops stop --yes postgres       without asking
  incidentops remediate                 bring back what is down, in dependency order
  incidentops remediate --plan          what that would do, and why
  incidentops events                    what happens, as it happens
  incidentops --json status | jq -r '.[] | select(.status == "down") | .reason'

exit codes:
  0  done; with status: everything is up       3  the agent can't be reached
  1  failed; with status: something is down    4  denied
  2  wrong usage, or there is no such service  130  interrupted

incidentops(1) says more."""


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Knows the width by itself: argparse asks for it with each argument, and imports shutil, with all compressors."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=_columns() - 2)


def _columns() -> int:
    try:
        return int(os.environ.get("COLUMNS", "")) or 80
    except ValueError:
        pass
    try:
        return os.get_terminal_size(1).columns or 80
    except OSError:
        return 80


class Options(argparse.Namespace):
    """What was given, with the defaults of what was not."""

    command: str
    json = False
    socket: str | None = None
    url: str | None = None
    timeout: float | None = None
    yes = False
    kind: str | None = None
    names: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()
    limit = 20
    lines = 100
    follow = False
    plan = False
    plan_id = ""
    service: str | None = None
    services: tuple[str, ...] = ()
    part: str | None = None
    user: str | None = None
    action: str | None = None
    incident: str | None = None
    since: str | None = None
    until: str | None = None
    before: str = ""
    head: str | None = None
    file: str | None = None
    output: str | None = None
    seconds: float | None = None
    reason: str | None = None
    end = False
    state: str | None = None
    note: str | None = None
    html = False
    mode: str | None = None
    seed: int | None = None
    interval: float | None = None
    jitter: float | None = None
    duration: float | None = None
    concurrency: int | None = None
    kinds: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    quiet: tuple[str, ...] = ()
    pause_on_incident = False

    def endpoint(self) -> Endpoint:
        """Where the agent is: --socket or --url, else $INCIDENTOPS_SOCKET, else the usual socket.

        Raises:
            UsageError: both are given, or the URL is none.
        """
        if self.socket is not None and self.url is not None:
            raise UsageError("cannot use --socket and --url together; give one of them")
        if self.url is not None:
            return Endpoint.from_url(self.url)
        return Endpoint(self.socket or os.environ.get("INCIDENTOPS_SOCKET") or SOCKET)


def _common() -> argparse.ArgumentParser:
    """The options that every word takes; without defaults, so that those given before the word are not lost."""
    made = argparse.ArgumentParser(
        add_help=False, argument_default=argparse.SUPPRESS, allow_abbrev=False, formatter_class=_Formatter
    )
    group = made.add_argument_group("options for every command")
    group.add_argument("--json", action="store_true", help="print the agent's answer as JSON, one line per answer")
    group.add_argument(
        "--socket", metavar="PATH", help=f"the agent's socket (default: $INCIDENTOPS_SOCKET or {SOCKET})"
    )
    group.add_argument("--url", help="the agent's address over TCP instead, such as http://localhost:8000")
    group.add_argument(
        "--timeout",
        metavar="SECONDS",
        type=values.seconds,
        help=f"how long to wait for an answer (default: {READING:g}, for actions {ACTING:g})",
    )
    group.add_argument("--version", action="version", version=f"incidentops {__version__}")
    return made


def _word(
    words: argparse._SubParsersAction[argparse.ArgumentParser], common: argparse.ArgumentParser, name: str, text: str
) -> argparse.ArgumentParser:
    return words.add_parser(
        name,
        help=text,
        description=text[0].upper() + text[1:] + ".",
        parents=[common],
        formatter_class=_Formatter,
        argument_default=argparse.SUPPRESS,
        allow_abbrev=False,
    )


def _audit(made: argparse.ArgumentParser, common: argparse.ArgumentParser) -> None:
    parts = made.add_subparsers(dest="part", metavar="PART", prog="incidentops audit")
    shown = _word(parts, common, "list", "show who did what, newest first; the same as without any PART")
    verify = _word(parts, common, "verify", "say whether the audit trail is as it was written, else the first bad row")
    export = _word(parts, common, "export", "write the audit trail as JSON, one row a line, with its hashes")
    checkpoint = _word(parts, common, "checkpoint", "remove the oldest rows, signed off by you")
    for one in (made, shown, export):
        one.add_argument("--service", metavar="SERVICE", type=values.name, help="only what was done to this service")
        one.add_argument("--user", metavar="NAME", type=values.text, help="only what this user did")
        one.add_argument(
            "--action", metavar="NAMES", type=values.text, help="only these actions, such as stop,breaker-*"
        )
        one.add_argument("--incident", metavar="ID", type=values.text, help="only what belongs to this incident")
        one.add_argument(
            "--since", metavar="TIME", type=values.moment, help="such as 2026-11-23T10:00, or 2h for two hours ago"
        )
        one.add_argument("--until", metavar="TIME", type=values.moment, help="up to, and without, this time")
    for one in (made, shown):
        one.add_argument("--limit", metavar="N", type=values.actions, help="at most so many actions (default: 20)")
    verify.add_argument("--head", metavar="SEQ:HASH", help="a head that was kept: nothing after it was cut off")
    verify.add_argument("--file", metavar="FILE", help="verify this export, without an agent; - for standard input")
    export.add_argument("--output", metavar="FILE", help="write to this file, which is there only when it is whole")
    checkpoint.add_argument(
        "--before", metavar="TIME", type=values.moment, required=True, help="such as 2026-01-01, or 90d for 90 days ago"
    )
    checkpoint.add_argument("-y", "--yes", action="store_true", help="don't ask")


def _incidents(made: argparse.ArgumentParser, common: argparse.ArgumentParser) -> None:
    parts = made.add_subparsers(dest="part", metavar="PART", prog="incidentops incident")
    listed = _word(parts, common, "list", "show the incidents, newest first; the same as without any PART")
    for one in (made, listed):
        one.add_argument("--state", choices=("open", "recovered", "closed"), help="only those in this state")
        one.add_argument(
            "--service", metavar="SERVICE", type=values.name, help="only those that this service is a part of"
        )
        one.add_argument("--limit", metavar="N", type=values.actions, help="at most so many (default: 20)")
    shown = _word(parts, common, "show", "show one incident with its timeline")
    taken = _word(parts, common, "ack", "acknowledge an incident: say that you have taken it up")
    told = _word(parts, common, "report", "write the report of an incident, as Markdown or HTML")
    for one in (shown, taken, told):
        one.add_argument("incident", metavar="ID", type=values.text)
    taken.add_argument("--note", metavar="TEXT", help="what there is to say")
    told.add_argument("--html", action="store_true", help="one HTML page that needs nothing else, with a chart")
    told.add_argument("--output", metavar="FILE", help="write to this file, which is there only when it is whole")
    stats = _word(parts, common, "stats", "show how long incidents took, and the availability of the services")
    stats.add_argument(
        "--period", dest="seconds", metavar="TIME", type=values.period, help="such as 24h or 7d (default: 30d)"
    )


def with_incidents(arguments: Sequence[str]) -> list[str]:
    """The arguments with ``incident list`` and the like as ``incidents list``: whatever else comes after ``incident``
    is the name of a service to break."""
    words = list(arguments)
    place = 0
    while place < len(words) and words[place].startswith("-"):
        place += 2 if words[place] in ("--socket", "--url", "--timeout") else 1
    after = [word for word in words[place + 1 :] if not word.startswith("-")]
    if words[place : place + 1] == ["incident"] and after[:1] and after[0] in INCIDENT_PARTS:
        words[place] = "incidents"
    return words


def _fault(made: argparse.ArgumentParser, common: argparse.ArgumentParser) -> None:
    parts = made.add_subparsers(dest="part", metavar="PART", prog="incidentops fault")
    _word(parts, common, "list", "show what is injected now; the same as without any PART")
    known = _word(parts, common, "catalogue", "show the kinds of faults, or one with its parameters")
    known.add_argument("kind", metavar="KIND", nargs="?", type=values.text, default=None)
    for name, text in (
        ("preview", "show what a fault would do, without doing it"),
        ("inject", "break a service on purpose, for a while"),
    ):
        part = _word(parts, common, name, text)
        part.add_argument("kind", metavar="KIND", type=values.text)
        part.add_argument("service", metavar="SERVICE", type=values.name)
        part.add_argument(
            "--for",
            dest="seconds",
            metavar="TIME",
            type=values.fault_span,
            help="how long, such as 30s or 5m (default: 60s)",
        )
        part.add_argument(
            "-p", "--parameter", dest="parameters", metavar="NAME=VALUE", action="append", help="a parameter of KIND"
        )
        if name == "inject":
            part.add_argument("-y", "--yes", action="store_true", help="don't ask")
    back = _word(parts, common, "revert", "undo faults now, until the services have recovered")
    back.add_argument("names", metavar="FAULT", nargs="+", type=values.text, help="the id of a fault, or its service")
    _word(parts, common, "panic", "undo every fault at once, without asking")


def _chaos(made: argparse.ArgumentParser, common: argparse.ArgumentParser) -> None:
    parts = made.add_subparsers(dest="part", metavar="PART", prog="incidentops chaos")
    _word(parts, common, "status", "show what it does, or did last; the same as without any PART")
    plan = _word(parts, common, "plan", "show what a run would do; the same seed and settings do the same")
    arm = _word(parts, common, "arm", "have it inject faults, for some time")
    for one in (plan, arm):
        one.add_argument("--seed", metavar="N", type=int, help="of the sequence (default: drawn, and told)")
        one.add_argument("--for", dest="seconds", metavar="TIME", type=values.span, help="how long (default: 10m)")
        one.add_argument(
            "--interval", metavar="TIME", type=values.span, help="between two faults, on average (default: 60s)"
        )
        one.add_argument("--jitter", metavar="SHARE", type=float, help="of the interval, 0 to 1 (default: 0.5)")
        one.add_argument("--duration", metavar="TIME", type=values.span, help="of each fault (default: 30s)")
        one.add_argument("--concurrency", metavar="N", type=int, help="faults at a time, at most (default: 1)")
        one.add_argument("--kinds", metavar="KIND,...", action="append", help="only these kinds of faults")
        one.add_argument("--services", dest="only", metavar="SERVICE,...", action="append", help="only these services")
        one.add_argument("--quiet", metavar="HH:MM-HH:MM", action="append", help="no fault then; may be given again")
        one.add_argument("--pause-on-incident", action="store_true", help="no new fault while an incident is open")
    arm.add_argument("-y", "--yes", action="store_true", help="don't ask")
    _word(parts, common, "disarm", "end the run, and undo all that it injected")


def _settings(word: Callable[[str, str], argparse.ArgumentParser]) -> None:
    """The words that set what is done automatically."""
    maintenance = word("maintenance", "keep automatic recovery from a service for some time, or show that")
    maintenance.add_argument("service", metavar="SERVICE", type=values.name)
    maintenance.add_argument(
        "--for",
        dest="seconds",
        metavar="TIME",
        type=values.span,
        help="how long, such as 90s, 30m, 1h or 2d (default: 30m)",
    )
    maintenance.add_argument("--reason", metavar="TEXT", help="begin it, for this reason")
    maintenance.add_argument("--end", action="store_true", help="end it now")
    recovery = word("recovery", "recover a service automatically or by hand for some time, or show what is in force")
    recovery.add_argument("service", metavar="SERVICE", type=values.name)
    recovery.add_argument("mode", metavar="MODE", nargs="?", choices=MODES, default=None, help="auto, manual, or reset")
    recovery.add_argument("--for", dest="seconds", metavar="TIME", type=values.span, help="how long (default: 1h)")


def parser() -> argparse.ArgumentParser:
    common = _common()
    made = argparse.ArgumentParser(
        prog="incidentops",
        description="Shows and controls the services of this machine through the IncidentOps agent.",
        epilog=EXAMPLES,
        formatter_class=_Formatter,
        parents=[common],
        allow_abbrev=False,
    )
    words = made.add_subparsers(dest="command", metavar="COMMAND", required=True, prog="incidentops")

    def word(name: str, text: str) -> argparse.ArgumentParser:
        return _word(words, common, name, text)

    word("status", "show the services and their states").add_argument(
        "services", nargs="*", metavar="SERVICE", type=values.name
    )
    for name, text in (
        ("ping", "ask services, now, whether they answer"),
        ("start", "start services, until they answer"),
        ("stop", "stop services, until they are down"),
        ("restart", "restart services, until they answer"),
    ):
        made_word = word(name, text)
        made_word.add_argument("services", nargs="+", metavar="SERVICE", type=values.name)
        if name == "stop":
            made_word.add_argument("-y", "--yes", action="store_true", help="don't ask")
    remediate = word("remediate", "bring back what is down, in dependency order")
    which = remediate.add_mutually_exclusive_group()
    which.add_argument("--plan", action="store_true", help="only show what would be done, and why")
    which.add_argument(
        "--plan-id", metavar="ID", type=values.plan_id, help="run exactly the plan with this id, or nothing"
    )
    for name, text in (
        ("incident", "break a service, to practise; or list, show, ack, report, stats as for incidents"),
        ("resolve", "bring a broken service back"),
        ("logs", "show what operators did to a service, oldest first"),
    ):
        word(name, text).add_argument("service", metavar="SERVICE", type=values.name)
    journal = word("journal", "show what the unit of a service has written to the journal, oldest first")
    journal.add_argument("service", metavar="SERVICE", type=values.name)
    journal.add_argument("-f", "--follow", action="store_true", help="go on with what comes, until interrupted")
    journal.add_argument("-n", "--lines", metavar="N", type=values.lines, help="so many lines (default: 100)")
    word("events", "show what happens, as it happens, until interrupted")
    word("system", "show CPU, memory, disk, load and pressure of the machine")
    _audit(word("audit", "show who did what, newest first, or verify, export or shorten the audit trail"), common)
    _fault(word("fault", "break services on purpose, each time for a while, and undo that"), common)
    _chaos(word("chaos", "have faults injected by a plan, or show that"), common)
    _settings(word)
    _incidents(word("incidents", "show, acknowledge and report incidents, and the figures over them"), common)
    word("health", "show whether the agent itself is well")
    return made
