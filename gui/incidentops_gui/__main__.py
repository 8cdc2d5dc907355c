"""incidentops-gui: the operator's window."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from typing import TYPE_CHECKING

from . import __version__, hosts

if TYPE_CHECKING:
    from collections.abc import Sequence

EPILOG = """\
Without --socket, --url or --ssh it shows this machine's own agent or, where there is none, the lab machine's.
A second start for the same host raises the window that is open.

exit codes: 0 closed, 2 usage, 3 there is no display
"""


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="incidentops-gui",
        description="The desktop application of IncidentOps: live state, control and logs of one machine's services.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--version", action="version", version=f"incidentops-gui {__version__}")
    where = made.add_mutually_exclusive_group()
    where.add_argument("--socket", metavar="PATH", help="the agent's unix socket")
    where.add_argument("--url", metavar="URL", help="the agent's loopback port, http://localhost:8000")
    where.add_argument("--ssh", metavar="DESTINATION", help="another machine's agent, over ssh: USER@HOST")
    made.add_argument("--read-only", action="store_true", help="show everything, change nothing")
    made.add_argument("--theme", choices=("system", "light", "dark"), help="the colours; without it, as last chosen")
    made.add_argument(
        "--log-level", choices=("debug", "info", "warning", "error"), default="warning", help="what goes to stderr"
    )
    return made


def target(options: argparse.Namespace) -> hosts.Target:
    """What the options name.

    Raises:
        hosts.TargetError: it is no address of an agent.
    """
    if options.socket:
        return hosts.unix(options.socket)
    if options.url:
        return hosts.url(options.url)
    if options.ssh:
        return hosts.ssh(options.ssh)
    return hosts.default()


def has_display() -> bool:
    """Whether there is something to draw on; Qt would abort without."""
    return any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"))


def main(arguments: Sequence[str] | None = None) -> int:
    made = parser()
    options = made.parse_args(arguments)
    logging.basicConfig(level=options.log_level.upper(), format="incidentops-gui: %(levelname)s: %(message)s")
    try:
        where = target(options)
    except hosts.TargetError as error:
        made.error(str(error))
    if not has_display():
        sys.stderr.write("incidentops-gui: cannot open a window: there is no display (DISPLAY, WAYLAND_DISPLAY)\n")
        return 3
    # Qt is imported only now: --help and the errors above need none of it.
    from . import app, theme

    choice = theme.Choice(options.theme) if options.theme else None
    return app.run(where, options.read_only, choice)


if __name__ == "__main__":
    sys.exit(main())
