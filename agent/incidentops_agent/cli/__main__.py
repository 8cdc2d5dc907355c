"""incidentops: the command line."""

from __future__ import annotations

import io
import os
import sys

from .client import Client
from .errors import BROKEN_PIPE, FAILED, INTERRUPTED, USAGE, CliError, report
from .options import ACTING, READING, Options, parser, with_incidents

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

READERS = ("status", "logs", "system", "health")


def command(options: Options) -> tuple[Callable[[Options, Client], int], float]:
    """What does the work of a word, and how many seconds an answer may take; only what it needs is imported."""
    if options.command in READERS:
        from . import reading

        return getattr(reading, options.command), READING
    if options.command in ("events", "journal"):
        from . import watching

        return getattr(watching, options.command), READING
    if options.command == "audit":
        from . import trail

        return trail.audit, READING if options.part in (None, "list") else ACTING
    if options.command in ("maintenance", "recovery"):
        from . import setting

        return getattr(setting, options.command), READING
    if options.command == "incidents":
        from . import incidents

        return incidents.incidents, READING
    if options.command == "fault":
        from . import faulting

        return faulting.fault, ACTING
    if options.command == "chaos":
        from . import chaos

        return chaos.chaos, ACTING if options.part in ("plan", "arm", "disarm") else READING
    from . import acting

    if options.command == "remediate":
        return acting.remediate, READING if options.plan else ACTING
    return acting.act, ACTING


def run(arguments: Sequence[str] | None) -> int:
    """Do what was asked for; the exit code."""
    try:
        words = with_incidents(sys.argv[1:] if arguments is None else arguments)
        options = parser().parse_args(words, namespace=Options())
    except SystemExit as error:  # argparse: --help, --version, a wrong command line
        return error.code if isinstance(error.code, int) else USAGE
    try:
        work, seconds = command(options)
        return work(options, Client(options.endpoint(), options.timeout or seconds))
    except CliError as error:
        report(error, as_json=options.json)
        return error.code


def interrupted(error: KeyboardInterrupt) -> int:
    if error.args:
        sentence = f"interrupted; the agent goes on with {error.args[0]!r}: incidentops status shows how it went"
        print(f"incidentops: {sentence}", file=sys.stderr)
    return INTERRUPTED


def nowhere() -> io.TextIOWrapper:
    """A stream that takes everything and gives it to nobody; it stays open until the end."""
    return io.TextIOWrapper(io.FileIO(os.open(os.devnull, os.O_WRONLY), "w", closefd=False))


def prepare_streams() -> None:
    """Make sure that text can be written: the streams may be closed, or in a locale that lacks a character."""
    if sys.stdout is None:
        sys.stdout = nowhere()
    if sys.stderr is None:
        sys.stderr = nowhere()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def main(arguments: Sequence[str] | None = None) -> int:
    """The program; returns its exit code."""
    prepare_streams()
    try:
        code = run(arguments)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader has seen enough
        forget_output()
        return BROKEN_PIPE
    except OSError as error:  # what the agent's connection does is a CliError: this is the output
        forget_output()
        print(f"incidentops: cannot write the output: {error.strerror or error}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt as error:
        return interrupted(error)
    return code


def forget_output() -> None:
    """Let what is still buffered go nowhere, so that the interpreter does not complain at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(main())
