from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, cast

import pytest
from incidentops_agent import bodies
from incidentops_agent.answers import ApiError

if TYPE_CHECKING:
    from aiohttp import web
    from incidentops_agent.edge import Section


class _Request(dict[str, str]):
    """As much of a request as a body is read from; a part of None never comes."""

    def __init__(self, *parts: bytes | None) -> None:
        super().__init__()
        self.content = self
        self._parts = parts

    async def iter_any(self) -> Any:
        for part in self._parts:
            if part is None:
                await asyncio.Event().wait()
            yield part


def _window(section: Section) -> tuple[float, str]:
    return section.number("seconds", 60, 1, 3600, "seconds"), section.text("reason")


async def _read(*parts: bytes | None) -> tuple[float, str]:
    return await bodies.read(cast("web.BaseRequest", _Request(*parts)), _window)


async def test_a_body_is_read_whole_and_typed() -> None:
    assert await _read(b'{"seconds": 1.5e2, "rea', b'son": "new disk \\ud83d\\ude00 \\u0000: - {x}"}') == (
        150.0,
        "new disk \N{GRINNING FACE} \0: - {x}",
    )


async def test_a_text_comes_as_it_was_written() -> None:
    text = "a \x7f\x85 \u2028 --- \u2029b\ufeff\uffff"
    raw = json.dumps({"reason": text}, ensure_ascii=False).encode()
    assert await _read(raw) == (60, text)


async def test_all_mistakes_at_once_with_their_keys() -> None:
    with pytest.raises(ApiError) as caught:
        await _read(b'{"seconds": "soon", "why": null}')
    assert (caught.value.status, caught.value.kind) == (400, "malformed")
    assert {one["key"] for one in caught.value.extra["problems"]} == {"seconds", "reason", "why"}
    assert "seconds: must be a number of seconds from 1 to 3600" in str(caught.value)


@pytest.mark.parametrize(
    ("raw", "complaint"),
    [
        (b"{", "as JSON"),
        (b"[1]", "must be a JSON object"),
        (b'{"reason": "a", "reason": "b"}', "'reason' is given twice"),
        (b"\xff", "as JSON"),
        (b"[" * 50_000, "JSON"),
        (b"reason: yaml is no JSON", "as JSON"),
        (b'{"reason": "\\ud800"}', "half of a surrogate pair"),
        (b"", "reason: is missing"),
    ],
)
async def test_what_is_no_object_of_json_is_refused(raw: bytes, complaint: str) -> None:
    with pytest.raises(ApiError, match="cannot take the body") as caught:
        await _read(raw)
    assert complaint in str(caught.value)


async def test_a_body_has_a_size_and_a_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ApiError, match="more than 65536 bytes"):
        await _read(b" " * 40_000, b" " * 40_000)
    monkeypatch.setattr(bodies, "DEADLINE", 0.05)
    with pytest.raises(ApiError, match="cannot wait longer") as caught:
        await _read(b"{", None)
    assert caught.value.status == 408
