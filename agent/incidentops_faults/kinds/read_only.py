"""read-only: the data directory can be read and not written, as after an error of the disk."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .. import systemd
from ..effects.drop_in import DropIn
from ..effects.renewed import Renewed
from .base import Fault, also_down

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..effects.base import Effect


class ReadOnly(Fault):
    """By ReadOnlyPaths= in a drop-in and a restart. A mount made in a running service's namespace would spare the
    restart, but changes nothing for what it has open or reaches through its working directory, and would have to be
    found again to be undone; this one is gone with the process."""

    kind = "read-only"
    title = "Read-only data"
    summary = "The service is restarted with its data directory read-only; many do not even start then."
    needs = "a data directory in the catalogue"
    renews = "always"
    verify_within = 60

    def check(self) -> str:
        data = self.order.target.spec.faults.data
        if not data:
            return f"the catalogue names no data directory of {self.service}"
        return "" if Path(data).is_dir() else f"{data} is no folder"

    def preview(self) -> list[str]:
        data = self.order.target.spec.faults.data
        found = [f"{self.unit} is restarted, now and at the end.", f"For it and for nobody else {data} is read-only."]
        return [*found, *also_down(self.unit)]

    def effects(self) -> Iterable[Effect]:
        data = self.order.target.spec.faults.data
        yield DropIn.of(self.unit, self.order.id, f"[Service]\nReadOnlyPaths={data.replace('%', '%%')}\nRestart=no\n")
        yield Renewed(self.unit)

    def verify(self) -> str:
        shown = systemd.show(self.unit, "ActiveState", "MainPID", "Job")
        if shown.get("Job"):
            return f"{self.unit} is still being restarted"
        if shown["ActiveState"] == "failed":
            return ""
        data = self.order.target.spec.faults.data
        if read_only(int(shown["MainPID"] or 0), Path(data)):
            return ""
        return f"{self.unit} is {shown['ActiveState']}, and {data} is not read-only for it"


def read_only(pid: int, folder: Path) -> bool:
    """Whether the mount that a folder is on is read-only in a process's mount namespace, proc_pid_mountinfo(5)."""
    try:
        rows = [line.split() for line in Path(f"/proc/{pid}/mountinfo").read_text().splitlines()]
    except OSError:
        return False
    around = {str(path) for path in (folder, *folder.parents)}
    # the longest mount point is the nearest; of several on the same the last one hides the others
    nearest = max((row for row in reversed(rows) if row[4] in around), key=lambda row: len(row[4]), default=None)
    return nearest is not None and "ro" in nearest[5].split(",")
