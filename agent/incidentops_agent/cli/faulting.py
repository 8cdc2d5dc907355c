"""Faults: what there is, what one would do, injected and reverted."""

from __future__ import annotations

import json
import sys
from datetime import datetime

from . import render
from .acting import waited_for, warn_unrecorded
from .client import quoted
from .errors import FAILED, OK, UsageError
from .terminal import Style, clean

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from .client import Client
    from .options import Options


def fault(options: Options, client: Client) -> int:
    """What ``options.part`` says; the list without any."""
    parts = {"catalogue": catalogue, "preview": preview, "inject": inject, "revert": revert, "panic": panic}
    return parts.get(options.part or "", active)(options, client)


def active(options: Options, client: Client) -> int:
    """What is injected now."""
    found = client.get("/faults")
    if options.json:
        print(json.dumps(found))
    elif not found:
        print("no fault is injected")
    else:
        _print(listed(found, Style.of(sys.stdout)))
    return OK


def catalogue(options: Options, client: Client) -> int:
    """The kinds of faults; with a kind, its parameters, and on which services it is possible."""
    found = client.get("/faults/catalogue")
    if options.kind is not None:
        kinds = [one for one in found["kinds"] if one["kind"] == options.kind]
        if not kinds:
            known = ", ".join(one["kind"] for one in found["kinds"])
            raise UsageError(f"cannot find a kind of fault {options.kind!r}; known: {known}")
        found = {**found, "kinds": kinds}
    if options.json:
        print(json.dumps(found))
    elif options.kind is not None:
        _print(one_kind(found["kinds"][0], Style.of(sys.stdout)))
    else:
        _print(all_kinds(found["kinds"], Style.of(sys.stdout)))
    return OK


def preview(options: Options, client: Client) -> int:
    """What a fault would do; FAILED when it is not possible here."""
    answer = client.post("/faults/preview", _key(), body=_order(options))
    if options.json:
        print(json.dumps(answer))
    else:
        _print(previewed(answer))
    return OK if answer.get("available") else FAILED


def inject(options: Options, client: Client) -> int:
    """Inject a fault; on a terminal shows what it would do and asks first."""
    order = _order(options)
    if not options.yes and sys.stdin.isatty() and sys.stderr.isatty():
        for line in previewed(client.post("/faults/preview", _key(), body=order)):
            print(line, file=sys.stderr)
        print(
            f"Inject {clean(options.kind)} into {clean(options.service)}? [y/N] ", end="", file=sys.stderr, flush=True
        )
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            print("nothing was injected", file=sys.stderr)
            return FAILED
    what = f"inject {options.kind} into {options.service}"
    progress = f"Injecting {options.kind} into {options.service}"
    answer = waited_for(what, progress, lambda tick: client.post("/faults", _key(), tick, order))
    if options.json:
        print(json.dumps(answer))
    else:
        _print(injected(answer, datetime.now().astimezone(), Style.of(sys.stdout)))
        warn_unrecorded(answer)
    return OK


def revert(options: Options, client: Client) -> int:
    """Revert faults by their ids, or by the names of the services that have them."""
    there = client.get("/faults")
    ids = []
    for name in dict.fromkeys(options.names):
        ids += [one["id"] for one in there if one["service"] == name] or [name]
    for fault_id in ids:
        answer = _reverted(client, fault_id)
        if options.json:
            print(json.dumps(answer), flush=True)
        else:
            print(reverted(answer, Style.of(sys.stdout)), flush=True)
            warn_unrecorded(answer)
    return OK


def _reverted(client: Client, fault_id: str) -> dict[str, Any]:
    path = f"/faults/{quoted(fault_id)}"
    what, gerund = f"revert {fault_id}", f"Reverting {fault_id}"
    return waited_for(what, gerund, lambda tick: client.delete(path, _key(), tick))


def panic(options: Options, client: Client) -> int:
    """Revert everything, without asking."""
    answer = waited_for(
        "revert all faults", "Reverting all faults", lambda tick: client.post("/faults/panic", _key(), tick)
    )
    if options.json:
        print(json.dumps(answer))
        return OK
    for step in answer.get("steps") or []:
        print(reverted(step, Style.of(sys.stdout)))
    print(clean(answer.get("message") or "nothing is injected any more"))
    return OK


def _key() -> str:
    import uuid

    return str(uuid.uuid4())


def _order(options: Options) -> dict[str, Any]:
    order: dict[str, Any] = {"kind": options.kind, "service": options.service}
    if options.parameters:
        order["parameters"] = dict(_parameter(text) for text in options.parameters)
    if options.seconds is not None:
        order["duration"] = options.seconds
    return order


def _parameter(text: str) -> tuple[str, Any]:
    """NAME=VALUE; numbers and flags are what they look like, all else is text."""
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise UsageError(f"cannot take the parameter {text!r}; give NAME=VALUE")
    try:
        read = json.loads(value)
    except ValueError:
        return name, value
    return name, read if isinstance(read, int | float | bool) else value


def _print(lines: Sequence[str]) -> None:
    for line in lines:
        print(line)


# -- as lines


def listed(found: Sequence[Mapping[str, Any]], style: Style) -> list[str]:
    """The faults that are injected as a table."""
    rows = [render.heading("ID", "FAULT", "SERVICE", "PHASE", "LEFT", "BY")]
    for one in found:
        left = one.get("remaining_seconds")
        rows.append([
            (clean(one.get("id")), ""),
            (clean(one.get("kind")), "bold"),
            (clean(one.get("service")), ""),
            (clean(one.get("phase")), "red" if one.get("phase") == "undo-failed" else "yellow"),
            (render.duration(left) if left is not None else "-", ""),
            (clean(one.get("requested_by") or "-"), ""),
        ])  # fmt: skip
    lines = render.table(rows, style)
    lines += [f"{clean(one['id'])}: {clean(one['failure'])}" for one in found if one.get("failure")]
    return lines


def all_kinds(kinds: Sequence[Mapping[str, Any]], style: Style) -> list[str]:
    """Each kind with the services on which it is possible now."""
    rows = [render.heading("FAULT", "POSSIBLE ON", "WHAT IT DOES")]
    for kind in kinds:
        names = [clean(one["service"]) for one in kind["services"] if one["available"]]
        shown = ", ".join(names) if names else "nothing here"
        rows.append([(clean(kind["kind"]), "bold"), (shown, "" if names else "dim"), (clean(kind["summary"]), "")])
    return render.table(rows, style)


def one_kind(kind: Mapping[str, Any], style: Style) -> list[str]:
    """A kind with its parameters, and why it is not possible where it is not."""
    lines = [style.paint(clean(kind["kind"]), "bold") + f": {clean(kind['summary'])}"]
    if kind.get("needs"):
        lines.append(f"needs {clean(kind['needs'])}")
    lines += [f"  {style.bullet} {_described(one)}" for one in kind["parameters"]]
    for one in kind["services"]:
        word = style.paint("available", "green") if one["available"] else style.paint("unavailable here", "yellow")
        because = f" because {clean(one['reason'])}" if one.get("reason") else ""
        lines.append(f"  {clean(one['service'])}: {word}{because}")
    return lines


def _described(parameter: Mapping[str, Any]) -> str:
    about = clean(parameter["type"])
    if "low" in parameter:
        about += f", {parameter['low']:g} to {parameter['high']:g} {parameter.get('unit', '')}".rstrip()
    elif parameter.get("choices"):
        about += f", one of {', '.join(map(clean, parameter['choices']))}"
    default = parameter["default"]
    about += "; must be given" if default is None else f"; default {clean(default) or 'none'}"
    return f"{clean(parameter['name'])} ({about}): {clean(parameter['help'])}"


def previewed(answer: Mapping[str, Any]) -> list[str]:
    """What a fault would do, or why it can't be."""
    about = f"{clean(answer.get('kind'))} of {clean(answer.get('service'))}"
    if not answer.get("available"):
        return [f"{about} is unavailable here because {clean(answer.get('reason'))}"]
    seconds = float(answer.get("duration_seconds") or 0)
    lines = [f"{about}, undone after {render.duration(seconds)}:"]
    return lines + [f"  {clean(sentence)}" for sentence in answer.get("preview") or []]


def injected(answer: Mapping[str, Any], now: datetime, style: Style) -> list[str]:
    """That a fault is in effect, until when, and how to end it sooner."""
    found = answer.get("fault") or {}
    until = render.moment(found.get("until"))
    when = f", undone by itself at {render.clock(until, now)}" if until else ""
    glyph, colour = style.led(str(answer.get("state", "unknown")))
    return [
        f"{style.paint(glyph, colour)} {clean(answer.get('service'))}: {clean(answer.get('reason'))}{when}",
        f"  incidentops fault revert {clean(found.get('id'))}",
    ]


def reverted(answer: Mapping[str, Any], style: Style) -> str:
    """One line for a fault that is undone, or is not."""
    found = answer.get("fault") or {}
    glyph, colour = style.led(str(answer.get("state", "unknown")))
    line = f"{style.paint(glyph, colour)} {clean(answer.get('service'))}: "
    line += f"{clean(found.get('kind'))} {clean(found.get('id'))} "
    if answer.get("kind"):
        return line + f"is not undone; {clean(answer.get('reason'))}"
    if answer.get("outcome") == "unchanged":
        return line + "was over already"
    return line + f"undone after {render.duration(answer.get('duration_seconds') or 0.0)}"
