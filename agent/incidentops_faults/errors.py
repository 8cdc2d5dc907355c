"""The one error of this package."""

from __future__ import annotations


class FaultError(Exception):
    """Something could not be done; the message is a sentence for a person that goes on after "cannot ...: ".

    ``refusal`` says to a program why a request is not even tried: ``malformed``, ``unavailable`` (here and now),
    ``fault-active`` (the service has one), ``too-many`` (at once), ``denied`` (an administrator's word, or a request
    that root does not take).
    """

    def __init__(self, message: str, refusal: str = "denied") -> None:
        super().__init__(message)
        self.refusal = refusal
