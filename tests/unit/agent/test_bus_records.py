"""How the bus worker speaks of units: the other end of bus.unit_view."""

from __future__ import annotations

import dataclasses
import json

from incidentops_agent import bus_records
from incidentops_agent.bus import unit_view
from incidentops_agent.model import UnitView


def test_every_field_of_a_unit_is_told_by_its_property() -> None:
    assert set(bus_records.FIELDS.values()) == {field.name for field in dataclasses.fields(UnitView)}


def test_values_survive_the_way_as_json() -> None:
    said = {b"Id": b"caf\xc3\xa9.service", b"MainPID": 7, b"InvocationID": list(range(16)), b"ConditionResult": True}
    record = {bus_records.FIELDS[key]: bus_records.plain(bus_records.FIELDS[key], value) for key, value in said.items()}
    found = unit_view(json.loads(json.dumps({**record, "of a later version": 1})))
    assert found == UnitView("café.service", main_pid=7, invocation_id=bytes(range(16)).hex(), condition_result=True)


def test_what_is_no_text_is_shown_all_the_same() -> None:
    assert bus_records.plain("description", b"half \xff") == "half \ufffd"
    assert bus_records.text("text") == "text"


def test_versions_are_ordered_as_people_do() -> None:
    names = ["postgresql@17-main.service", "postgresql@9-main.service", "postgresql@9.6-main.service"]
    assert sorted(names, key=bus_records.version_key) == [
        "postgresql@9-main.service",
        "postgresql@9.6-main.service",
        "postgresql@17-main.service",
    ]
