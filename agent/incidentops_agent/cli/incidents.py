"""Incidents: listed, shown, acknowledged, reported, reckoned up."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import uuid
from datetime import datetime

from . import render
from .acting import warn_unrecorded
from .client import quoted
from .errors import FAILED, OK, CliError
from .terminal import Style, clean

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from .client import Client
    from .options import Options
    from .render import Cell

_STATES = {"open": ("failed", "red"), "recovered": ("starting", "yellow"), "closed": ("healthy", "")}
"""The LED and the colour of an incident's state."""


def incidents(options: Options, client: Client) -> int:
    """What ``options.part`` says; the list without any."""
    parts = {"show": show, "ack": acknowledge, "report": report, "stats": statistics}
    return parts.get(options.part or "", every)(options, client)


def every(options: Options, client: Client) -> int:
    query = f"limit={options.limit}"
    for name, value in (("state", options.state), ("service", options.service)):
        if value is not None:
            query += f"&{name}={quoted(value)}"
    found = client.get(f"/incidents?{query}")
    _print([json.dumps(found)] if options.json else table(found, datetime.now().astimezone(), Style.of(sys.stdout)))
    return OK


def show(options: Options, client: Client) -> int:
    found = client.get(f"/incidents/{quoted(options.incident or '')}")
    _print([json.dumps(found)] if options.json else one(found, datetime.now().astimezone(), Style.of(sys.stdout)))
    return OK


def acknowledge(options: Options, client: Client) -> int:
    path = f"/incidents/{quoted(options.incident or '')}/acknowledge"
    answer = client.post(path, str(uuid.uuid4()), body={"note": options.note or ""})
    if options.json:
        print(json.dumps(answer))
        return OK
    when = render.moment(answer.get("acknowledged"))
    print(
        f"incident {clean(answer.get('id'))} of {clean(answer.get('root'))} is acknowledged by"
        f" {clean(answer.get('acknowledged_by') or 'nobody known')}"
        + (f" since {_local(when)}" if when else "")
        + f", {length(answer.get('tta_seconds'))} after its detection"
    )
    warn_unrecorded(answer)
    return OK


def report(options: Options, client: Client) -> int:
    """The report as it comes from the agent, to stdout or to --output, which is there only when it is whole."""
    wanted = "html" if options.html else "markdown"
    pieces: list[bytes] = []
    client.download(f"/incidents/{quoted(options.incident or '')}/report?format={wanted}", pieces.append)
    text = b"".join(pieces)
    if options.output in (None, "-"):
        sys.stdout.flush()
        sys.stdout.buffer.write(text)
        sys.stdout.buffer.flush()
        return OK
    target = options.output or ""
    fresh = f"{target}.{os.getpid()}.part"
    try:
        with open(fresh, "xb") as file:  # noqa: PTH123 - pathlib costs 10 ms
            file.write(text)
        os.replace(fresh, target)  # noqa: PTH105
    except OSError as error:
        with contextlib.suppress(OSError):
            os.unlink(fresh)  # noqa: PTH108
        raise CliError(FAILED, "unwritable", f"cannot write {target}: {error.strerror or error}") from error
    print(json.dumps({"file": target, "bytes": len(text)}) if options.json else f"the report is in {clean(target)}")
    return OK


def statistics(options: Options, client: Client) -> int:
    query = f"?period={options.seconds:.0f}" if options.seconds is not None else ""
    found = client.get(f"/statistics{query}")
    _print([json.dumps(found)] if options.json else figures(found, Style.of(sys.stdout)))
    return OK


def _print(lines: Iterable[str]) -> None:
    for line in lines:
        print(line)


# -- as lines


def length(seconds: float | None) -> str:
    """Seconds as a person says it: 12 ms, 2.3 s, 4 min 10 s, 2 h 5 min, 3 d 4 h; a dash for None."""
    if seconds is None:
        return "-"
    if seconds < 59.95:
        return render.duration(seconds) if seconds < 9.95 else f"{seconds:.1f} s"
    whole = round(seconds)
    for size, unit, smaller, small in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= size:
            rest = whole % size // smaller
            return f"{whole // size} {unit}" + (f" {rest} {small}" if rest else "")
    return f"{seconds:.1f} s"


def _local(when: datetime) -> str:
    """The local time with its zone."""
    return when.astimezone().strftime("%Y-%m-%d %H:%M:%S %Z")


def table(found: Iterable[Mapping[str, Any]], now: datetime, style: Style) -> list[str]:
    """The list of incidents, newest first."""
    rows = [render.heading("", "ID", "STATE", "DETECTED", "SERVICES", "CAUSE", "DETECT", "ACK", "RECOVER", "WHAT")]
    for about in found:
        state = str(about.get("state"))
        led, colour = _STATES.get(state, ("unknown", ""))
        when = render.moment(about.get("detected"))
        cells: list[Cell] = [
            (style.led(led)[0], style.led(led)[1]),
            (clean(about.get("id")), "bold"),
            (clean(state), colour),
            (render.clock(when, now) if when else "-", ""),
            (clean(", ".join(about.get("services") or [])), ""),
            (clean(about.get("cause")), ""),
            (length(about.get("ttd_seconds")), ""),
            (length(about.get("tta_seconds")), ""),
            (length(about.get("ttr_seconds")), ""),
            (clean(about.get("sentence")), ""),
        ]
        rows.append(cells)
    return render.table(rows, style) if len(rows) > 1 else ["no incidents"]


def one(about: Mapping[str, Any], now: datetime, style: Style) -> list[str]:
    """One incident: its facts, its measures, its timeline in local time."""
    state = str(about.get("state"))
    led, colour = _STATES.get(state, ("unknown", ""))
    glyph, led_colour = style.led(led)
    title = f"Incident {clean(about.get('id'))}: {clean(about.get('root'))}"
    lines = [f"{style.paint(glyph, led_colour)} {style.paint(title, 'bold')}, {style.paint(clean(state), colour)}"]
    facts = [
        ("Cause", f"{about.get('cause')}: {about.get('sentence')}"),
        ("Services", ", ".join(about.get("services") or [])),
        ("Deliberate", "yes" if about.get("deliberate") else ""),
        ("Fault", " ".join((about.get("fault") or {}).values())),
        ("Acknowledged", _acknowledged(about)),
        ("To detect", length(about.get("ttd_seconds"))),
        ("To recover", length(about.get("ttr_seconds")) if about.get("recovered") else "still open"),
    ]
    lines += [f"  {name:<13} {clean(text)}" for name, text in facts if text]
    lines += [f"  {'Evidence':<13} {clean(text)}" for text in about.get("evidence") or []]
    zone = now.strftime("%Z")
    rows = [render.heading(f"TIME ({zone})", "WHAT", "SERVICE", "SOURCE", "TEXT")]
    for moment in about.get("timeline") or []:
        when = render.moment(moment.get("at"))
        rows.append([
            (_exact(when, now) if when else "-", ""),
            (clean(moment.get("what")), "bold"),
            (clean(moment.get("service")), ""),
            (clean(moment.get("source")), ""),
            (clean(moment.get("text")), ""),
        ])  # fmt: skip
    return [*lines, "", *render.table(rows, style)]


def _acknowledged(about: Mapping[str, Any]) -> str:
    if not about.get("acknowledged"):
        return "by nobody"
    note = f": {about.get('note')}" if about.get("note") else ""
    after = length(about.get("tta_seconds"))
    return f"by {about.get('acknowledged_by') or 'nobody known'}, {after} after its detection{note}"


def _exact(when: datetime, now: datetime) -> str:
    """Local time to the millisecond; with the date when that is not today's."""
    local = when.astimezone(now.tzinfo)
    text = f"{local:%H:%M:%S}.{local.microsecond // 1000:03}"
    return text if local.date() == now.date() else f"{local:%Y-%m-%d} {text}"


def figures(found: Mapping[str, Any], style: Style) -> list[str]:
    """The figures over a period, and availability."""
    period = length(found.get("period_seconds"))
    lines = [f"{found.get('incidents')} incidents in {period}, {found.get('open')} of them not over"]
    rows = [render.heading("", "COUNT", "MEAN", "MEDIAN", "95 %", "LONGEST")]
    for label, key in (("to detect", "mttd"), ("to acknowledge", "mtta"), ("to recover", "mttr")):
        rows.append([(label, ""), *_summary(found.get(f"{key}_seconds") or {})])
    lines += ["", *render.table(rows, style)]
    for title, key in (("SERVICE", "by_service"), ("CAUSE", "by_cause")):
        groups = found.get(key) or {}
        if groups:
            rows = [render.heading(title, "INCIDENTS", "TO DETECT", "TO ACKNOWLEDGE", "TO RECOVER")]
            rows += [[(clean(name), "bold"), *_means(group)] for name, group in groups.items()]
            lines += ["", *render.table(rows, style)]
    shares = found.get("availability") or {}
    if shares:
        windows = list(next(iter(shares.values())))
        rows = [render.heading("AVAILABILITY", *windows)]
        for name, share in shares.items():
            rows.append([(clean(name), "bold"), *((_percent(share.get(window)), "") for window in windows)])
        lines += ["", *render.table(rows, style)]
    return lines


def _summary(values: Mapping[str, Any]) -> list[Cell]:
    lengths = [length(values.get(key)) for key in ("mean", "median", "p95", "max")]
    return [(str(values.get("count", 0)), ""), *((text, "") for text in lengths)]


def _means(group: Mapping[str, Any]) -> list[Cell]:
    means = [(group.get(f"{key}_seconds") or {}).get("mean") for key in ("mttd", "mtta", "mttr")]
    return [(str(group.get("incidents", 0)), ""), *((length(mean), "") for mean in means)]


def _percent(share: float | None) -> str:
    """Rounded down: 100 % is said only of what was never down."""
    return "-" if share is None else f"{int(share * 1e5) / 1e3:.3f} %"
