"""Credentials of services as systemd keeps them for their units, systemd.exec(5): root may read them."""

from __future__ import annotations

from pathlib import Path

from .errors import FaultError

FOLDERS = (Path("/etc/credstore"), Path("/run/credstore"), Path("/usr/lib/credstore"))


def find(name: str) -> str | None:
    """The text of a credential without its final line end; None when no name is given or there is none.

    Raises:
        FaultError: it can't be read.
    """
    for folder in FOLDERS:
        path = folder / name
        if not name or not path.is_file():
            continue
        try:
            return path.read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            raise FaultError(f"the credential {name!r} can't be read: {error}") from error
    return None
