"""The command `incidentops-chaos`."""

import argparse
import asyncio
import signal
import sys
from pathlib import Path

from incidentops_chaos import __version__
from incidentops_chaos.server import serve

DEFAULT_SOCKET = Path("/run/incidentops-chaos/chaos.sock")


async def _run(path: Path) -> None:
    # Not at the top: --help answers also where python3-systemd is missing.
    from systemd import daemon

    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    server = await serve(path)
    daemon.notify("READY=1\nSTATUS=Idle")
    await stopping.wait()
    daemon.notify("STOPPING=1")
    server.close()
    path.unlink(missing_ok=True)


def main(arguments: list[str] | None = None) -> int:
    """Run the command; the process's exit status."""
    parser = argparse.ArgumentParser(
        prog="incidentops-chaos",
        description="Answer GET /health on a unix socket. Injects nothing in this version.",
        epilog="Exit status: 0 stopped as asked, 1 cannot listen, 2 usage.",
    )
    parser.add_argument("--socket", type=Path, default=DEFAULT_SOCKET, metavar="PATH", help="default: %(default)s")
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    options = parser.parse_args(arguments)
    try:
        asyncio.run(_run(options.socket))
    except OSError as error:
        print(f"cannot listen on {options.socket}: {error.strerror or error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
