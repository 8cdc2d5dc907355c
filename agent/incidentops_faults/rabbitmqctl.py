"""RabbitMQ's own tool, run as the broker's user, who has its cookie."""

from __future__ import annotations

from . import command, owner
from .errors import FaultError

PROGRAM = "/usr/sbin/rabbitmqctl"


def missing() -> str:
    return command.missing(PROGRAM)


def run(user: owner.Owner, *words: str) -> str:
    """What it prints. It boots a machine of its own, which takes a second.

    Raises:
        FaultError: it fails, or the broker does not answer.
    """
    done = command.attempt(PROGRAM, "--quiet", *words, user=user.ids, timeout=40)
    if done.status:
        lines = [line.strip() for line in (done.errors or done.output).splitlines() if line.strip()]
        raise FaultError(f"rabbitmqctl {words[0]} failed: {lines[0] if lines else f'status {done.status}'}")
    return done.output
