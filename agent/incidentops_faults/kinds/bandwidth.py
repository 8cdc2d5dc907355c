"""bandwidth: the service's ports let through only so much."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING

from incidentops_agent.parameters import Parameter

from ..errors import FaultError
from .shaped import FROM, TO, Shaped

if TYPE_CHECKING:
    from typing import ClassVar

DATAGRAM = 1000
HOST = "127.0.0.2"
"""An address of lo on which nobody listens but by chance."""
FREE = 3000
"""Bytes that htb lets through at once before it begins to hold back, two packets of its usual size."""


class Bandwidth(Shaped):
    kind = "bandwidth"
    title = "Network: bandwidth"
    summary = "Connections within this machine to the service's ports get only so much, in each direction, together."
    needs = (
        "tc, htb and u32 in the kernel; a service with a TCP port in the catalogue; lo with the kernel's own discipline"
    )
    parameters: ClassVar = (Parameter("rate", "integer", "in each direction", 10, "kB/s", 1, 10_000),)

    def preview(self) -> list[str]:
        rate = self.number("rate")
        return [f"To port {self.ports()}, and back from it, go {rate:g} kB/s on the loopback interface, in all."]

    def classes(self) -> list[str]:
        bits = int(self.number("rate")) * 8
        head = f"class add dev lo parent {self.handle} classid {self.handle}"
        return [f"{head}{one} htb rate {bits}kbit ceil {bits}kbit" for one in (TO, FROM)]

    def verify(self) -> str:
        """With datagrams to the same number of a port, so that the service itself gets nothing strange to read."""
        rate = self.number("rate") * 1000
        amount = int(min(max(rate * 0.3, 6 * DATAGRAM), 100 * DATAGRAM)) // DATAGRAM * DATAGRAM
        for port in self.order.target.ports:
            taken = transfer(port, amount)
            if taken < (amount - FREE) / rate * 0.8:
                return (
                    f"{amount} bytes to port {port} take {taken * 1000:.1f} ms, which is more than {rate / 1000:g} kB/s"
                )
        return ""


def transfer(port: int, amount: int) -> float:
    """Seconds that so many bytes take to a port of UDP over lo.

    Raises:
        FaultError: when they do not arrive, or the port is taken.
    """
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender,
    ):
        try:
            receiver.bind((HOST, port))
            for one in (receiver, sender):
                one.settimeout(20)
            receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * amount)
            began = time.monotonic()
            for _ in range(amount // DATAGRAM):
                sender.sendto(b"\0" * DATAGRAM, (HOST, port))
            got = 0
            while got < amount:
                got += len(receiver.recv(DATAGRAM))
        except OSError as error:
            raise FaultError(f"the bandwidth to port {port} can't be measured: {error.strerror or error}") from error
        return time.monotonic() - began
