"""incidentops-fault: what the units run as root, and a few words for an administrator."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING, Any

from . import request
from .errors import FaultError
from .kinds import KINDS
from .settings import DAY, Settings

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit status."""
    given = _parser().parse_args(arguments)
    try:
        return int(given.run(given))
    except FaultError as error:
        print(f"cannot {given.command}: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="incidentops-fault", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, run: Any, help: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=help, description=help)
        made.set_defaults(run=run)
        return made

    for name, run, help in (
        ("apply", _apply, "apply the fault whose request has this id, hold it until its deadline"),
        ("undo", _undo, "undo the fault with this id; nothing when there is none"),
    ):
        add(name, run, help).add_argument("id")
    add("undo-all", _undo_all, "revert every fault")
    add("list", _list, "show the faults that are not completely undone")
    catalogue = add("catalogue", _catalogue, "show every kind of fault with its parameters")
    catalogue.add_argument("--json", action="store_true", help="as JSON, as installed in /usr/share/incidentops")
    check = add("check", _check, "say which faults are possible here and now")
    check.add_argument("kind", nargs="?", default="", choices=["", *sorted(KINDS)])
    check.add_argument("service", nargs="?", default="")
    return parser


def _apply(given: argparse.Namespace) -> int:
    from .applying import apply  # what only shows the catalogue needs none of this

    return apply(given.id)


def _undo(given: argparse.Namespace) -> int:
    from .undoing import undo

    return undo(given.id)


def _undo_all(_: argparse.Namespace) -> int:
    from .undoing import undo_all

    return undo_all()


def _list(_: argparse.Namespace) -> int:
    from .state import Record, present

    for busy in present():
        status = Record(busy.id).status()
        print(busy.id, status.get("kind", "?"), busy.service, status.get("phase", "?"), status.get("message", ""))
    return 0


def _check(given: argparse.Namespace) -> int:
    from . import intake, services

    for one in intake.capabilities(services.load(), given.kind, given.service):
        print(f"{one['kind']} {one['service']}: {'available' if one['available'] else one['reason']}")
    return 0


def catalogue() -> dict[str, Any]:
    """Every kind with its parameters; the same each time."""
    duration = {"unit": "seconds", "default": request.DURATION, "low": 1, "high": Settings().max_duration, "most": DAY}
    return {"duration": duration, "kinds": [KINDS[name].described() for name in sorted(KINDS)]}


def _catalogue(given: argparse.Namespace) -> int:
    if given.json:
        print(json.dumps(catalogue(), indent=1))
        return 0
    for kind in catalogue()["kinds"]:
        print(f"{kind['kind']}: {kind['summary']}")
        for one in kind["parameters"]:
            print(f"    {one['name']} ({one['type']}, default {one['default']}): {one['help']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
