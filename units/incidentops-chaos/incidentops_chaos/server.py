"""`GET /health` over a unix socket, for clients that may be slow, rude or gone."""

import asyncio
import json
from pathlib import Path

# Asking takes a line and answering a packet; a client that needs longer is let go.
CLIENT_SECONDS = 2.0
_REQUEST_LIMIT = 4096


def answer(request: bytes) -> bytes:
    """The response to a request's head."""
    line = request.partition(b"\r\n")[0].split(b" ")
    if len(line) != 3 or not line[2].startswith(b"HTTP/1."):
        return _response("400 Bad Request", {"kind": "bad-request", "message": "cannot read this as HTTP"})
    method, target = line[0], line[1].partition(b"?")[0]
    if target != b"/health":
        return _response("404 Not Found", {"kind": "not-found", "message": "cannot find this; there is /health"})
    if method not in {b"GET", b"HEAD"}:
        return _response("405 Method Not Allowed", {"kind": "bad-method", "message": "cannot do this; GET only"})
    response = _response("200 OK", {"status": "idle"})
    return response if method == b"GET" else response.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"


async def serve(path: Path) -> asyncio.Server:
    """Answer at the unix socket `path`, to everybody on this machine. Raises OSError."""
    server = await asyncio.start_unix_server(_connected, path, limit=_REQUEST_LIMIT)
    # A health answer is no secret, and nothing can be changed here: the agent's user and any person may ask.
    path.chmod(0o666)
    return server


async def _connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        async with asyncio.timeout(CLIENT_SECONDS):
            writer.write(answer(await reader.readuntil(b"\r\n\r\n")))
            await writer.drain()
            writer.close()
            await writer.wait_closed()
    except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        writer.transport.abort()


def _response(status: str, body: dict[str, str]) -> bytes:
    text = json.dumps(body).encode() + b"\n"
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(text)}\r\nConnection: close\r\n"
    )
    return head.encode() + b"\r\n" + text
