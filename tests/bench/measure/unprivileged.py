"""Raw pystemd as a user whom polkit has to let: the floor of everything that controls units without being root.

Reads a verb a line and answers with the seconds that it took, until the other end closes.
"""

from __future__ import annotations

import sys

from .systemd import SystemBus

if __name__ == "__main__":
    bus = SystemBus()
    for line in sys.stdin:
        verb, unit = line.split()
        print(bus.job(verb, unit), flush=True)
