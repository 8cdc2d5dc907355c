"""Who listens at the TCP ports of this machine: a dump of the kernel's listening sockets, sock_diag(7).

The kernel names the user of each, not the program: that is in /proc/PID/fd, which only its owner and root may read.
"""

from __future__ import annotations

import ipaddress
import logging
import pwd
import socket
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

log = logging.getLogger(__name__)

NETLINK_SOCK_DIAG = 4
SOCK_DIAG_BY_FAMILY = 20
NLM_F_REQUEST_DUMP = 0x301
NLMSG_DONE, NLMSG_ERROR = 3, 2
TCP_LISTEN = 10
INET_DIAG_SKV6ONLY = 11
TIMEOUT = 0.5
"""Seconds that the kernel may take; a dump of a hundred listeners takes less than a millisecond."""

_HEADER = struct.Struct("=IHHII")
_REQUEST = struct.Struct("=BBBBI48s")
# linux/inet_diag.h, struct inet_diag_msg: family, state, timer, retransmissions; ports and addresses; interface and
# cookie; expiry, two queues, uid, inode.
_LISTENER = struct.Struct("=BBBB2s2s16s16s12sIIIII")
_ATTRIBUTE = struct.Struct("=HH")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class KernelListeners:
    """ports.Listeners."""

    def user(self, host: str, port: int) -> str | None:
        try:
            wanted = ipaddress.ip_address("127.0.0.1" if host == "localhost" else host)
        except ValueError:
            return None  # a name: which address that means is not asked here
        try:
            found = [uid for at, uid in _listeners(port) if at == wanted or _covers(at, wanted)]
        except OSError as error:
            log.info("who listens at port %d can't be told: %s", port, error)
            return None
        return _name(found[0]) if found else None


def _covers(everywhere: Address, wanted: Address) -> bool:
    return everywhere.is_unspecified and everywhere.version == wanted.version


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _listeners(port: int) -> Iterator[tuple[Address, int]]:
    """Address and uid of each socket that listens at ``port``."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC, NETLINK_SOCK_DIAG) as netlink:
        netlink.settimeout(TIMEOUT)
        netlink.bind((0, 0))
        for family in (socket.AF_INET, socket.AF_INET6):
            body = _REQUEST.pack(family, socket.IPPROTO_TCP, 0, 0, 1 << TCP_LISTEN, bytes(48))
            netlink.send(_HEADER.pack(_HEADER.size + len(body), SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST_DUMP, 0, 0) + body)
            for message in _messages(netlink):
                _, _, _, _, source_port, _, source, _, _, _, _, _, uid, _ = _LISTENER.unpack_from(message)
                if int.from_bytes(source_port) == port:
                    address = ipaddress.ip_address(source[: 4 if family == socket.AF_INET else 16])
                    # Without IPV6_V6ONLY the unspecified address of IPv6 takes connections of IPv4 as well.
                    only_its_own = address.version == 4 or _only_v6(message)
                    if address.is_unspecified and not only_its_own:
                        yield ipaddress.IPv4Address(0), uid
                    yield address, uid


def _only_v6(message: bytes) -> bool:
    """The attribute INET_DIAG_SKV6ONLY of a listening socket."""
    rest = message[_LISTENER.size :]
    while len(rest) >= _ATTRIBUTE.size:
        size, kind = _ATTRIBUTE.unpack_from(rest)
        if kind == INET_DIAG_SKV6ONLY:
            return bool(rest[_ATTRIBUTE.size])
        rest = rest[max(_ATTRIBUTE.size, (size + 3) & ~3) :]
    return False


def _messages(netlink: socket.socket) -> Iterator[bytes]:
    """The bodies of one dump."""
    while True:
        data = netlink.recv(1 << 16)
        while data:
            size, kind, _, _, _ = _HEADER.unpack_from(data)
            if kind == NLMSG_DONE:
                return
            if kind == NLMSG_ERROR:
                raise OSError("the kernel refuses to list its listening sockets")
            yield data[_HEADER.size : size]
            data = data[(size + 3) & ~3 :]
