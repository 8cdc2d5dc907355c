"""The commands that set what is done automatically: answered at once, and shown when nothing is set."""

from __future__ import annotations

import json
import sys
import uuid
from datetime import datetime

from . import render
from .acting import warn_unrecorded
from .client import quoted
from .errors import OK, UsageError
from .terminal import Style

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .client import Client
    from .options import Options

USUAL = 1800.0
"""Seconds of maintenance when nothing else is said."""


def maintenance(options: Options, client: Client) -> int:
    """Begin, end or show the maintenance of a service."""
    if options.end and (options.reason is not None or options.seconds is not None):
        raise UsageError("cannot use --end together with --for or --reason")
    if options.seconds is not None and options.reason is None:
        raise UsageError("cannot begin maintenance without a reason; give --reason TEXT")
    path = f"/maintenance/{quoted(options.service or '')}"
    if options.end:
        return _tell(client.delete(path, str(uuid.uuid4())), options)
    if options.reason is not None:
        body = {"seconds": options.seconds or USUAL, "reason": options.reason}
        return _tell(client.post(path, str(uuid.uuid4()), body=body), options)
    return _show(options, client)


def recovery(options: Options, client: Client) -> int:
    """Set, reset or show the recovery mode of a service."""
    path = f"/recovery/{quoted(options.service or '')}"
    if options.seconds is not None and options.mode not in ("auto", "manual"):
        raise UsageError("cannot use --for without auto or manual")
    if options.mode == "reset":
        return _tell(client.delete(path, str(uuid.uuid4())), options)
    if options.mode is not None:
        body: dict[str, Any] = {"mode": options.mode}
        if options.seconds is not None:
            body["seconds"] = options.seconds
        return _tell(client.post(path, str(uuid.uuid4()), body=body), options)
    return _show(options, client)


def _tell(answer: dict[str, Any], options: Options) -> int:
    if options.json:
        print(json.dumps(answer))
    else:
        for line in render.recovery(answer, datetime.now().astimezone(), Style.of(sys.stdout)):
            print(line)
        warn_unrecorded(answer)
    return OK


def _show(options: Options, client: Client) -> int:
    view = client.get(f"/services/{quoted(options.service or '')}")
    shown = {"service": options.service, **{key: view.get(key) for key in ("recovery", "auto", "maintenance")}}
    return _tell(shown, options)
