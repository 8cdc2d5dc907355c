"""Server-sent events, https://html.spec.whatwg.org/multipage/server-sent-events.html: bytes in, events out."""

from __future__ import annotations

from dataclasses import dataclass

MOST = 16 * 2**20
"""Bytes that one unfinished event may have; more is not an event stream of an agent."""


class StreamError(ValueError):
    """What comes is not an event stream that we take."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event: its kind and its data, JSON not parsed yet."""

    kind: str
    data: str


class Parser:
    """Feed it what arrives; it gives the events that are complete. The agent ends lines with a line feed alone."""

    def __init__(self) -> None:
        self._buffer = b""

    def feed(self, data: bytes) -> list[Event]:
        """The events completed by ``data``.

        Raises:
            StreamError: an event grows beyond MOST.
        """
        *blocks, self._buffer = (self._buffer + data).split(b"\n\n")
        if len(self._buffer) > MOST:
            raise StreamError("cannot take an event of more than 16 MiB")
        return [event for event in map(self._event, blocks) if event is not None]

    @staticmethod
    def _event(block: bytes) -> Event | None:
        kind, data = "message", []
        for line in block.decode(errors="replace").split("\n"):
            key, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if key == "event":
                kind = value
            elif key == "data":
                data.append(value)
        return Event(kind, "\n".join(data)) if data else None
