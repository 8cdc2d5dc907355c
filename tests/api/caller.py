"""A program that sends requests as whoever runs it: a JSON line in, the whole raw answer out, for each.

It is started as another user, who may not be able to read the project's files: it is given to Python as a text.
"""

from __future__ import annotations

import contextlib
import json
import socket
import sys


def ask(address: str | list[object], raw: str) -> str:
    """Send the bytes and read until the other end closes or an event stream has begun."""
    family = (
        socket.AF_UNIX if isinstance(address, str) else socket.AF_INET6 if ":" in str(address[0]) else socket.AF_INET
    )
    with socket.socket(family) as connection:
        connection.settimeout(10)
        connection.connect(address if isinstance(address, str) else tuple(address))
        found = b""
        with contextlib.suppress(ConnectionError):  # it may have answered and closed before we said anything
            connection.sendall(raw.encode())
        with contextlib.suppress(ConnectionError):
            while b"text/event-stream" not in found and (data := connection.recv(65536)):
                found += data
    return found.decode()


def main() -> None:
    for line in sys.stdin:
        address, raw = json.loads(line)
        print(json.dumps(ask(address, raw)), flush=True)


main()
