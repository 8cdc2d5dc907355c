"""How values of the command line are read: text in, value out, argparse.ArgumentTypeError for what makes no sense."""

from __future__ import annotations

import argparse

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= 86400:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds above 0, at most 86400")
    return value


def whole(text: str, most: int) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10 and 0 < int(text) <= most):
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1 to {most}")
    return int(text)


def actions(text: str) -> int:
    return whole(text, 1000)


def lines(text: str) -> int:
    return whole(text, 5000)


def time(text: str, most: str, such_as: str) -> float:
    """90, 90s, 30m, 1h or 2d as seconds, up to ``most``, which is written so too."""
    number, unit = (text[:-1], text[-1:]) if text[-1:] in UNITS else (text, "s")
    whole = int(number) if number.isascii() and number.isdigit() and len(number) < 10 else 0
    if not 0 < whole * UNITS[unit] <= int(most[:-1]) * UNITS[most[-1]]:
        raise argparse.ArgumentTypeError(f"{text!r} is no time from 1s to {most}, such as {such_as}")
    return float(whole * UNITS[unit])


def span(text: str) -> float:
    return time(text, "7d", "90s, 30m, 1h or 2d")


def fault_span(text: str) -> float:
    """The agent undoes a fault after a day at the latest."""
    return time(text, "1d", "30s, 5m or 1h")


def plan_id(text: str) -> str:
    if len(text) != 16 or not set(text) <= set("0123456789abcdef"):
        raise argparse.ArgumentTypeError(f"{text!r} is no id of a plan: 16 hexadecimal digits, as --plan shows them")
    return text


def name(text: str) -> str:
    if not text:
        raise argparse.ArgumentTypeError("the name of a service can't be empty")
    return text


def text(text: str) -> str:
    if not text:
        raise argparse.ArgumentTypeError("it can't be empty")
    return text


def moment(text: str) -> str:
    """A time (of this machine, where it names no zone) or how long ago it was, as ISO 8601 in UTC."""
    from datetime import UTC, datetime, timedelta  # only who names a time waits for it

    number, unit = text[:-1], text[-1:]
    try:
        if number.isascii() and number.isdigit() and unit in UNITS:
            found = datetime.now(UTC) - timedelta(seconds=int(number) * UNITS[unit])
        else:
            found = datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        sentence = f"{text!r} is no time such as 2026-11-23T10:00 or 2026-11-23, nor one that was 30m, 2h or 7d ago"
        raise argparse.ArgumentTypeError(sentence) from None
    return found.isoformat().replace("+00:00", "Z")


def period(text: str) -> float:
    return time(text, "366d", "90s, 30m, 24h or 7d")
