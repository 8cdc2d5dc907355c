"""The catalogue of faults that the agent reads is the one that the code has, and every kind says enough of itself."""

from __future__ import annotations

import json
import os

import pytest
from incidentops_faults.__main__ import catalogue
from incidentops_faults.effects import EFFECTS
from incidentops_faults.kinds import KINDS
from lint.files import TOP

FILE = TOP / "agent/faults.json"


def test_the_installed_catalogue_is_current() -> None:
    text = json.dumps(catalogue(), indent=1) + "\n"
    if os.environ.get("UPDATE_GOLDEN"):
        FILE.write_text(text)
    assert text == FILE.read_text(), "agent/faults.json is not what the code says; if that is right: UPDATE_GOLDEN=1"


@pytest.mark.parametrize("kind", KINDS.values(), ids=list(KINDS))
def test_every_kind_describes_itself(kind: type) -> None:
    described = kind.described()  # type: ignore[attr-defined]
    assert described["title"]
    assert described["summary"].endswith(".")
    for one in described["parameters"]:
        assert one["help"]
        if one["type"] in ("integer", "number"):
            assert one["low"] <= one["default"] <= one["high"]
        if one["type"] == "choice":
            assert one["default"] in one["choices"]


def test_the_guide_names_every_kind() -> None:
    table = (TOP / "agent/incidentops_faults/README.md").read_text().partition("## The kinds")[2]
    assert [kind for kind in KINDS if f"`{kind}`" not in table] == []


def test_every_effect_has_a_name_of_its_own() -> None:
    assert len({effect.name for effect in EFFECTS.values()}) == len(EFFECTS)
