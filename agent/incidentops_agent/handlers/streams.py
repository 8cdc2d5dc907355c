"""What has no end by itself: the event stream and a journal that is followed; and the journal as it is."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from aiohttp import web

from .. import events, lookup, queries, views
from ..answers import ApiError, cut, reply

if TYPE_CHECKING:
    from ..engine import Engine
    from ..model import JournalEntry, Peer
    from ..ports import Journal

HEARTBEAT = 4.0
"""Seconds between two signs of life on the event stream, so that a client may give up after 5."""
STALLED = 10.0
"""Seconds after which a reader of the event stream that takes nothing is cut off."""
JOURNAL_LINES_MOST = 5000


class StreamHandlers:
    def __init__(self, engine: Engine, journal: Journal) -> None:
        self._engine = engine
        self._journal = journal
        self._streams: set[asyncio.Task[Any]] = set()

    async def journal(self, request: web.BaseRequest, parameter: str, _peer: Peer) -> web.StreamResponse:
        unit = lookup.service(self._engine, parameter).unit_name
        queries.only(request, "lines", "follow")
        lines = min(queries.whole(request, "lines", 100) or 0, JOURNAL_LINES_MOST)
        try:
            if request.query.get("follow", "0") != "0":
                return await self._follow_journal(request, unit, lines)
            return reply([views.journal_entry(entry) for entry in await self._journal.recent(unit, lines)])
        except OSError as error:
            raise ApiError(503, "journal-unreadable", str(error)) from error

    async def _follow_journal(self, request: web.BaseRequest, unit: str, lines: int) -> web.StreamResponse:
        response = await self._open_stream(request)
        if request.method == "HEAD":
            return response
        entries = self._journal.follow(unit, lines)
        coming: asyncio.Future[JournalEntry] | None = None
        try:
            while True:
                coming = coming or asyncio.ensure_future(anext(entries))
                done, _ = await asyncio.wait([coming], timeout=HEARTBEAT)
                chunk = events.encode("heartbeat", b"{}")
                if done:
                    chunk = events.encode("entry", json.dumps(views.journal_entry(coming.result())).encode())
                    coming = None
                async with asyncio.timeout(STALLED):
                    await response.write(chunk)
        except StopAsyncIteration:
            return response
        except (OSError, TimeoutError):
            cut(request)
        finally:
            if coming is not None:
                coming.cancel()
                await asyncio.gather(coming, return_exceptions=True)
            await entries.aclose()
        return response

    async def _open_stream(self, request: web.BaseRequest) -> web.StreamResponse:
        stream = asyncio.current_task()
        assert stream is not None
        self._streams.add(stream)
        stream.add_done_callback(self._streams.discard)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
        await response.prepare(request)
        return response

    def end(self) -> None:
        """Cut every stream."""
        for stream in self._streams:
            stream.cancel()

    async def events(self, request: web.BaseRequest, _parameter: str, _peer: Peer) -> web.StreamResponse:
        response = await self._open_stream(request)
        if request.method == "HEAD":
            return response
        broker = self._engine.broker
        reader = broker.open(request.headers.get("Last-Event-ID", ""))
        try:
            while True:
                chunk = await reader.next(HEARTBEAT)
                async with asyncio.timeout(STALLED):
                    await response.write(chunk)
        except (TimeoutError, ConnectionError):
            cut(request)
        finally:
            broker.close(reader)
        return response
