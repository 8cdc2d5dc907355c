"""python3 -m measure FAMILY [--scale FACTOR]: run one family inside the lab machine and print its rows as JSON."""

from __future__ import annotations

import argparse
import importlib
import json
import sys

from .http import Connection


def main() -> int:
    parser = argparse.ArgumentParser(prog="measure")
    parser.add_argument("family")
    parser.add_argument("--scale", type=float, default=1.0)
    arguments = parser.parse_args()
    with Connection() as agent:
        agent.request("POST", "/remediate")  # whatever a family before has left
    family = importlib.import_module(f".{arguments.family}", __package__)
    json.dump([row.plain() for row in family.measure(arguments.scale)], sys.stdout)
    print()
    return 0


sys.exit(main())
