"""A lab machine for the tests of this tier that need one, and screens that nobody needs to see."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from deploy.screen import Screen
from system.machine import Lab, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def machine() -> Iterator[Lab]:
    """The machine that this tier shares; taken down at the end, also after a failure.

    One that runs already is used when INCIDENTOPS_DEPLOY_LAB names it.
    """
    name = os.environ.get("INCIDENTOPS_DEPLOY_LAB", "")
    if name:
        yield Lab(name)
        return
    made = Lab(f"deploy-{os.getpid()}")
    try:
        made.up()
        yield made
    finally:
        made.down()


@pytest.fixture
def lab(machine: Lab) -> Lab:
    """The machine with every service up."""
    if not machine.all_up():
        machine.post("/remediate")
        eventually(machine.all_up, deadline=30)
    return machine


@pytest.fixture
def screen(tmp_path: Path) -> Iterator[Screen]:
    """A virtual screen of the host."""
    with Screen(tmp_path) as made:
        yield made
