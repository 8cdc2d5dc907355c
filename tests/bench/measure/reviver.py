"""The floor of automatic recovery: a raw D-Bus listener that starts a unit when PID 1 calls it failed, and no more.

No state, no probe, no audit trail, no budget. Runs as root until its standard input is closed; says ``ready`` first.
"""

from __future__ import annotations

import select
import sys
from typing import Any

from .systemd import MANAGER, MANAGER_PATH, PROPERTIES, UNIT, SystemBus, drain, listen


def main() -> None:
    systemd = SystemBus()
    unit = sys.argv[1]
    told: list[Any] = []
    kept = listen(systemd.bus, systemd.load(unit), PROPERTIES, b"PropertiesChanged", told)
    print("ready", flush=True)
    while True:
        drain(systemd.bus)
        failed = any(body[0] == UNIT and body[1].get(b"ActiveState") == b"failed" for body in told)
        told.clear()
        if failed:
            systemd.call(MANAGER_PATH, MANAGER, b"StartUnit", b"ss", unit.encode(), b"replace")
            continue  # what came while the call waited is to be looked at before anything else
        ready, _, _ = select.select([systemd.bus.get_fd(), sys.stdin], [], [])
        if sys.stdin in ready:
            break
    del kept, systemd  # pystemd calls them without holding them


if __name__ == "__main__":
    main()
