"""./lab bench: boot a lab machine, measure inside it, print a table, take it down.

Exit status: 0 when everything was measured (missed goals are said, they are no error), 1 when something could not be,
2 for a wrong command line.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tarfile
from io import BytesIO
from pathlib import Path
from typing import Any

import table
from measure.figures import Row, row

HERE = Path(__file__).parent
LAB = str(HERE.parents[1] / "lab")
INSIDE = "/srv/bench"

FAMILIES = {
    "control": "stop and start of redis, beside systemctl and raw pystemd",
    "death": "SIGKILL of redis to the event, beside cockpit and a raw listener",
    "auto": "SIGKILL of redis until it answers again by itself, beside a raw D-Bus listener",
    "remediate": "three servers brought back together, beside alone and systemctl; a killed rabbitmq",
    "first_answer": "start of postgres to the answer, beside systemctl",
    "rate": "GET /services under load, beside FastAPI",
    "system": "GET /system",
    "worker": "round trip of a ping job",
    "idle": "CPU and memory of the agent left alone",
    "gui": "the desktop application: event to LED, click to wire, start, idle CPU, memory",
}


class Machine:
    """The lab machine that is measured in."""

    def __init__(self, name: str) -> None:
        self._name = name

    def runs(self) -> bool:
        asked = subprocess.run([LAB, "status", "--name", self._name], stdout=subprocess.DEVNULL, check=False)
        return asked.returncode == 0

    def up(self) -> None:
        subprocess.run([LAB, "up", "--name", self._name], check=True, stdout=subprocess.DEVNULL)

    def down(self) -> None:
        subprocess.run([LAB, "down", "--name", self._name], check=True)

    def shell(self, *command: str, given: bytes = b"") -> bytes:
        """Run a command inside; its output.

        Raises:
            subprocess.CalledProcessError: it failed; what it said is on our standard error.
        """
        inside = [LAB, "shell", "--name", self._name, "--", *command]
        return subprocess.run(inside, check=True, input=given, stdout=subprocess.PIPE).stdout

    def bring(self) -> None:
        """Put the measuring programs into the machine."""
        packed = BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as archive:
            for path in sorted((HERE / "measure").glob("*.py")):
                archive.add(path, f"measure/{path.name}")
        self.shell("sh", "-c", f"mkdir -p {INSIDE} && tar x -C {INSIDE}", given=packed.getvalue())

    def measure(self, family: str, scale: float) -> list[Row]:
        program = f'cd {INSIDE} && exec python3 -m measure "$@"'
        said = self.shell("sh", "-c", program, "sh", family, "--scale", str(scale))
        return [row(plain) for plain in json.loads(said)]


def parse(words: list[str] | None = None) -> argparse.Namespace:
    known = "\n".join(f"  {name:<13} {about}" for name, about in FAMILIES.items())
    parser = argparse.ArgumentParser(
        prog="./lab bench",
        description="Measure the agent beside its peers in a lab machine of its own; about ten minutes for everything.",
        epilog=f"names:\n{known}\n\ntests/bench/README.md tells how each figure is defined.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="what to measure (default: everything)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure to FILE too")
    parser.add_argument(
        "--quick", action="store_true", help="a tenth of the rounds: to see that it works, not how fast"
    )
    parser.add_argument("--name", default="bench", help="name of the lab machine (default: %(default)s)")
    arguments = parser.parse_args(words)
    unknown = sorted(set(arguments.names) - set(FAMILIES))
    if unknown:
        parser.error(f"cannot measure {', '.join(unknown)}; known: {', '.join(FAMILIES)}")
    return arguments


def run(machine: Machine, names: list[str], scale: float) -> tuple[list[Row], list[str]]:
    """Measure; the rows, and the names of what could not be measured."""
    rows: list[Row] = []
    failed = []
    for name in names:
        print(f"bench: {FAMILIES[name]} ...", file=sys.stderr, flush=True)
        try:
            rows += machine.measure(name, scale)
        except (subprocess.CalledProcessError, json.JSONDecodeError) as error:
            print(f"bench: cannot measure {name}: {error}", file=sys.stderr)
            failed.append(name)
    return rows, failed


def conditions(machine: Machine, quick: bool) -> dict[str, Any]:
    """What the figures depend on beside ours and the peers'."""
    asked = (
        "nproc; uname -r; cut -d' ' -f1-3 /proc/loadavg; python3 -V; dpkg-query -f '${Version}' -W incidentops-agent"
    )
    processors, kernel, load, python, version = machine.shell("sh", "-c", asked).decode().splitlines()
    return {
        "processors": int(processors),
        "kernel": kernel,
        "load_average_before": load,
        "python": python,
        "version": version,
        "quick": quick,
    }


def main() -> int:
    arguments = parse()
    machine = Machine(arguments.name)
    was_there = machine.runs()
    names = [name for name in FAMILIES if name in (arguments.names or FAMILIES)]
    try:
        machine.up()
        machine.bring()
        about = conditions(machine, arguments.quick)
        rows, failed = run(machine, names, 0.1 if arguments.quick else 1.0)
    except subprocess.CalledProcessError as error:
        print(f"bench: cannot measure: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        if not was_there:
            machine.down()
    print(table.table(rows))
    print(table.verdict(rows, failed, about))
    if arguments.json:
        plain = {"conditions": about, "rows": [one.plain() for one in rows], "not_measured": failed}
        arguments.json.write_text(json.dumps(plain, indent=2) + "\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
