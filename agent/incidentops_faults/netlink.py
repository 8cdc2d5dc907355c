"""Asks the kernel which queueing disciplines it has, without changing anything; rtnetlink(7)."""

from __future__ import annotations

import errno
import socket
import struct

_ADD_QDISC, _REQUEST, _ACK, _CREATE_NEW = 36, 0x1, 0x4, 0x600
_ERROR, _KIND, _ROOT = 2, 1, 0xFFFFFFFF
LO = 1
"""The number of the loopback interface, in every network namespace."""


def has_qdisc(kind: str) -> bool:
    """Whether the kernel knows a queueing discipline; it loads the module when it is one.

    A request without the options that the discipline must have: the kernel looks for the discipline first, then at
    the options, and refuses before it has changed anything. So this is for kinds that can't do without options: htb,
    netem, tbf.
    """
    name = kind.encode() + b"\0"
    attribute = struct.pack("=HH", 4 + len(name), _KIND) + name
    attribute += b"\0" * (-len(attribute) % 4)
    about = struct.pack("=BxxxiIII", socket.AF_UNSPEC, LO, 0, _ROOT, 0) + attribute
    header = struct.pack("=IHHII", 16 + len(about), _ADD_QDISC, _REQUEST | _ACK | _CREATE_NEW, 1, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as kernel:
        kernel.settimeout(5)
        kernel.send(header + about)
        answer = kernel.recv(65536)
    kind_of_answer, number = struct.unpack_from("=4xH10xi", answer)
    return not (kind_of_answer == _ERROR and -number == errno.ENOENT)
