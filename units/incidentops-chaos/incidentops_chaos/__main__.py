"""The command `incidentops-chaos`."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import pwd
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from incidentops_chaos import __version__

if TYPE_CHECKING:
    from incidentops_chaos.agent import Agent
    from incidentops_chaos.reverting import Memory

RUNTIME = Path("/run/incidentops-chaos")
AGENT = Path("/run/incidentops/agent.sock")


async def _serve(path: Path, agent: Agent, memory: Memory) -> None:
    # Not at the top: --help answers also where python3-systemd is missing.
    from systemd import daemon

    from incidentops_chaos.runner import Runner
    from incidentops_chaos.server import Server

    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)

    def say(status: str) -> None:
        daemon.notify(f"STATUS={status.capitalize()}")

    runner = Runner(agent, memory, say)
    server = Server(runner)
    try:
        await server.open(path)
        daemon.notify("READY=1\nSTATUS=Idle")
        await stopping.wait()
        daemon.notify("STOPPING=1")
        await runner.disarm("stop")
    finally:
        await server.close()
        await agent.close()
    path.unlink(missing_ok=True)


async def _revert_left(agent: Agent, memory: Memory) -> int:
    from incidentops_chaos.reverting import revert_all

    if not memory.asked and not memory.faults:
        return 0
    try:
        undone = await revert_all(agent, memory)
    finally:
        await agent.close()
    for fault_id in undone.reverted:
        print(f"reverted {fault_id}")
    if undone.left:
        print(f"cannot revert everything, it ends at its deadline: {undone.problem}", file=sys.stderr)
    return 1 if undone.left else 0


def _user() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return f"uid {os.geteuid()}"


def _run(options: argparse.Namespace) -> int:
    injected = Path(os.environ.get("RUNTIME_DIRECTORY", RUNTIME)) / "injected.json"
    if options.revert_left and not injected.exists():
        return 0  # as after nearly every stop, which should not wait for what HTTP takes to load
    from incidentops_chaos.agent import Agent
    from incidentops_chaos.reverting import Memory

    memory = Memory(injected)
    agent = Agent(options.agent, _user())
    if not options.revert_left:
        asyncio.run(_serve(options.socket, agent, memory))
        return 0
    try:
        memory.load()
    except (OSError, ValueError) as error:
        print(f"cannot read what was injected: {error}", file=sys.stderr)
        return 1
    return asyncio.run(_revert_left(agent, memory))


def main(arguments: list[str] | None = None) -> int:
    """Run the command; the process's exit status."""
    parser = argparse.ArgumentParser(
        prog="incidentops-chaos",
        description="Inject faults by a seeded plan, through the agent, while armed. Idle until then.",
        epilog="Exit status: 0 stopped as asked, 1 cannot listen or not all is reverted, 2 usage.",
    )
    default = "default: %(default)s"
    parser.add_argument("--socket", type=Path, default=RUNTIME / "chaos.sock", metavar="PATH", help=default)
    parser.add_argument("--agent", type=Path, default=AGENT, metavar="PATH", help=f"the agent's socket, {default}")
    parser.add_argument(
        "--revert-left", action="store_true", help="only revert what a process that was killed has injected"
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        return _run(options)
    except OSError as error:
        print(f"cannot listen on {options.socket}: {error.strerror or error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
