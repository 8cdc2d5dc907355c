"""A lab machine for the whole run of this tier."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from system.machine import Lab, bring_back, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.lab)


@pytest.fixture(scope="session")
def machine() -> Iterator[Lab]:
    """The machine that the whole tier shares; taken down at the end, also after a failure."""
    made = Lab(f"test-{os.getpid()}", free_port())
    try:
        made.up()
        yield made
        no_surprises(made)
    finally:
        made.down()


def no_surprises(machine: Lab) -> None:
    """Whatever the tests did to them: our programs never ended by a mistake of their own."""
    journal = machine.output("journalctl", "--no-pager", "--output=cat", "--boot", "--unit=incidentops-*")
    assert "Traceback" not in journal, journal[journal.index("Traceback") - 500 :][:3000]


@pytest.fixture
def lab(machine: Lab) -> Iterator[Lab]:
    """The shared machine with every service up, before the test and after it."""
    bring_back(machine)
    yield machine
    bring_back(machine)
