"""What systemd is told: that the service is ready, alive, and stopping. The only module that knows python3-systemd."""

import os

from systemd import daemon


def tell(state: str) -> None:
    """Send a state such as READY=1; nothing happens when no service manager listens."""
    daemon.notify(state)


def watchdog_seconds() -> float | None:
    """How often the service manager wants a sign of life at least, None when it does not."""
    microseconds = os.environ.get("WATCHDOG_USEC", "")
    if not microseconds.isdigit() or os.environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    return int(microseconds) / 1e6
