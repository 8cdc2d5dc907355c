"""Who is at the other end: SO_PEERCRED on the unix socket, sock_diag on loopback TCP. The kernel speaks, nobody else.

See unix(7), sock_diag(7) and, for the layout of the messages, linux/inet_diag.h.
"""

from __future__ import annotations

import contextlib
import socket
import struct
from pathlib import Path

from .model import Peer

NETLINK_SOCK_DIAG = 4
SOCK_DIAG_BY_FAMILY = 20
NLM_F_REQUEST = 1
TCP_ESTABLISHED = 1
OVERFLOW_UID = 65534
SO_PEERGROUPS = 59
_GROUPS_BYTES = 1024
"""The most that Python's getsockopt takes: room for 256 groups."""

_HEADER = struct.Struct("=IHHII")
_REQUEST = struct.Struct("=BBBBI")
_ADDRESSES = struct.Struct("!HH16s16s")
_INTERFACE_COOKIE = struct.Struct("=III")
_ANSWER_HEAD = struct.Struct("=BBBB")
_ANSWER_TAIL = struct.Struct("=IIIII")
_ID_SIZE = 48
_NO_COOKIE = 0xFFFFFFFF


def unix_peer(connection: socket.socket) -> Peer:
    """The process that connected. Its pid is 0 when it is outside this machine's PID namespace: then neither its
    groups nor its name mean anything here."""
    pid, uid, gid = struct.unpack("=iII", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    if uid == OVERFLOW_UID and pid == 0:
        return Peer("unix", note="the kernel does not know this user here")
    if pid == 0:
        return Peer("unix", uid, 0, note="outside this machine's processes")
    groups = {gid}
    with contextlib.suppress(OSError):  # more groups than fit: those that can't be told don't count
        raw = connection.getsockopt(socket.SOL_SOCKET, SO_PEERGROUPS, _GROUPS_BYTES)
        groups.update(struct.unpack(f"={len(raw) // 4}I", raw))
    started, program = _process(pid)
    return Peer("unix", uid, pid, started, program, tuple(sorted(groups)))


def _process(pid: int) -> tuple[int | None, str]:
    """Start time, in clock ticks since boot, and name of a process, as far as /proc shows them: proc(5)."""
    try:
        name, _, rest = Path(f"/proc/{pid}/stat").read_text().partition("(")[2].rpartition(")")
        return int(rest.split()[19]), name
    except (OSError, ValueError, IndexError):
        return None, ""


class SockDiag:
    """Asks the kernel for the owner of one TCP socket on this machine, by its exact addresses and ports."""

    def __init__(self) -> None:
        self._netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC, NETLINK_SOCK_DIAG)
        self._netlink.settimeout(1.0)
        self._netlink.bind((0, 0))
        self._sequence = 0

    def close(self) -> None:
        self._netlink.close()

    def owner(self, family: int, source: tuple[str, int], target: tuple[str, int]) -> int | None:
        """The uid of the client whose socket goes from ``source`` to ``target``.

        None when the kernel does not vouch for it: no such socket, not established any more (then the kernel says uid
        0, which is not root), without an inode, or of an unmapped user.
        """
        self._sequence += 1
        addresses = _ADDRESSES.pack(source[1], target[1], _packed(family, source[0]), _packed(family, target[0]))
        body = (
            _REQUEST.pack(family, socket.IPPROTO_TCP, 0, 0, 1 << TCP_ESTABLISHED)
            + addresses
            + _INTERFACE_COOKIE.pack(0, _NO_COOKIE, _NO_COOKIE)
        )
        header = _HEADER.pack(_HEADER.size + len(body), SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST, self._sequence, 0)
        try:
            self._netlink.send(header + body)
            while True:
                answer = self._netlink.recv(8192)
                _, kind, _, sequence, _ = _HEADER.unpack_from(answer)
                if sequence == self._sequence:  # a late answer to an earlier question is not ours
                    break
        except OSError:
            return None
        if kind != SOCK_DIAG_BY_FAMILY:
            return None
        return self._judge(answer, addresses)

    def _judge(self, answer: bytes, addresses: bytes) -> int | None:
        _, state, _, _ = _ANSWER_HEAD.unpack_from(answer, _HEADER.size)
        asked_at = _HEADER.size + _ANSWER_HEAD.size
        if answer[asked_at : asked_at + len(addresses)] != addresses:
            return None  # e.g. the listening socket, which the kernel offers when there is no exact match
        _, _, _, uid, inode = _ANSWER_TAIL.unpack_from(answer, asked_at + _ID_SIZE)
        if state != TCP_ESTABLISHED or inode == 0 or uid == OVERFLOW_UID:
            return None
        return int(uid)


def _packed(family: int, address: str) -> bytes:
    return socket.inet_pton(family, address).ljust(16, b"\0")


def tcp_peer(connection: socket.socket, diag: SockDiag) -> Peer:
    """The user who connected over loopback TCP; without uid when the kernel does not vouch for anybody."""
    try:
        source, target = connection.getpeername(), connection.getsockname()
    except OSError:
        return Peer("tcp", note="gone before it could be asked who it is")
    uid = diag.owner(connection.family, source[:2], target[:2])
    if uid is None:
        return Peer("tcp", note="the kernel does not vouch for the other end")
    return Peer("tcp", uid)
