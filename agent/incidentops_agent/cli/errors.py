"""Exit codes, and the exceptions that carry one."""

from __future__ import annotations

import json
import sys

from .terminal import clean

TYPE_CHECKING = False  # importing typing for it costs more than a request
if TYPE_CHECKING:
    from typing import Any

OK, FAILED, USAGE, UNREACHABLE, DENIED = range(5)
INTERRUPTED = 130
BROKEN_PIPE = 141


class CliError(Exception):
    """Ends a command: ``code`` is the exit code, the text a sentence for stderr, ``body`` what --json prints."""

    def __init__(self, code: int, kind: str, message: str, body: Any = None) -> None:
        self.code = code
        self.body = body if body is not None else {"kind": kind, "message": message}
        super().__init__(message)


class UsageError(CliError):
    """What was asked for makes no sense."""

    def __init__(self, message: str) -> None:
        super().__init__(USAGE, "usage", message)


class UnreachableError(CliError):
    """There is no agent, or it does not answer. ``sent``: the request may have arrived."""

    def __init__(self, message: str, *, sent: bool = False) -> None:
        self.sent = sent
        super().__init__(UNREACHABLE, "agent-unreachable", message)


class SocketDeniedError(CliError):
    """The operating system does not let this user open the agent's socket."""

    def __init__(self, message: str) -> None:
        super().__init__(DENIED, "socket-denied", message)


class RefusalError(CliError):
    """The agent answered with an error; its body and message are passed on as they are."""

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        kind = str(body.get("kind", ""))
        message = str(body.get("message") or f"the agent answers with status {status} and gives no reason")
        if status == 403:
            code = DENIED
        elif status in (400, 404):
            code = USAGE
        else:
            code = FAILED
        super().__init__(code, kind, message, body)


def report(error: CliError, *, as_json: bool) -> None:
    """Say an error: its sentence to stderr, and with --json its body to stdout."""
    if as_json:
        print(json.dumps(error.body), flush=True)
    print(f"incidentops: {clean(error)}", file=sys.stderr)
