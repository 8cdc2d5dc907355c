"""The agent's answers as lines for a person: pure functions, the time and the style are given."""

from __future__ import annotations

from datetime import UTC, datetime

from .terminal import clean

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

    from .terminal import Style

WRAP_LEAST = 24
"""Columns: with less room the last column is not wrapped but left to the terminal."""


def moment(text: str | None) -> datetime | None:
    """A time of the agent's, which are ISO 8601 in UTC; None when there is none."""
    if not text:
        return None
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        return None
    return when if when.tzinfo else when.replace(tzinfo=UTC)


def duration(seconds: float) -> str:
    """Seconds as a person says it: 0.4 ms, 83 ms, 2.6 s, 3 min, 5 h, 2 d."""
    if seconds < 0.0095:
        return f"{seconds * 1e3:.1f} ms"
    if seconds < 0.9995:
        return f"{seconds * 1e3:.0f} ms"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 59.5:
        return f"{seconds:.0f} s"
    return age(seconds)


def age(seconds: float) -> str:
    """Whole seconds, minutes, hours or days, rounded down."""
    whole = max(0, int(seconds))
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if whole >= size:
            return f"{whole // size} {unit}"
    return f"{whole} s"


def clock(when: datetime, now: datetime) -> str:
    """The local time of day; with the date when that is not today's."""
    local = when.astimezone(now.tzinfo)
    return local.strftime("%H:%M:%S" if local.date() == now.date() else "%Y-%m-%d %H:%M")


Cell = tuple[str, str]
"""A text and the name of its colour, empty for none."""


def table(rows: Sequence[Sequence[Cell]], style: Style) -> list[str]:
    """Rows as lines, columns two blanks apart; the last column is wrapped where the terminal ends."""
    widths = [max(len(text) for text, _ in column) for column in zip(*rows, strict=True)][:-1]
    indent = sum(widths) + 2 * len(widths)
    room = style.width - indent if style.width else 0
    lines = []
    for row in rows:
        cells = [
            style.paint(text, colour) + " " * (width - len(text))
            for (text, colour), width in zip(row[:-1], widths, strict=True)
        ]
        text, colour = row[-1]
        first, *more = wrapped(text, room) if room >= WRAP_LEAST else [text]
        lines.append("  ".join([*cells, style.paint(first, colour)]).rstrip())
        lines += [" " * indent + style.paint(part, colour) for part in more]
    return lines


def wrapped(text: str, width: int) -> list[str]:
    """A text as lines of at most ``width`` columns, broken at blanks where there are any."""
    lines = []
    while len(text) > width:
        at = text.rfind(" ", 1, width + 1)
        at = at if at > 0 else width
        lines.append(text[:at].rstrip())
        text = text[at:].lstrip()
    return [*lines, text]


def heading(*words: str) -> list[Cell]:
    return [(word, "bold" if word else "") for word in words]


# -- status


def services(shown: Mapping[str, Any], now: datetime, style: Style) -> list[str]:
    """The table of ``incidentops status``."""
    rows = [heading("", "SERVICE", "STATUS", "STATE", "SINCE", "RECOVERY", "PROBE", "REASON")]
    for name, service in shown.items():
        state = clean(service.get("state", "unknown"))
        glyph, colour = style.led(state)
        rows.append([
            (glyph, colour),
            (clean(name), "bold"),
            (clean(service.get("status", "?")), colour),
            (f"{state} (stale)" if service.get("stale") else state, colour),
            (_since(service, now), ""),
            (clean(service.get("recovery", "-")), ""),
            (_probe(service), ""),
            (_reason(service), ""),
        ])  # fmt: skip
    return table(rows, style) if len(rows) > 1 else ["no services"]


def _since(service: Mapping[str, Any], now: datetime) -> str:
    """When what is seen began: an up service's run, a down service's being down."""
    when = moment(service.get("started") if service.get("status") == "up" else service.get("since"))
    return f"{clock(when, now)} ({age((now - when).total_seconds())})" if when else "-"


def _probe(service: Mapping[str, Any]) -> str:
    probe = service.get("probe") or {}
    outcome, latency = probe.get("outcome"), probe.get("latency_seconds")
    if outcome == "ok" and latency is not None:
        return duration(latency)
    return "-" if outcome in (None, "none") else clean(outcome)


def _reason(service: Mapping[str, Any]) -> str:
    busy, reason = service.get("busy"), service.get("reason") or ""
    parts = []
    if busy:
        parts.append(f"{busy.get('action')} by {busy.get('user') or 'nobody known'} is under way")
    if reason and reason != service.get("state"):  # stopped because it is stopped
        parts.append(reason)
    return clean("; ".join(parts))


# -- actions

_DONE = {"start": "started", "stop": "stopped", "restart": "restarted", "incident": "broken", "resolve": "resolved"}


def change(action: str, answer: Mapping[str, Any], style: Style) -> str:
    """One line for a start, stop, restart, incident or resolve that did not fail."""
    state, status = str(answer.get("state", "unknown")), answer.get("status", "?")
    glyph, colour = style.led(state)
    line = f"{style.paint(glyph, colour)} {clean(answer.get('service', '?'))}: "
    if answer.get("outcome") == "unchanged" and answer.get("faults_reverted"):
        return line + f"{_DONE[action]}, {status}; what was injected into it is undone"
    if answer.get("outcome") == "unchanged":
        line += f"{status} already"
    else:
        line += f"{_DONE[action]}, {status} after {duration(answer.get('duration_seconds') or 0.0)}"
    reason = answer.get("reason") or ""
    return line + (f"; {clean(reason)}" if reason and reason != state else "")


def ping(answer: Mapping[str, Any], style: Style) -> str:
    glyph, colour = style.led(str(answer.get("state", "unknown")))
    line = f"{style.paint(glyph, colour)} {clean(answer.get('service', '?'))}: ping {clean(answer.get('ping', '?'))}"
    latency, reason = answer.get("latency_seconds"), answer.get("reason") or ""
    if latency is not None:
        line += f", {duration(latency)}"
    return line + (f"; {clean(reason)}" if reason else "")


def plan(answer: Mapping[str, Any], style: Style) -> list[str]:
    """The steps of a plan: why, what is done, what that leads to, and what else it hits."""
    steps = answer.get("steps") or []
    if not steps:
        return [clean(answer.get("message") or "No services required remediation.")]
    rows = [heading("LEVEL", "SERVICE", "CAUSE", "ACTION", "WHY AND WHAT")]
    for step in steps:
        what = f"{step.get('sentence', '')}; {step.get('effect', '')}"
        touches = ", ".join(step.get("touches") or [])
        if touches:
            what += f"; a restart also hits: {touches}"
        cells = [str(step.get("level", "?")), *(str(step.get(key, "?")) for key in ("service", "cause", "action"))]
        colour = "yellow" if step.get("action") == "skip" else ""
        rows.append([*((clean(cell), "") for cell in cells[:3]), (clean(cells[3]), colour), (clean(what), "")])
    plan_id = clean(answer.get("plan", "?"))
    return [*table(rows, style), "", f"Plan {plan_id}; incidentops remediate --plan-id {plan_id} runs exactly this."]


def remediation(answer: Mapping[str, Any], style: Style) -> list[str]:
    """What was brought back, in the order in which it was; then what was not, and why."""
    steps = answer.get("steps") or []
    done = [step for step in steps if step.get("outcome") == "ok"]
    lines = []
    if not steps:
        lines.append("No services required remediation.")
    if done:
        lines.append("The following services were restarted successfully:")
        lines += [f"  {style.bullet} {clean(step['service'])}" for step in done]
    for outcome, sentence in (("failed", "Could not be brought back:"), ("skipped", "Skipped:")):
        left = [step for step in steps if step.get("outcome") == outcome]
        if left:
            lines.append(sentence)
            lines += [f"  {style.bullet} {clean(step['service'])}: {clean(step.get('reason') or '-')}" for step in left]
    return lines


def recovery(answer: Mapping[str, Any], now: datetime, style: Style) -> list[str]:
    """What is done automatically about a service, and what has become of that."""
    name = style.paint(clean(answer.get("service")), "bold")
    note = f" ({clean(answer['reason'])})" if answer.get("reason") else ""
    lines = [f"{name}: recovery is {clean(answer.get('recovery'))}{note}"]
    window, auto = answer.get("maintenance"), answer.get("auto")
    if window:
        until = _until(window, now)
        lines.append(f"  under maintenance by {clean(window.get('user'))}{until}: {clean(window.get('reason'))}")
    if auto:
        lines.append(f"  {clean(auto.get('state'))}{_until(auto, now)}: {clean(auto.get('reason'))}")
        used = f"{auto.get('attempts')} of {auto.get('budget')} attempts"
        lines.append(f"  {used} used in the last {duration(float(auto.get('window_seconds') or 0))}")
    return lines


def _until(about: Mapping[str, Any], now: datetime) -> str:
    when = moment(about.get("until"))
    return f" until {clock(when, now)}" if when is not None else ""


def goes_down_too(name: str, service: Mapping[str, Any]) -> list[str]:
    """What a stop of a service does to others: units that systemd stops with it, and services that need it."""
    lines = []
    units = service.get("stops_with")
    if units is None:
        lines.append(f"What else a stop of {name} takes down is not known: systemd does not answer.")
    elif units:
        lines.append(f"A stop of {name} takes down too: {clean(', '.join(units))}")
    needed_by = service.get("dependants") or []
    if needed_by:
        lines.append(f"It is needed by: {clean(', '.join(needed_by))}")
    return lines


# -- the rest


def system(figures: Mapping[str, Any]) -> list[str]:
    lines = [f"{label:<9} {clean(figures.get(label.lower(), '-'))}" for label in ("CPU", "RAM", "Disk")]
    total, free = figures.get("swap_total_bytes"), figures.get("swap_free_bytes")
    if total:
        lines.append(f"{'Swap':<9} {total / 2**30:.1f} GB total, {(free or 0) / 2**30:.1f} GB free")
    load = figures.get("load_average")
    if load:
        lines.append(f"{'Load':<9} {' '.join(f'{value:.2f}' for value in load)} (1, 5 and 15 min)")
    for kind, shares in (figures.get("pressure") or {}).items():
        if shares:
            parts = [f"{name} {share.get('avg10', 0.0):.1f} %" for name, share in shares.items()]
            lines.append(f"{'Pressure':<9} {clean(kind)}: {', '.join(parts)} of the last 10 s")
    return lines


def audit(rows: Iterable[Mapping[str, Any]], now: datetime, style: Style) -> list[str]:
    """The table of ``incidentops audit``; one row per action, see ``actions``."""
    lines = [heading("TIME", "ACTION", "SERVICE", "OUTCOME", "USER", "PROGRAM", "DOOR", "TOOK", "REASON")]
    colours = {"ok": "green", "unchanged": "", "noted": "", "failed": "red", "interrupted": "red"}
    for row in rows:
        who, took = row.get("actor") or {}, row.get("duration_seconds")
        when = moment(row.get("at"))
        outcome = clean(row.get("outcome") or ("noted" if row.get("phase") == "noted" else "under way"))
        lines.append([
            (when.astimezone(now.tzinfo).strftime("%Y-%m-%d %H:%M:%S") if when else "-", ""),
            (clean(row.get("action", "?")), "bold"),
            (clean(row.get("service") or "-"), ""),
            (outcome, colours.get(outcome, "yellow")),
            (clean(who.get("user") or "-"), ""),
            (clean(who.get("program") or who.get("note") or "-"), ""),
            (clean(who.get("door") or "-"), ""),
            (duration(took) if took is not None else "-", ""),
            (clean(row.get("reason") or ""), ""),
        ])  # fmt: skip
    return table(lines, style) if len(lines) > 1 else ["nothing was done yet"]


def actions(rows: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """One row per action of the trail's two: the finished one, or the requested one while it is under way."""
    found: dict[object, Mapping[str, Any]] = {}
    for row in rows:  # newest first, so that an action's end comes before its beginning
        found.setdefault(row.get("action_id"), row)
    return list(found.values())


def journal_entry(entry: Mapping[str, Any], now: datetime, style: Style) -> str:
    """One line as journalctl(1) has it; red for errors, yellow for warnings."""
    when, pid = moment(entry.get("at")), entry.get("pid")
    priority = entry.get("priority", 6)
    colour = "red" if priority <= 3 else "yellow" if priority == 4 else ""
    source = clean(entry.get("identifier") or "?") + (f"[{pid}]" if pid else "")
    message = clean(entry.get("message", ""))
    return f"{clock(when, now) if when else '-'} {source}: {style.paint(message, colour)}"


def health(answer: Mapping[str, Any]) -> list[str]:
    problems = answer.get("problems") or {}
    if not problems and answer.get("status") == "ok":
        return ["The agent is well."]
    return [f"The agent is {clean(answer.get('status', '?'))}.", *agent_problems(answer)]


def agent_problems(answer: Mapping[str, Any]) -> list[str]:
    return [f"{clean(about)}: {clean(problem)}" for about, problem in (answer.get("problems") or {}).items()]
