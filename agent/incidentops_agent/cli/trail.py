"""The audit trail: shown, verified, carried away, shortened."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from datetime import datetime

from . import render
from .client import quoted
from .errors import FAILED, OK, CliError, UsageError
from .terminal import Style, clean

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any, BinaryIO

    from .client import Client
    from .options import Options

PAGE = 1000
"""Rows of the audit trail that the agent gives at once."""


def audit(options: Options, client: Client) -> int:
    """What ``options.part`` says; the list without any."""
    parts = {"verify": verify, "export": export, "checkpoint": checkpoint}
    return parts.get(options.part or "", rows)(options, client)


def _filters(options: Options) -> list[str]:
    given = {
        "service": options.service,
        "user": options.user,
        "action": options.action,
        "incident": options.incident,
        "since": options.since,
        "until": options.until,
    }
    return [f"{name}={quoted(value)}" for name, value in given.items() if value is not None]


def rows(options: Options, client: Client) -> int:
    """The newest actions. An action has two rows in the trail: a table shows it once, --json gives the rows."""
    query = "".join(f"&{one}" for one in _filters(options))
    if options.json:
        print(json.dumps(client.get(f"/audit?limit={options.limit}{query}")))
        return OK
    found: list[Mapping[str, Any]] = []
    before, size = "", min(2 * options.limit + 2, PAGE)
    while len(render.actions(found)) <= options.limit:
        page = client.get(f"/audit?limit={size}{query}{before}")
        found += page
        if len(page) < size:
            break
        before = f"&before={page[-1]['seq']}"
    if query and not found:
        print("nothing like that was done")
        return OK
    now, style = datetime.now().astimezone(), Style.of(sys.stdout)
    for line in render.audit(render.actions(found)[: options.limit], now, style):
        print(line)
    return OK


# -- verify


def verify(options: Options, client: Client) -> int:
    """Whether the agent's trail holds, or the one in --file; FAILED when it does not."""
    if options.file is not None:
        verdict = _verify_file(options)
    else:
        query = f"?head={quoted(options.head)}" if options.head is not None else ""
        verdict = client.get(f"/audit/verify{query}")
    if options.json:
        print(json.dumps(verdict))
    if verdict.get("verified") is not True:
        print(f"incidentops: {clean(verdict.get('message', 'the audit trail does not hold'))}", file=sys.stderr)
        return FAILED
    if not options.json:
        print(f"{clean(verdict.get('message', ''))}; head {clean(verdict.get('head', ''))}")
    return OK


def _verify_file(options: Options) -> dict[str, Any]:
    from . import checking  # hashes cost time that nothing else needs

    head = None
    if options.head is not None:
        head = checking.head(options.head)
        if head is None:
            raise UsageError(f"cannot take --head {options.head!r}; give the number of a row, a colon and its hash")
    try:
        if options.file == "-":
            verdict = checking.verify(_texts(sys.stdin.buffer), head)
        else:
            with open(options.file or "", "rb") as file:  # noqa: PTH123 - pathlib costs 10 ms
                verdict = checking.verify(_texts(file), head)
    except OSError as error:
        raise CliError(FAILED, "unreadable", f"cannot read {options.file}: {error.strerror or error}") from error
    if not verdict["rows"] and verdict["verified"]:
        # An agent has noted its own start at least; this is what an export that failed leaves in a pipe.
        raise CliError(FAILED, "empty", f"cannot verify {options.file}: there is no row in it")
    return verdict


def _texts(file: BinaryIO) -> Iterator[str]:
    for line in file:
        yield line.decode(errors="replace")


# -- export


class _Counted:
    """Writes to a file and counts lines."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.lines = 0

    def take(self, piece: bytes) -> None:
        self._file.write(piece)
        self.lines += piece.count(b"\n")


def export(options: Options, client: Client) -> int:
    """The trail as JSON lines, to stdout or --output; a file is there only when it is whole."""
    query = "&".join(_filters(options))
    path = f"/audit/export?{query}" if query else "/audit/export"
    if options.output in (None, "-"):
        sys.stdout.flush()
        _download(client, path, sys.stdout.buffer)
        sys.stdout.buffer.flush()
        return OK
    target = options.output or ""
    fresh = f"{target}.{os.getpid()}.part"
    try:
        try:
            with open(fresh, "xb") as file:  # noqa: PTH123 - pathlib costs 10 ms
                count = _download(client, path, file)
                file.flush()
                os.fsync(file.fileno())
            os.replace(fresh, target)  # noqa: PTH105
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(fresh)  # noqa: PTH108
            raise
    except OSError as error:
        raise CliError(FAILED, "unwritable", f"cannot write {target}: {error.strerror or error}") from error
    answer = {"file": target, "rows": count}
    print(json.dumps(answer) if options.json else f"{count} rows in {clean(target)}")
    return OK


def _download(client: Client, path: str, file: BinaryIO) -> int:
    counted = _Counted(file)
    fields = client.download(path, counted.take)
    promised = fields.get(b"incidentops-rows", b"").decode(errors="replace")
    if promised != str(counted.lines):
        raise CliError(FAILED, "cut-short", f"cannot export all: {counted.lines} of {promised or 'some'} rows came")
    return counted.lines


# -- checkpoint


def checkpoint(options: Options, client: Client) -> int:
    """Have rows removed, and signed off by who asks."""
    import uuid

    if not options.yes and sys.stdin.isatty() and sys.stderr.isatty():
        print(f"Remove the audit trail's rows before {options.before}? [y/N] ", end="", file=sys.stderr, flush=True)
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            print("nothing was removed", file=sys.stderr)
            return FAILED
    answer = client.post("/audit/checkpoint", str(uuid.uuid4()), body={"before": options.before})
    print(json.dumps(answer) if options.json else clean(answer.get("message", "")))
    return OK
