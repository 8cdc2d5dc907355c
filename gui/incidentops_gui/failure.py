"""Why a request got no answer."""

from __future__ import annotations

from enum import StrEnum


class Failure(StrEnum):
    """Why a request got no answer."""

    ABSENT = "absent"
    """There is no such socket."""
    FORBIDDEN = "forbidden"
    """The socket's permissions do not let us connect."""
    REFUSED = "refused"
    """There is a socket, but nobody listens."""
    CLOSED = "closed"
    """The connection ended before the answer did."""
    SILENT = "silent"
    """Nothing came within the time that we wait."""
    PROTOCOL = "protocol"
    """What came is not HTTP."""
    OTHER = "other"
