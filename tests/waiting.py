"""Waiting for a condition instead of for a time."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, TypeVar

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


def eventually(look: Callable[[], T], deadline: float = 5.0, every: float = 0.005) -> T:
    """The first true value of ``look`` within ``deadline`` seconds; fails with its last value."""
    end = time.monotonic() + deadline
    while not (value := look()):
        if time.monotonic() > end:
            pytest.fail(f"not so within {deadline:g} s: {value!r}")
        time.sleep(every)
    return value


async def soon(look: Callable[[], T], deadline: float = 5.0, every: float = 0.002) -> T:
    """The same inside an event loop, which goes on meanwhile."""
    end = time.monotonic() + deadline
    while not (value := look()):
        if time.monotonic() > end:
            pytest.fail(f"not so within {deadline:g} s: {value!r}")
        await asyncio.sleep(every)
    return value
