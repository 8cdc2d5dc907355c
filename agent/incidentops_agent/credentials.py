"""Secrets from systemd credentials: $CREDENTIALS_DIRECTORY/NAME, see "Credentials" in systemd.exec(5)."""

from __future__ import annotations

import os
from pathlib import Path


class CredentialError(Exception):
    """A credential is not there or can't be read; the sentence says what to do."""


def find(name: str) -> str | None:
    """The text of a credential; None when it has no name or is not there: then a probe asks without."""
    try:
        return read(name) if name else None
    except CredentialError:
        return None


def hint(name: str) -> str:
    """What to add to a refused login when it was tried without the credential that it should have had."""
    try:
        if name:
            read(name)
    except CredentialError as error:
        return f"; {error}"
    return ""


def read(name: str) -> str:
    """The text of a credential without its final line end.

    Raises:
        CredentialError: it is missing or unreadable.
    """
    folder = os.environ.get("CREDENTIALS_DIRECTORY", "")
    try:
        return (Path(folder or "/nonexistent") / name).read_text().strip()
    except OSError:
        raise CredentialError(
            f"the credential {name!r} is missing; put it into /etc/credstore/{name} and restart incidentops-agent"
        ) from None
