"""A client that sends exactly the bytes that it is given, and reads answers without hiding anything."""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@dataclass
class Answer:
    """``headers`` are lower case; ``body`` is bytes."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        assert self.headers["content-type"] == "application/json", self
        return json.loads(self.body)


class Connection:
    """One connection to a door of the agent."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, raw: bytes) -> None:
        self.writer.write(raw)

    async def head(self) -> tuple[int, dict[str, str]]:
        """Status and headers; EOFError when the other end closed instead."""
        try:
            text = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        except asyncio.IncompleteReadError as error:
            raise EOFError(error.partial) from None
        first, *lines = text.removesuffix("\r\n\r\n").split("\r\n")
        pairs = [line.split(": ", 1) for line in lines]
        assert len({name.lower() for name, _ in pairs}) == len(pairs), "a header was sent twice"
        return int(first.split()[1]), {name.lower(): value for name, value in pairs}

    async def answer(self, to_head: bool = False) -> Answer:
        """A whole answer, of known length or in chunks."""
        status, headers = await self.head()
        if headers.get("transfer-encoding") == "chunked" and not to_head:
            body = b""
            while data := await self.chunk():
                body += data
            return Answer(status, headers, body)
        length = 0 if to_head else int(headers["content-length"])
        return Answer(status, headers, await self.reader.readexactly(length))

    async def chunk(self) -> bytes:
        """The next part of an answer that has no end; empty at the end that came all the same."""
        size = int(await self.reader.readline(), 16)
        data = await self.reader.readexactly(size)
        assert await self.reader.readexactly(2) == b"\r\n"
        return data

    async def is_closed(self) -> bool:
        """Whether the other end closes without another byte."""
        try:
            return await self.reader.read(1) == b""
        except ConnectionResetError:
            return True

    async def close(self) -> None:
        self.writer.close()
        with contextlib.suppress(ConnectionError):
            await self.writer.wait_closed()


@contextlib.asynccontextmanager
async def connect(where: Path | tuple[str, int]) -> AsyncIterator[Connection]:
    """A connection to a unix socket's path, or to a host and port."""
    if isinstance(where, tuple):
        made = Connection(*await asyncio.open_connection(*where))
    else:
        made = Connection(*await asyncio.open_unix_connection(where))
    try:
        yield made
    finally:
        await made.close()


def host_of(where: Path | tuple[str, int]) -> str:
    if not isinstance(where, tuple):
        return "localhost"
    host, port = where
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def request_bytes(method: str, path: str, host: str, headers: dict[str, str] | None = None, body: bytes = b"") -> bytes:
    lines = [
        f"{method} {path} HTTP/1.1",
        f"Host: {host}",
        *(f"{key}: {value}" for key, value in (headers or {}).items()),
    ]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


class Events:
    """The event stream of a connection, event by event."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.last_id = ""
        self._buffer = b""

    async def next(self) -> tuple[str, Any]:
        """Kind and data of the next event."""
        while b"\n\n" not in self._buffer:
            data = await self.connection.chunk()
            if not data:
                raise EOFError
            self._buffer += data
        block, _, self._buffer = self._buffer.partition(b"\n\n")
        fields = dict(line.split(": ", 1) for line in block.decode().split("\n"))
        self.last_id = fields.get("id", self.last_id)
        return fields["event"], json.loads(fields["data"])

    async def until(self, kind: str, **wanted: Any) -> Any:
        """The data of the first event of a kind with these values in it."""
        while True:
            found, data = await self.next()
            if found == kind and all(data.get(key) == value for key, value in wanted.items()):
                return data
