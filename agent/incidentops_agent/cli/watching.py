"""The commands that follow a stream of the agent's: its events, and the journal of a service."""

from __future__ import annotations

import contextlib
import json
import select
import sys
import time
from datetime import datetime

from . import render
from .client import quoted
from .errors import OK, UnreachableError
from .terminal import Style, clean

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Any

    from .client import Client
    from .options import Options

SILENCE = 10.0
"""Seconds without a sign of life after which the stream counts as dead; the agent gives one every 4 s."""
PAUSES = (0.2, 0.5, 1.0, 2.0, 5.0)
"""Seconds before each further try to come back; the last one is repeated."""


class Event:
    """One server-sent event."""

    __slots__ = ("data", "event_id", "kind")

    def __init__(self, kind: str, data: str, event_id: str) -> None:
        self.kind = kind
        self.data = data
        self.event_id = event_id


def parse(chunks: Iterable[bytes]) -> Iterator[Event]:
    """Events from the bytes of a stream: https://html.spec.whatwg.org/multipage/server-sent-events.html."""
    rest, kind, event_id = b"", "", ""
    data: list[str] = []
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        for raw in lines:
            line = raw.rstrip(b"\r").decode(errors="replace")
            if not line:
                if data:
                    yield Event(kind or "message", "\n".join(data), event_id)
                kind, data = "", []
                continue
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if name == "event":
                kind = value
            elif name == "data":
                data.append(value)
            elif name == "id":
                event_id = value


class Story:
    """Tells events as lines; remembers the services, so that it says only what a person would call news."""

    def __init__(self, style: Style) -> None:
        self._style = style
        self._known: dict[str, tuple[Any, ...]] = {}
        self._incidents: dict[str, tuple[Any, ...]] = {}

    def lines(self, kind: str, data: Mapping[str, Any], now: datetime) -> list[str]:
        if kind == "snapshot":
            return self._snapshot(data, now)
        if kind == "service":
            return self._service(str(data.get("name")), data, now)
        if kind == "action":
            return [self._action(data, now)]
        if kind == "incident":
            return self._incident(data, now)
        if kind == "agent":
            return self._agent(data, now)
        if kind == "chaos":
            return [self._chaos(data, now)]
        return []  # heartbeats, and figures that GET /system has

    def _snapshot(self, data: Mapping[str, Any], now: datetime) -> list[str]:
        """What has changed since the last snapshot: at first everything."""
        services = data.get("services") or {}
        lines = []
        for name, service in services.items():
            lines += self._service(name, service, now)
        for name in [name for name in self._known if name not in services]:
            del self._known[name]
            lines.append(f"{now:%H:%M:%S}   {clean(name)}: is not in the catalogue any more")
        for incident in reversed(data.get("incidents") or []):  # the oldest first
            lines += self._incident(incident, now)
        agent = data.get("agent") or {}
        return lines + (self._agent(agent, now) if agent.get("problems") else [])

    def _agent(self, agent: Mapping[str, Any], now: datetime) -> list[str]:
        """The agent's own condition: a line for each problem that it has, or one that says that it has none."""
        problems = [clean(problem) for problem in (agent.get("problems") or {}).values()]
        glyph, colour = self._style.led("failed" if problems else "healthy")
        lead = f"{now:%H:%M:%S} {self._style.paint(glyph, colour)} {self._style.paint('agent', 'bold')}: "
        return [lead + problem for problem in problems] or [lead + "well"]

    def _chaos(self, data: Mapping[str, Any], now: datetime) -> str:
        """What the chaos service does from now on."""
        status, until = str(data.get("status")), render.moment(data.get("until"))
        glyph, colour = self._style.led("healthy" if status == "idle" else "starting")
        line = f"{now:%H:%M:%S} {self._style.paint(glyph, colour)} {self._style.paint('chaos run', 'bold')}: "
        line += self._style.paint(clean(status), colour)
        if status == "armed" and until:
            return f"{line} until {render.clock(until, now)}"
        return line + (f", ended by {clean(data['ended_by'])}" if data.get("ended_by") else "")

    def _service(self, name: str, service: Mapping[str, Any], now: datetime) -> list[str]:
        busy = service.get("busy") or {}
        seen = tuple(service.get(key) for key in ("status", "state", "reason", "stale"))
        before = self._known.get(name)
        self._known[name] = (*seen, busy.get("since"))
        state = str(service.get("state", "unknown"))
        glyph, colour = self._style.led(state)
        lead = f"{self._style.paint(glyph, colour)} {self._style.paint(clean(name), 'bold')}: "
        lines = []
        if busy and (before is None or before[-1] != busy.get("since")):
            began = render.moment(busy.get("since")) or now
            user = clean(busy.get("user") or "nobody known")
            lines.append(f"{render.clock(began, now)} {lead}{clean(busy.get('action'))} begun by {user}")
        if before is None or before[:-1] != seen:
            changed = before is not None and before[1] == service.get("state")
            when = now if changed else render.moment(service.get("since")) or now
            reason = service.get("reason") or ""
            tail = f" ({clean(reason)})" if reason and reason != state else ""
            stale = ", stale" if service.get("stale") else ""
            word = self._style.paint(f"{clean(service.get('status', '?'))}, {clean(state)}", colour)
            lines.append(f"{render.clock(when, now)} {lead}{word}{stale}{tail}")
        return lines

    def _incident(self, about: Mapping[str, Any], now: datetime) -> list[str]:
        """A line when an incident has another state, member or cause than before, or somebody has taken it up."""
        name, state = str(about.get("id")), str(about.get("state"))
        taken = about.get("acknowledged_by") or ""
        seen = (state, tuple(about.get("services") or ()), about.get("cause"), taken)
        if self._incidents.get(name) == seen:
            return []
        self._incidents[name] = seen
        if state == "closed":
            del self._incidents[name]
        glyph, colour = self._style.led({"open": "failed", "recovered": "starting"}.get(state, "healthy"))
        moments = about.get("timeline") or [{}]
        when = render.moment(moments[-1].get("at")) or now
        services = clean(", ".join(about.get("services") or []))
        lead = f"{render.clock(when, now)} {self._style.paint(glyph, colour)} "
        what = self._style.paint(clean(f"incident {name}"), "bold")
        line = f"{lead}{what}: {self._style.paint(clean(state), colour)}, {services}: {clean(about.get('sentence'))}"
        return [line + (f" (taken up by {clean(taken)})" if taken else "")]

    def _action(self, row: Mapping[str, Any], now: datetime) -> str:
        when = render.moment(row.get("at")) or now
        outcome = str(row.get("outcome") or "?")
        good = outcome in ("ok", "unchanged")
        glyph = ("✔" if good else "✖") if self._style.glyphs else ("+" if good else "x")
        mark = self._style.paint(glyph, "green" if good else "red")
        what = self._style.paint(clean(f"{row.get('action')} {row.get('service') or ''}".strip()), "bold")
        who = row.get("actor") or {}
        line = (
            f"{render.clock(when, now)} {mark} {what}: {clean(outcome)}, by {clean(who.get('user') or 'nobody known')}"
        )
        if who.get("program"):
            line += f" ({clean(who['program'])})"
        if row.get("duration_seconds") is not None:
            line += f" in {render.duration(row['duration_seconds'])}"
        return line + (f": {clean(row['reason'])}" if row.get("reason") else "")


def events(options: Options, client: Client) -> int:
    """Follow the stream until interrupted. The first connection must succeed; later ones are tried for ever."""
    story = Story(Style.of(sys.stdout))
    last_id, failures, opened = "", 0, False
    while True:
        trouble = "the agent has ended the stream"
        try:
            for event in parse(client.stream("/events", last_id, SILENCE)):
                if failures:
                    print("incidentops: connected again", file=sys.stderr, flush=True)
                opened, failures = True, 0
                last_id = event.event_id or last_id
                _tell(event, options, story)
        except UnreachableError as error:
            if not opened:
                raise
            trouble = str(error)
        if not failures:
            print(f"incidentops: {clean(trouble)}; trying again", file=sys.stderr, flush=True)
        time.sleep(PAUSES[min(failures, len(PAUSES) - 1)])
        failures += 1


def _end_with_the_reader() -> None:
    """Who reads a pipe of ours may have gone while there was nothing to write."""
    watch = select.poll()
    with contextlib.suppress(OSError):  # it may be no file at all
        watch.register(sys.stdout.fileno(), select.POLLERR)
    if any(what & select.POLLERR for _, what in watch.poll(0)):
        raise BrokenPipeError


def _tell(event: Event, options: Options, story: Story) -> None:
    if event.kind == "heartbeat":
        _end_with_the_reader()
    try:
        data = json.loads(event.data)
    except ValueError:
        return
    if options.json:
        if event.kind != "heartbeat":
            print(json.dumps({"event": event.kind, "id": event.event_id, "data": data}), flush=True)
        return
    for line in story.lines(event.kind, data, datetime.now().astimezone()):
        print(line, flush=True)


def journal(options: Options, client: Client) -> int:
    """The newest lines of a journal and, if wanted, those that come. A stream that is cut ends it: nobody knows where
    the next one would have to begin."""
    path = f"/journal/{quoted(options.service or '')}?lines={options.lines}"
    style = Style.of(sys.stdout)
    if not options.follow:
        entries = client.get(path)
        if options.json:
            print(json.dumps(entries))
        else:
            for entry in entries:
                print(render.journal_entry(entry, datetime.now().astimezone(), style))
        return OK
    for event in parse(client.stream(f"{path}&follow=1", "", SILENCE)):
        if event.kind != "entry":
            continue
        entry = json.loads(event.data)
        print(
            json.dumps(entry) if options.json else render.journal_entry(entry, datetime.now().astimezone(), style),
            flush=True,
        )
    raise UnreachableError("cannot follow the journal any longer: the agent has ended the stream")
