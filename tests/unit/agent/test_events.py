"""The event stream: numbered, replayed to those who come back, and never holding more than its bounds."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from incidentops_agent import events
from incidentops_agent.events import BACKLOG, MEMORY, Broker, Reader

Event = tuple[str, str, Any]


def parse(stream: bytes) -> list[Event]:
    """Id, kind and data of each event, read as the standard says."""
    found = []
    for block in stream.decode().split("\n\n"):
        if block:
            fields = dict(line.split(": ", 1) for line in block.split("\n"))
            found.append((fields.get("id", ""), fields["event"], json.loads(fields["data"])))
    return found


def broker() -> Broker:
    return Broker("run1", lambda: {"all": "of it"})


async def waiting(reader: Reader) -> list[Event]:
    return parse(await reader.next(0.05))


async def test_a_new_reader_gets_the_snapshot_first_and_then_what_comes() -> None:
    made = broker()
    made.publish("service", {"name": "before"})
    reader = made.open("")
    made.publish("service", {"name": "meanwhile"})
    assert await waiting(reader) == [("run1-2", "snapshot", {"all": "of it"})]
    made.publish("service", {"name": "a"})
    made.publish("action", {"name": "b"})
    assert await waiting(reader) == [("run1-3", "service", {"name": "a"}), ("run1-4", "action", {"name": "b"})]


async def test_nothing_for_a_while_gives_a_heartbeat_without_an_id() -> None:
    reader = broker().open("")
    await waiting(reader)
    assert await waiting(reader) == [("", "heartbeat", {})]


async def test_who_comes_back_gets_exactly_what_was_missed() -> None:
    made = broker()
    for number in range(5):
        made.publish("service", {"n": number})
    assert await waiting(made.open("run1-3")) == [("run1-4", "service", {"n": 3}), ("run1-5", "service", {"n": 4})]


async def test_who_missed_nothing_is_told_nothing_until_something_comes() -> None:
    made = broker()
    made.publish("service", {})
    reader = made.open("run1-1")
    assert await reader.next(0.05) == b""
    made.publish("service", {"n": 2})
    assert await waiting(reader) == [("run1-2", "service", {"n": 2})]


@pytest.mark.parametrize(
    "last_id", ["run0-3", "run1-9", "run1-", "run1-x", "run1--1", "-1", "3", "\u0663", "run1-\u0663", "x" * 5000]
)
async def test_an_id_that_is_not_of_this_run_is_a_gap(last_id: str) -> None:
    made = broker()
    made.publish("service", {})
    assert [kind for _, kind, _ in await waiting(made.open(last_id))] == ["snapshot"]


async def test_who_was_away_too_long_gets_a_snapshot_and_who_was_not_quite_gets_all() -> None:
    made = broker()
    for number in range(MEMORY + 2):
        made.publish("service", {"n": number})
    assert len(await waiting(made.open("run1-2"))) == MEMORY
    assert [kind for _, kind, _ in await waiting(made.open("run1-1"))] == ["snapshot"]


async def test_a_reader_that_does_not_read_holds_a_bounded_number_of_events() -> None:
    made = broker()
    reader = made.open("")
    await waiting(reader)
    for number in range(BACKLOG):
        made.publish("service", {"n": number})
    assert len(reader._pending) == BACKLOG
    made.publish("service", {"n": "one more"})
    assert len(reader._pending) == 0
    for _ in range(BACKLOG * 3):
        made.publish("service", {"more": 1})
    assert len(reader._pending) == 0
    assert [kind for _, kind, _ in await waiting(reader)] == ["snapshot"]
    made.publish("service", {"n": "after"})
    assert await waiting(reader) == [(made.last_id, "service", {"n": "after"})]


async def test_a_closed_reader_is_forgotten() -> None:
    made = broker()
    reader = made.open("")
    assert made.readers == 1
    made.close(reader)
    made.close(reader)
    assert made.readers == 0
    made.publish("service", {})


@given(st.dictionaries(st.text(), st.text()))
def test_no_text_breaks_the_lines_of_the_stream(data: dict[str, str]) -> None:
    assert parse(events.encode("service", json.dumps(data).encode(), "run1-1")) == [("run1-1", "service", data)]


async def follow(steps: list[str]) -> None:
    truth: dict[str, Any] = {"n": 0}
    made = Broker("run", lambda: dict(truth))
    reader, known, last_id = made.open(""), {"n": -1}, ""
    for step in [*steps, "reconnect"]:
        if step == "publish":
            truth["n"] += 1
            made.publish("service", dict(truth))
            continue
        if step == "reconnect":
            made.close(reader)
            reader = made.open(last_id)
        if reader._wake.is_set():
            for event_id, _, data in await waiting(reader):
                known.update(data)
                last_id = event_id
            assert known == truth


@given(st.lists(st.sampled_from(["publish", "read", "reconnect"]), max_size=60))
def test_a_reader_that_comes_and_goes_knows_the_truth_after_each_read(steps: list[str]) -> None:
    asyncio.run(follow(steps))
