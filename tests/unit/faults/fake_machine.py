"""A machine with one service, as far as faults can tell: systemctl and the kernel's files are fakes, processes real.

It stands where subprocess.run is, so everything of the faults' own runs. It can end the process that calls it at any
call: ``Killed`` is raised then, which nothing catches, as nothing catches SIGKILL.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

UNIT = "redis.service"
PLAIN = {
    "Id": UNIT,
    "Names": UNIT,
    "LoadState": "loaded",
    "CanFreeze": "yes",
    "WatchdogUSec": "0",
    "RequiredBy": "",
    "ControlGroup": f"/{UNIT}",
    "TasksCurrent": "1",
    "MemoryCurrent": "1000000",
}
CHANGES = ("start", "stop", "restart", "kill", "freeze", "thaw", "daemon-reload")
LIMITS = {"CPUQuota": "cpu.max", "MemoryMax": "memory.max", "MemoryHigh": "memory.high", "TasksMax": "pids.max"}


class Killed(BaseException):
    """The process that made the call is gone."""


class Machine:
    """``kill_at``: the number of the change at which its caller dies, even before it is made, odd after; -1 never."""

    def __init__(self, folder: Path) -> None:
        self.units = folder / "units"
        self.cgroups = folder / "cgroups"
        self.group = self.cgroups / UNIT
        self.group.mkdir(parents=True)
        self.units.mkdir()
        (self.cgroups / "cgroup.controllers").write_text("cpu io memory pids\n")
        self.process: subprocess.Popen[bytes] | None = None
        self.real_run = subprocess.run
        self.state = "inactive"
        self.invocation = 0
        self.freezer = "running"
        self.stopped = False
        self.stopping = False
        self.settings: dict[str, str] = {}
        self.drop_ins: list[str] = []
        self.kill_at = -1
        self.changes = 0
        self.reload()
        self.start()

    # -- what faults see

    def run(self, argv: tuple[str, ...], **options: Any) -> subprocess.CompletedProcess[str]:
        """In the place of subprocess.run."""
        if not argv[0].endswith("systemctl"):
            return self.real_run(argv, **options)
        words = list(argv[1:])
        verb = words[0]
        if verb in CHANGES:
            self._may_die()
        done = self._systemctl(verb, words[1:])
        if verb in CHANGES:
            self._may_die()
        return done

    def _may_die(self) -> None:
        self.changes += 1
        if self.changes - 1 == self.kill_at:
            raise Killed

    def _systemctl(self, verb: str, words: list[str]) -> subprocess.CompletedProcess[str]:
        text, status = "", 0
        if verb == "is-system-running":
            text = "stopping\n" if self.stopping else "running\n"
        elif verb == "show":
            wanted = words[0].partition("=")[2].split(",")
            known = self.properties()
            text = "".join(f"{name}={known[name]}\n" for name in wanted if name in known)
        elif verb == "kill":
            self.signal(words[1].partition("=")[2])
        elif verb == "daemon-reload":
            self.reload()
        elif verb in ("freeze", "thaw"):
            self.freezer = "frozen" if verb == "freeze" else "running"
            self.write_group()
        elif verb in ("start", "stop", "restart"):
            if verb != "start":
                self.end("inactive")
            if verb != "stop":
                status = self.start() * ("--no-block" not in words)
        return subprocess.CompletedProcess(words, status, text, "" if status == 0 else "it failed")

    def properties(self) -> dict[str, str]:
        waiting = "ExecStartPre" in self.settings
        return PLAIN | {
            "ActiveState": self.state,
            "SubState": {"active": "running", "activating": "start-pre"}.get(self.state, "dead"),
            "InvocationID": str(self.invocation),
            "FreezerState": self.freezer,
            "MainPID": str(self.process.pid if self.process else 0),
            "DropInPaths": " ".join(self.drop_ins),
            "ExecStart": self.settings.get("ExecStart", ""),
            "ExecStartPre": self.settings["ExecStartPre"] if waiting else "",
            "User": self.settings.get("User", ""),
            "NRestarts": "0",
        }

    # -- what it does

    def start(self) -> int:
        if self.state == "active":
            return 0
        self.invocation += 1
        if any("incidentops-fault" in value for value in self.settings.values()):
            self.state = "failed"
            return 1
        if "ExecStartPre" in self.settings:
            self.state = "activating"
            return 0
        self.process = subprocess.Popen(["/bin/sleep", "600"])
        self.state = "active"
        self.write_group()
        return 0

    def end(self, state: str) -> None:
        if self.process:
            self.process.kill()
            self.process.wait()
        self.process = None
        self.stopped = False
        self.freezer = "running"
        self.state = state
        self.write_group()

    def signal(self, name: str) -> None:
        if self.process is None:
            return
        if name in ("SIGSTOP", "SIGCONT"):
            os.kill(self.process.pid, signal.Signals[name])
            if (name == "SIGSTOP") != self.stopped:
                os.waitid(os.P_PID, self.process.pid, os.WSTOPPED | os.WCONTINUED)
                self.stopped = name == "SIGSTOP"
        else:
            self.end("failed")

    def reload(self) -> None:
        files = sorted(self.units.glob(f"{UNIT}.d/*.conf"))
        self.drop_ins = [str(path) for path in files]
        lines = [line for path in files for line in path.read_text().splitlines() if "=" in line]
        self.settings = dict(line.split("=", 1) for line in lines)
        self.write_group()

    def write_group(self) -> None:
        pid = f"{self.process.pid}\n" if self.process else ""
        (self.group / "cgroup.procs").write_text(pid)
        frozen = int(self.freezer == "frozen")
        (self.group / "cgroup.events").write_text(f"populated 1\nfrozen {frozen}\n")
        for name, file in LIMITS.items():
            (self.group / file).write_text(limit(self.settings.get(name, "")) + "\n")
        rate = self.settings.get("IOWriteBandwidthMax", "").split()
        (self.group / "io.max").write_text(f"8:0 wbps={rate[1].replace('K', '000')}\n" if rate else "")

    def looks(self) -> dict[str, Any]:
        """What must be the same before and after."""
        about: dict[str, Any] = {"state": self.state, "freezer": self.freezer, "settings": self.settings}
        about["files"] = sorted(str(path) for path in self.units.rglob("*"))
        about["group"] = {path.name: path.read_text() for path in self.group.iterdir() if path.name != "cgroup.procs"}
        if self.process:
            folder = Path(f"/proc/{self.process.pid}")
            about["limits"] = (folder / "limits").read_text()
            about["stopped"] = self.stopped
        return about

    def close(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.end("inactive")


def limit(text: str) -> str:
    """A setting as the kernel shows it."""
    if text.endswith("%"):
        return f"{int(text[:-1]) * 1000} 100000"
    return str(int(text[:-1]) * 2**20) if text.endswith("M") else text or "max"
