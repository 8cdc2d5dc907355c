"""fd-limit: the service's processes can open no more files and take no more connections."""

from __future__ import annotations

from typing import TYPE_CHECKING

from incidentops_agent.parameters import Parameter

from .. import command, systemd
from ..effects.open_files import PRLIMIT, OpenFiles, identity, soft_limit
from .base import Fault

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..effects.base import Effect


class FdLimit(Fault):
    kind = "fd-limit"
    title = "File descriptors"
    summary = "The processes of the unit reach their limit of open files: new connections and files fail."
    parameters = (Parameter("free", "integer", "how many more each process may open", 0, "files", 0, 10_000),)

    def check(self) -> str:
        return command.missing(PRLIMIT)

    def preview(self) -> list[str]:
        count = len(systemd.processes(self.unit))
        free = self.number("free")
        return [f"Each of the {count} processes of {self.unit} can open {free:g} more files or connections."]

    def effects(self) -> Iterable[Effect]:
        self.made = OpenFiles.of(self.unit, int(self.number("free")))
        yield self.made

    def verify(self) -> str:
        for pid in systemd.processes(self.unit):
            key = identity(pid)
            if key in self.made.during and soft_limit(pid) != self.made.during[key]:
                return f"process {pid} may have {soft_limit(pid)} files open, not {self.made.during[key]}"
        return "" if self.made.during else f"{self.unit} has no processes"
