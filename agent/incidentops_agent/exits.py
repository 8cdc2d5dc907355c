"""Process exits by pidfd: the kernel says that a main process is gone some milliseconds before PID 1 does."""

from __future__ import annotations

import asyncio
import contextlib
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class PidfdExits:
    """ports.Exits by pidfd_open(2), which needs no privilege."""

    def __init__(self) -> None:
        self._watched: dict[str, tuple[int, int]] = {}

    def watch(self, name: str, pid: int, gone: Callable[[], None]) -> None:
        if name in self._watched and self._watched[name][0] == pid:
            return
        self._remove(name)
        if pid <= 0:
            return
        try:
            descriptor = os.pidfd_open(pid)
        except OSError:  # gone already, or a kernel without it: PID 1's signal tells
            return

        def readable() -> None:
            self._remove(name)
            gone()

        self._watched[name] = (pid, descriptor)
        asyncio.get_running_loop().add_reader(descriptor, readable)

    def _remove(self, name: str) -> None:
        found = self._watched.pop(name, None)
        if found is not None:
            with contextlib.suppress(RuntimeError):
                asyncio.get_running_loop().remove_reader(found[1])
            os.close(found[1])

    def close(self) -> None:
        for name in list(self._watched):
            self._remove(name)
