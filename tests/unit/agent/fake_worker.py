"""A bus worker that speaks the real one's lines and knows no systemd. What it does is chosen by the names it is asked
about, so that a test needs no other way to talk to it."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import time
from typing import Any

# Nothing that the real one prints is of interest here; a test counts the processes by this file's name.
parent = socket.socket(fileno=0)
started = sys.argv[1] if len(sys.argv) > 1 else ""


def say(*messages: dict[str, Any]) -> None:
    """All messages in one write, so that they arrive together."""
    parent.sendall(b"".join(json.dumps(message).encode() + b"\n" for message in messages))


def job(request: dict[str, Any]) -> None:
    number = int(request["unit"].partition("@")[2].partition(".")[0] or 7)
    answer = {"reply": request["id"], "value": number}
    removed = {"event": "job-removed", "job": number, "unit": request["unit"], "result": "done"}
    what = request["unit"].removesuffix(".service").partition("@")[0]
    if what == "together":
        say(answer, removed)
    elif what == "before":  # nobody knows this job yet: it is lost
        say(removed, answer)
    elif what == "failing":
        say(answer, {**removed, "result": "failed"})
    elif what == "never-removed":
        say(answer)
    elif what == "late":
        time.sleep(0.2)
        say(answer, removed)
    elif what == "refused":
        say({"reply": request["id"], "error": "DBusInteractiveAuthorizationRequiredError", "message": "not for you"})
    elif what == "odd":
        say({"reply": request["id"], "error": "DBusSomethingError", "message": ""})
    elif what == "dies":
        os.kill(os.getpid(), signal.SIGKILL)
    elif what == "dies-half":
        parent.sendall(json.dumps(answer).encode()[:10])
        os.kill(os.getpid(), signal.SIGKILL)
    elif what == "garbage":
        parent.sendall(b"Traceback (most recent call last):\n")
    elif what == "hangs":
        signal.pause()


def unit_events(spec: str) -> list[dict[str, Any]]:
    record = {"unit": spec.replace("*", "17"), "active_state": "active", "main_pid": os.getpid(), "a_new_field": 1}
    return [{"event": "unit", "spec": spec, "record": record}]


def handle(request: dict[str, Any]) -> None:
    operation = request["op"]
    if operation == "job":
        job(request)
    elif operation == "watch":
        if "slow.service" in request["specs"]:
            signal.pause()
        say(
            *(event for spec in request["specs"] for event in unit_events(spec)),
            {"reply": request["id"], "value": None},
        )
    elif operation == "stops-with":
        say({"reply": request["id"], "value": ["a.service", "b.service"]})
    elif operation == "ping" and started == "timid":
        say({"reply": request["id"], "error": "DBusTimeoutError", "message": "Connection timed out"})
    else:
        say({"reply": request["id"], "value": None})


def main() -> None:
    if started == "dies-at-once":
        sys.exit(3)
    if started == "unread":  # ends while requests wait unread: the parent gets a reset, not an end
        say({"event": "ready"})
        time.sleep(0.1)
        os.kill(os.getpid(), signal.SIGKILL)
    say({"event": "ready"})
    buffer = b""
    while data := parent.recv(65536):
        *lines, buffer = (buffer + data).split(b"\n")
        for line in lines:
            handle(json.loads(line))


if __name__ == "__main__":
    main()
