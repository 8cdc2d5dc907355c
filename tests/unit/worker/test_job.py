"""What is a job, and what is poison."""

import json
import uuid
from datetime import UTC, datetime
from typing import Any

import pytest
from incidentops_worker.job import BODY_LIMIT, Job, PoisonError, parse, serialise

GOOD: dict[str, Any] = {
    "id": "5b9a9a3a-9a3b-4a51-9dd5-0a3c0b6b9a11",
    "kind": "echo",
    "payload": {"text": "ü"},
    "created": "2026-11-24T10:00:00+01:00",
}
ORDER: dict[str, Any] = GOOD | {"kind": "order", "payload": {"item": "bolt", "quantity": 3}}


def body(**changes: object) -> bytes:
    return json.dumps(GOOD | changes).encode()


def test_a_job_survives_the_way_there_and_back() -> None:
    job = Job(uuid.uuid4(), "order", {"item": "bolt", "quantity": 3}, datetime.now(UTC))
    assert parse(serialise(job)) == job


def test_times_are_turned_to_utc() -> None:
    assert parse(body()).created == datetime(2026, 11, 24, 9, tzinfo=UTC)


def test_an_echo_needs_no_price_and_results_in_its_payload() -> None:
    job = parse(body())
    assert job.item is None
    assert job.result(None) == {"text": "ü"}


def test_an_order_is_priced() -> None:
    job = parse(json.dumps(ORDER).encode())
    assert job.item == "bolt"
    assert job.result(12) == {"item": "bolt", "quantity": 3, "price_cents": 12, "total_cents": 36}


def test_an_order_without_a_price_is_poison() -> None:
    with pytest.raises(PoisonError, match="no price for the item 'bolt'"):
        parse(json.dumps(ORDER).encode()).result(None)


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"not json",
        b"\xff\xfe",
        b"null",
        b"[]",
        b'"text"',
        b"{}",
        b"[" * 60_000,
        b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
        b"1" * 10_000,
        b'{"id": NaN}',
        b"x" * (BODY_LIMIT + 1),
    ],
    ids=lambda message: repr(message[:12]),
)
def test_malformed_messages_are_poison_and_nothing_worse(message: bytes) -> None:
    with pytest.raises(PoisonError):
        parse(message)


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"id": None}, "id must be"),
        ({"id": 7}, "id must be"),
        ({"id": "5b9a9a3a"}, "id must be"),
        ({"kind": "delete-everything"}, "kind must be"),
        ({"kind": ["echo"]}, "kind must be"),
        ({"payload": []}, "payload must be"),
        ({"created": "yesterday"}, "created must be"),
        ({"created": 1_700_000_000}, "created must be"),
        ({"created": "2026-11-24T10:00:00"}, "created must be"),
        ({"created": "0001-01-01T00:00:00+10:00"}, "created must be"),
        ({"kind": "order", "payload": {"item": "bolt", "quantity": 0}}, "quantity must be"),
        ({"kind": "order", "payload": {"item": "bolt", "quantity": 1.5}}, "quantity must be"),
        ({"kind": "order", "payload": {"item": "bolt", "quantity": True}}, "quantity must be"),
        ({"kind": "order", "payload": {"item": "", "quantity": 1}}, "item must be"),
        ({"kind": "order", "payload": {"item": "a\nb", "quantity": 1}}, "item must be"),
        ({"kind": "order", "payload": {"item": "x" * 65, "quantity": 1}}, "item must be"),
    ],
)
def test_a_wrong_field_is_named(changes: dict[str, object], what: str) -> None:
    with pytest.raises(PoisonError, match=what):
        parse(body(**changes))


def test_all_wrong_fields_are_named_at_once() -> None:
    with pytest.raises(PoisonError) as caught:
        parse(b"{}")
    assert [problem.split()[0] for problem in str(caught.value).split("; ")] == ["id", "kind", "payload", "created"]
