"""What a job is: the message's form, its kinds, and what each kind results in. Pure: no I/O, no clock."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Never
from uuid import UUID

# A job is a note about work, not a file: a larger body is a mistake of the sender.
BODY_LIMIT = 64 * 1024
KINDS = ("echo", "order")
QUANTITY_LIMIT = 1_000


class PoisonError(Exception):
    """This message can never be done, however often it is delivered; the text says why."""


@dataclass(frozen=True, slots=True)
class Job:
    """One job. `created` carries a time zone; it is the sender's clock."""

    id: UUID
    kind: str
    payload: Mapping[str, Any]
    created: datetime

    @property
    def item(self) -> str | None:
        """The item whose price the job needs, None when it needs none."""
        return str(self.payload["item"]) if self.kind == "order" else None

    def result(self, price: int | None) -> dict[str, Any]:
        """What is recorded as the job's result. `price` is in cents, and needed when `item` is not None."""
        if self.kind == "echo":
            return dict(self.payload)
        if price is None:
            raise PoisonError(f"there is no price for the item {self.payload['item']!r}")
        return {**self.payload, "price_cents": price, "total_cents": price * int(self.payload["quantity"])}


def parse(body: bytes) -> Job:
    """The job in a message's body; raises PoisonError that names everything wrong with it at once."""
    if len(body) > BODY_LIMIT:
        raise PoisonError(f"the message has {len(body)} bytes, more than {BODY_LIMIT}")
    try:
        message = json.loads(body, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:  # ValueError covers bad UTF-8, bad JSON and numbers without end
        raise PoisonError(f"the message is not JSON: {error}") from None
    if not isinstance(message, dict):
        raise PoisonError("the message is not a JSON object")
    problems: list[str] = []
    identifier = _identifier(message.get("id"), problems)
    kind = message.get("kind")
    if kind not in KINDS:
        problems.append(f"kind must be one of {', '.join(KINDS)}")
    payload = message.get("payload")
    if not isinstance(payload, dict):
        payload = {}
        problems.append("payload must be an object")
    elif kind == "order":
        _check_order(payload, problems)
    created = _moment(message.get("created"), problems)
    if problems:
        raise PoisonError("; ".join(problems))
    return Job(identifier, str(kind), payload, created)


def serialise(job: Job) -> bytes:
    """The message body that `parse` reads back."""
    return json.dumps(
        {"id": str(job.id), "kind": job.kind, "payload": job.payload, "created": job.created.isoformat()}
    ).encode()


def _no_constant(name: str) -> Never:
    raise ValueError(f"{name} is not a JSON value")


def _identifier(value: object, problems: list[str]) -> UUID:
    try:
        if isinstance(value, str):
            return UUID(value)
    except ValueError:
        pass
    problems.append("id must be a UUID")
    return UUID(int=0)


def _moment(value: object, problems: list[str]) -> datetime:
    try:
        if isinstance(value, str):
            moment = datetime.fromisoformat(value)
            if moment.tzinfo is not None:
                return moment.astimezone(UTC)
    except (ValueError, OverflowError):  # OverflowError: year 1 or 9999 leaves the calendar on its way to UTC
        pass
    problems.append("created must be an ISO 8601 time with a time zone")
    return datetime.fromtimestamp(0, UTC)


def _check_order(payload: Mapping[str, Any], problems: list[str]) -> None:
    item = payload.get("item")
    if not isinstance(item, str) or not 0 < len(item) <= 64 or not item.isprintable():
        problems.append("payload.item must be 1 to 64 printable characters")
    quantity = payload.get("quantity")
    if not isinstance(quantity, int) or isinstance(quantity, bool) or not 0 < quantity <= QUANTITY_LIMIT:
        problems.append(f"payload.quantity must be a whole number from 1 to {QUANTITY_LIMIT}")
