"""The one error of this package."""

from __future__ import annotations


class FaultError(Exception):
    """Something could not be done; the message is a sentence for a person that goes on after "cannot ...: "."""
