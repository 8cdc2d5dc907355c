"""What all kinds of probes share: the interface and the two ways not to succeed."""

from __future__ import annotations

from typing import Protocol


class ProbeFailedError(Exception):
    """The service does not work; the text is a sentence."""


class ProbeUnavailableError(Exception):
    """The service answered, and refused the login: it lives, more can't be judged. The text is a sentence."""


class Probe(Protocol):
    """One service's probe with the connection that it keeps."""

    @property
    def connected(self) -> bool:
        """Whether a connection of an earlier question is kept, which may have gone stale since."""
        ...

    async def ask(self) -> dict[str, str]:
        """Ask once, connecting first where needed; details to show, if any.

        Raises:
            ProbeFailedError: it does not work.
            ProbeUnavailableError: it answered and refused the login.
        """
        ...

    async def close(self) -> None:
        """Drop the connection, at once."""
        ...
