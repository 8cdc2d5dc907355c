"""What is known of each fault, below /run/incidentops-fault, and with it gone after a reboot.

``ID/`` (root only) is there while a fault or its undoing is under way: ``request`` is the validated request,
``journal`` the effects to undo. ``ID.status.json`` is for everybody to read and outlives the fault for a while.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import FaultError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

FOLDER = Path("/run/incidentops-fault")
KEPT = 64
"""How many status files of faults that are over stay readable."""

OVER = ("recovered", "failed", "refused", "checked")
"""The phases after which nothing more happens."""


@dataclass(frozen=True, slots=True)
class Busy:
    """A fault that is there. ``service`` and ``unit`` are empty in the moment before they are written."""

    id: str
    service: str
    unit: str


@contextmanager
def locked(path: Path, seconds: float) -> Iterator[None]:
    """Hold a file or folder against other processes; the kernel lets go when this one ends.

    Raises:
        FaultError: when another one holds it for longer.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        end = time.monotonic() + seconds
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                if time.monotonic() > end:
                    raise FaultError(f"another process works on {path.name}") from error
                time.sleep(0.02)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def admission() -> Iterator[None]:
    """One process at a time decides whether there may be another fault."""
    FOLDER.mkdir(exist_ok=True)
    # Not the folder itself: whoever may read it could lock it, for ever.
    path = FOLDER / ".admission"
    os.close(os.open(path, os.O_RDONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
    with locked(path, 30):
        yield


def folders() -> list[str]:
    """The ids of all faults that have a folder still."""
    return sorted(path.name for path in FOLDER.glob("*/"))


def present() -> list[Busy]:
    """Every fault that is not completely undone."""
    found = []
    for fault_id in folders():
        record = Record(fault_id)
        if not record.over():  # of one that is, only the folder is about to go
            known = record.request()
            found.append(Busy(fault_id, str(known.get("service", "")), str(known.get("unit", ""))))
    return found


class Record:
    """The files of one fault."""

    def __init__(self, fault_id: str) -> None:
        self.id = fault_id
        self.folder = FOLDER / fault_id
        self._status = FOLDER / f"{fault_id}.status.json"

    def exists(self) -> bool:
        return self.folder.is_dir()

    def used(self) -> bool:
        """Whether there is, or was, a fault of this id; one that was refused was none."""
        return self.exists() or self.status().get("phase", "refused") not in ("refused", "checked")

    def over(self) -> bool:
        """Whether it was told that nothing of it is left."""
        return self.status().get("phase") in ("recovered", "failed")

    def create(self, request: Mapping[str, Any]) -> None:
        """Make the folder; the request in it never changes again."""
        try:
            self.folder.mkdir(mode=0o700)
        except FileExistsError as error:
            raise FaultError(f"there is a fault {self.id} already") from error
        _write(self.folder / "request", json.dumps(request), 0o600)

    def request(self) -> dict[str, Any]:
        """The validated request; empty when the process died before it was written, and so before any effect."""
        return _read(self.folder / "request")

    def note(self, effect: Mapping[str, Any]) -> None:
        """Write down an effect that is about to be made."""
        line = json.dumps(effect).encode() + b"\n"
        descriptor = os.open(self.folder / "journal", os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            # One call, whole lines: what comes after a torn line was never made.
            if os.write(descriptor, line) != len(line):
                raise FaultError("the undo journal could not be written")
        finally:
            os.close(descriptor)

    def journal(self) -> list[dict[str, Any]]:
        """The effects that may have been made, in the order in which they were."""
        try:
            text = (self.folder / "journal").read_text()
        except FileNotFoundError:
            return []
        whole, _, _torn = text.rpartition("\n")
        return [json.loads(line) for line in whole.splitlines()]

    def remove(self) -> None:
        """Forget the fault; all of its effects are undone."""
        (self.folder / "journal").unlink(missing_ok=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    def status(self) -> dict[str, Any]:
        return _read(self._status)

    def untell(self) -> None:
        """Rather no story than one that says that a fault is still there."""
        self._status.unlink(missing_ok=True)

    def tell(self, **changes: Any) -> dict[str, Any]:
        """Change keys of the status, which everybody may read; the whole of it afterwards."""
        FOLDER.mkdir(exist_ok=True)  # RuntimeDirectory= of the unit, which everybody may read
        made = {"id": self.id, **self.status(), **changes}
        _write(self._status, json.dumps(made, indent=1) + "\n", 0o644)
        return made


def prune() -> None:
    """Remove the oldest status files of faults that are over."""
    over = []
    for path in FOLDER.glob("*.status.json"):
        fault_id = path.name.removesuffix(".status.json")
        if not Record(fault_id).exists():
            over.append((path.stat().st_mtime, path))
    for _, path in sorted(over)[:-KEPT]:
        path.unlink(missing_ok=True)


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _write(path: Path, text: str, mode: int) -> None:
    """Replace a file as a whole, so that nobody reads half of it."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.write_text(text)
    fresh.chmod(mode)
    fresh.replace(path)
