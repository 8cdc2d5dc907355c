"""Runs other programs: absolute paths, no shell, a clean environment, always a time limit."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from .errors import FaultError

SYSTEMCTL = "/usr/bin/systemctl"
NFT = "/usr/sbin/nft"
TC = "/usr/sbin/tc"
NSENTER = "/usr/bin/nsenter"
PACKAGES = {NFT: "nftables", TC: "iproute2", NSENTER: "util-linux", "/usr/sbin/rabbitmqctl": "rabbitmq-server"}
"""Which package has what, for those that a machine may lack."""

_ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "HOME": "/", "SYSTEMD_COLORS": "0"}


@dataclass(frozen=True, slots=True)
class Done:
    """How a program ended: its status (negative: the signal that killed it) and what it wrote."""

    status: int
    output: str
    errors: str


def missing(program: str) -> str:
    """A sentence when the program is not installed, else nothing."""
    if Path(program).exists():
        return ""
    package = PACKAGES.get(program)
    return f"{program} is not installed" + (f" (package {package})" if package else "")


def attempt(
    *argv: str,
    input: str = "",
    timeout: float = 30,
    user: tuple[int, int] | None = None,
    environment: dict[str, str] | None = None,
) -> Done:
    """Run a program and say how it ended. ``timeout`` is seconds; ``user`` a uid and gid to run as.

    Raises:
        FaultError: when it can't be run or does not end in time; it is killed then.
    """
    uid, gid = user or (None, None)
    try:
        done = subprocess.run(
            argv,
            input=input,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            env=_ENVIRONMENT | (environment or {}),
            cwd="/",
            user=uid,
            group=gid,
            extra_groups=[] if user else None,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise FaultError(f"{' '.join(argv)} did not end within {timeout:g} s") from error
    except OSError as error:
        raise FaultError(f"{argv[0]} can't be run: {error.strerror}") from error
    return Done(done.returncode, done.stdout, done.stderr)


def run(
    *argv: str,
    input: str = "",
    timeout: float = 30,
    user: tuple[int, int] | None = None,
    environment: dict[str, str] | None = None,
) -> str:
    """Run a program that must succeed; what it wrote to its standard output.

    Raises:
        FaultError: when it fails, with the last line that it wrote to say why.
    """
    done = attempt(*argv, input=input, timeout=timeout, user=user, environment=environment)
    if done.status:
        said = (done.errors or done.output).strip().splitlines() or [f"status {done.status}"]
        raise FaultError(f"{' '.join(argv)} failed: {said[-1]}")
    return done.output
