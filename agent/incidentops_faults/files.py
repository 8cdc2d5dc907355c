"""Opens files that decide what root does: no symbolic link is followed, owner, kind and size are checked."""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import FaultError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

LIMIT = 64 * 1024
"""The most bytes of a file that is read."""


@contextmanager
def folder(path: Path) -> Iterator[int]:
    """A descriptor of a folder that is reached from / without any symbolic link.

    Raises:
        FaultError: when there is one on the way, or no folder.
    """
    descriptor = os.open("/", os.O_DIRECTORY | os.O_RDONLY | os.O_CLOEXEC)
    try:
        for part in path.parts[1:]:
            try:
                inner = os.open(part, os.O_DIRECTORY | os.O_NOFOLLOW | os.O_RDONLY | os.O_CLOEXEC, dir_fd=descriptor)
            except OSError as error:
                raise FaultError(f"{path} can't be opened at {part!r}: {error.strerror}") from error
            os.close(descriptor)
            descriptor = inner
        yield descriptor
    finally:
        os.close(descriptor)


def read(directory: int, name: str, owners: Collection[int]) -> str:
    """The text of a regular file in a folder that one of the owners (uids) has, and nobody else may write.

    Raises:
        FaultError: when it is anything else; FileNotFoundError when there is none.
    """
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
    try:
        descriptor = os.open(name, flags, dir_fd=directory)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise FaultError(f"{name} can't be opened: {error.strerror}") from error
    try:
        _check(name, os.fstat(descriptor), owners)
        data = os.read(descriptor, LIMIT + 1)
    finally:
        os.close(descriptor)
    if len(data) > LIMIT:
        raise FaultError(f"{name} is larger than {LIMIT} bytes")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise FaultError(f"{name} is not UTF-8") from error


def _check(name: str, about: os.stat_result, owners: Collection[int]) -> None:
    if not stat.S_ISREG(about.st_mode):
        raise FaultError(f"{name} is no regular file")
    if about.st_uid not in owners:
        raise FaultError(f"{name} belongs to uid {about.st_uid}, which may not write it")
    if about.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise FaultError(f"{name} may be written by others than its owner")
    if about.st_nlink != 1:
        raise FaultError(f"{name} has {about.st_nlink} names")


def take(directory: int, name: str, owners: Collection[int]) -> str:
    """As ``read``, and the file is gone then, whatever is in it: it is good for one time."""
    try:
        return read(directory, name, owners)
    finally:
        with suppress(OSError):
            Path(f"/proc/self/fd/{directory}", name).unlink()  # never a link's target
