"""disk-full: the file system of the service's data is full, but for a floor."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from incidentops_agent.parameters import Parameter

from ..errors import FaultError
from .base import Fault

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..effects.base import Effect
    from ..waiting import Hold

MIB = 2**20
SHARED_FLOOR = 64 * MIB
"""What stays free at least on a file system that the machine itself needs: sshd and the journal must go on."""

SHARED = ("/", "/var", "/var/log", "/run")


class DiskFull(Fault):
    """The ballast is a file without a name (O_TMPFILE), open in this process: the kernel frees it however that ends, a
    crash of the machine included."""

    kind = "disk-full"
    title = "Disk full"
    summary = "The file system that holds the service's data is filled up to a floor."
    needs = "a data directory in the catalogue, on a file system that can be filled within the limit"
    parameters = (
        Parameter("leave", "integer", "how much stays free (64 where the machine itself lives)", 1, "MiB", 1, 100_000),
        Parameter("most", "integer", "how much may be written at most", 1024, "MiB", 1, 1_000_000),
    )

    @property
    def data(self) -> str:
        return self.order.target.spec.faults.data

    def check(self) -> str:
        if not self.data:
            return f"the catalogue names no data directory of {self.service}"
        if not Path(self.data).is_dir():
            return f"{self.data} is no folder"
        if free(self.data) <= self.floor():
            return f"the file system of {self.data} has no more than {self.floor() // MIB} MiB free already"
        needed = free(self.data) - self.floor()
        most = int(self.number("most")) * MIB
        if needed > most:
            return f"{needed // MIB} MiB would fill the file system of {self.data}, and `most` is {most // MIB}"
        return ""

    def floor(self) -> int:
        """Bytes that stay free."""
        device = Path(self.data).stat().st_dev
        shared = any(Path(path).stat().st_dev == device for path in SHARED if Path(path).exists())
        return max(int(self.number("leave")) * MIB, SHARED_FLOOR if shared else 0)

    def preview(self) -> list[str]:
        needed = max(0, free(self.data) - self.floor())
        return [
            f"{needed // MIB} MiB are taken on the file system of {self.data}; {self.floor() // MIB} MiB stay free.",
            "Everything else that writes to that file system suffers too.",
        ]

    def effects(self) -> Iterable[Effect]:
        self.ballast = _nameless(self.data)
        self.size = 0
        self.adjust()
        return ()

    def adjust(self) -> None:
        """Fill up to the floor, or give back what others have taken from it."""
        wanted = self.size + free(self.data) - self.floor()
        wanted = max(0, min(wanted, int(self.number("most")) * MIB)) // 4096 * 4096
        try:
            if wanted > self.size:
                os.posix_fallocate(self.ballast, self.size, wanted - self.size)
            elif wanted < self.size:
                os.ftruncate(self.ballast, wanted)
        except OSError as error:
            raise FaultError(f"the file system of {self.data} can't be filled: {error.strerror}") from error
        self.size = wanted

    def verify(self) -> str:
        left = free(self.data)
        return f"{left // MIB} MiB are still free" if left > self.floor() + MIB else ""

    def hold(self, hold: Hold) -> None:
        while not hold.wait(0.5):
            self.adjust()


def free(path: str) -> int:
    """The bytes that users other than root may still take."""
    found = os.statvfs(path)
    return found.f_bavail * found.f_frsize


def _nameless(folder: str) -> int:
    """A file that never has a name; the folder itself may not be a link."""
    try:
        inner = os.open(folder, os.O_DIRECTORY | os.O_NOFOLLOW | os.O_RDONLY | os.O_CLOEXEC)
        try:
            return os.open(f"/proc/self/fd/{inner}", os.O_TMPFILE | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        finally:
            os.close(inner)
    except OSError as error:
        raise FaultError(f"no file without a name can be made in {folder}: {error.strerror}") from error
