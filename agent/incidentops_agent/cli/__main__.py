"""incidentops: the command line."""

from __future__ import annotations

import io
import os
import sys

from . import errors
from .errors import BROKEN_PIPE, INTERRUPTED, CliError
from .options import ACTING, READING, Options, parser

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .client import Client

READERS = ("status", "logs", "system", "audit", "health")


def command(options: Options) -> tuple[Callable[[Options, Client], int], float]:
    """What does the work of a word, and how many seconds an answer may take; only what it needs is imported."""
    if options.command in READERS:
        from . import reading

        return getattr(reading, options.command), READING
    if options.command == "events":
        from . import watching

        return watching.events, READING
    from . import acting

    return (acting.remediate if options.command == "remediate" else acting.act), ACTING


def run(options: Options) -> int:
    """Do what was asked for; the exit code."""
    from .acting import report
    from .client import Client

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


def main(arguments: Sequence[str] | None = None) -> int:
    """The program; returns its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a name that the locale can't write must not end it
    try:
        options = parser().parse_args(arguments, namespace=Options())
        code = run(options)
        sys.stdout.flush()
    except SystemExit as error:  # argparse: --help, --version, a wrong command line
        return error.code if isinstance(error.code, int) else errors.USAGE
    except BrokenPipeError:
        # The reader has seen enough. What is still buffered goes nowhere, so that the interpreter's end is quiet too.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except KeyboardInterrupt as error:
        return interrupted(error)
    return code


if __name__ == "__main__":
    sys.exit(main())
