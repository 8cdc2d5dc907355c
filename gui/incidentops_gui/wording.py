"""Values as words: states, times, sizes, notes and popups. Pure; every text goes through translate.tr."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from .translate import marked, tr

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .answers import Change, Ping, Remediation
    from .state import Card, State

STATES = {
    "healthy": marked("Healthy"),
    "starting": marked("Starting"),
    "stopping": marked("Stopping"),
    "stopped": marked("Stopped"),
    "failed": marked("Failed"),
    "unresponsive": marked("Unresponsive"),
    "not-installed": marked("Not installed"),
    "unknown": marked("Unknown"),
}
BUSY = {
    "start": marked("Starting"),
    "stop": marked("Stopping"),
    "restart": marked("Restarting"),
    "ping": marked("Pinging"),
    "remediate": marked("Recovering"),
    "incident": marked("Breaking"),
    "resolve": marked("Resolving"),
    "inject": marked("Injecting"),
}
VERBS = {"start": marked("Start"), "stop": marked("Stop"), "restart": marked("Restart"), "ping": marked("Ping")}

# The contract's sentences: not translated, see translate.py.
STARTED_POPUP = "Service {service} was restarted successfully!!"
REMEDIATED_POPUP = "The following services were restarted successfully:"
NOTHING_POPUP = "No services required remediation."

UNANSWERED = marked("The connection broke before the agent answered; what came of it shows in the state above.")

MISSING = "–"  # noqa: RUF001 (an en dash is what a table shows for no value)


def state(word: str) -> str:
    """A state as a person reads it; a state of a newer agent as it is."""
    return tr(STATES[word]) if word in STATES else word


def status(up: bool) -> str:
    return tr("UP") if up else tr("DOWN")


def seconds(value: float) -> str:
    """A length of time, short: 12 s, 3 min, 2 h 5 min, 4 d 1 h. ``value`` is seconds."""
    whole = max(int(value), 0)
    if whole < 60:
        return tr("{n} s").format(n=whole)
    minutes = whole // 60
    if minutes < 60:
        return tr("{n} min").format(n=minutes)
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return tr("{h} h {m} min").format(h=hours, m=minutes) if minutes else tr("{h} h").format(h=hours)
    days, hours = divmod(hours, 24)
    return tr("{d} d {h} h").format(d=days, h=hours) if hours else tr("{d} d").format(d=days)


def ago(at: float | None, now: float) -> str:
    """How long ago something was; ``at`` and ``now`` are seconds since the epoch by the same clock."""
    if at is None:
        return MISSING
    if now - at < 2:
        return tr("just now")
    return tr("{time} ago").format(time=seconds(now - at))


def ago_lasts(at: float | None, now: float) -> float | None:
    """Seconds until ``ago`` says something else than it does now; None when it always says the same."""
    if at is None:
        return None
    age = max(now - at, 0.0)
    return 2 - age if age < 2 else seconds_last(age)


def seconds_last(value: float) -> float:
    """Seconds until ``seconds`` says something else of a time that goes on."""
    value = max(value, 0.0)
    step = 1.0 if value < 60 else 60.0 if value < 86_400 else 3600.0
    return step - value % step


def exact(at: float | None) -> str:
    """The instant in this machine's time zone, to the second."""
    return f"{datetime.fromtimestamp(at).astimezone():%Y-%m-%d %H:%M:%S %Z}" if at is not None else MISSING


def clock(at: float) -> str:
    return f"{datetime.fromtimestamp(at).astimezone():%H:%M:%S}"


def minute(at: float) -> str:
    """The time of day here, to the minute."""
    return f"{datetime.fromtimestamp(at).astimezone():%H:%M}"


def latency(value: float | None) -> str:
    """``value`` is seconds."""
    if value is None:
        return MISSING
    milliseconds = value * 1000
    if milliseconds < 10:
        return f"{milliseconds:.1f} ms"
    return f"{milliseconds:.0f} ms" if milliseconds < 10_000 else f"{value:.0f} s"


def size(value: float | None) -> str:
    """``value`` is bytes; binary units, as the agent's own texts have them."""
    if value is None:
        return MISSING
    for unit in ("B", "KB", "MB", "GB"):
        if value < 1024:
            return f"{value:.0f} {unit}" if value >= 100 or unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} TB"


def percent(value: float | None) -> str:
    if value is None:
        return MISSING
    return f"{value:.1f} %" if value < 9.95 else f"{value:.0f} %"


def busy(card: Card, now_ours: float, now_agent: float) -> str:
    """What is being done to a service and for how long; empty when nothing is."""
    doing = card.service.busy
    if card.pending is not None:
        word, since, user = card.pending.action, now_ours - card.pending.since, ""
    elif doing is not None:
        word, since, user = doing.action, now_agent - doing.since, doing.user
    else:
        return ""
    text = f"{tr(BUSY.get(word, word))}… {seconds(since)}"
    return tr("{busy} (by {user})").format(busy=text, user=user) if user else text


def tally(current: State) -> tuple[int, int]:
    """How many services are up and how many are down."""
    up = sum(card.service.up for card in current.cards.values())
    return up, len(current.cards) - up


# -- notes


def change_note(action: str, answer: Change) -> str:
    if answer.outcome == "unchanged":
        return tr("Nothing to do: {reason}").format(reason=answer.reason)
    done = {"start": tr("Started"), "stop": tr("Stopped"), "restart": tr("Restarted")}.get(action, action)
    text = tr("{done} and verified in {time}").format(done=done, time=latency(answer.duration))
    if action == "stop":
        text = tr("Stopped in {time}").format(time=latency(answer.duration))
        if answer.reason not in ("", "stopped"):
            text = f"{text}; {answer.reason}"
    return text if answer.recorded else f"{text} — {not_recorded()}"


def ping_note(answer: Ping) -> str:
    if answer.latency is None:
        text = tr("Ping succeeded")
    else:
        text = tr("Ping succeeded in {time}").format(time=latency(answer.latency))
    return text if answer.recorded else f"{text} — {not_recorded()}"


def not_recorded() -> str:
    return tr("it could not be written to the audit trail")


def remediation_note(answer: Remediation) -> str:
    if not answer.steps:
        return NOTHING_POPUP
    missed = [name for name in answer.skipped if name not in answer.by_themselves]
    text = tr("Recovered: {names}").format(names=", ".join(answer.remediated) or MISSING)
    if not answer.remediated and not missed:
        text = NOTHING_POPUP
    if answer.by_themselves:
        text = tr("{text} · up by itself: {names}").format(text=text, names=", ".join(answer.by_themselves))
    if missed:
        text = tr("{text} · not recovered: {names}").format(text=text, names=", ".join(missed))
    return text if answer.recorded else f"{text} — {not_recorded()}"


def remediation_popup(answer: Remediation) -> tuple[str, tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """The popup's sentence and the services it lists; a line with the reason for each that was not recovered, and for
    each that is up though nothing was done to it."""
    if not answer.steps:
        return NOTHING_POPUP, (), (), ()
    reasons = {step.service: step.reason for step in answer.steps}
    lines = {name: f"{name}: {reasons.get(name) or tr('no reason given')}" for name in answer.skipped}
    missed = tuple(line for name, line in lines.items() if name not in answer.by_themselves)
    up = tuple(line for name, line in lines.items() if name in answer.by_themselves)
    otherwise = tr("No service could be restarted.") if missed else NOTHING_POPUP
    return REMEDIATED_POPUP if answer.remediated else otherwise, answer.remediated, missed, up


def tip(text: str) -> str:
    """A text for a tooltip, shown as it is also where it looks like markup: Qt would take that for rich text."""
    if "<" not in text:
        return text
    plain = text.replace("&", "&amp;").replace("<", "&lt;").replace("\n", "<br>")
    return f"<qt>{plain}</qt>"


def sentence(text: str) -> str:
    """What an agent says of something, as the beginning of a line."""
    return text[:1].upper() + text[1:]


def listed(names: Iterable[str]) -> str:
    """Names as a sentence has them: a; a and b; a, b and c."""
    *most, last = list(names)
    return tr("{names} and {last}").format(names=", ".join(most), last=last) if most else last
