"""Who is at the other end of a real connection, as the kernel says it; in doubt nobody."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from incidentops_agent import peer
from incidentops_agent.model import Peer

if TYPE_CHECKING:
    from collections.abc import Iterator

STRANGER = 54321
"""A uid that no user has."""

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be another user for a moment")

CLIENT = """
import socket, sys
family, address = int(sys.argv[1]), eval(sys.argv[2])
client = socket.socket(family)
client.connect(address)
print("connected", flush=True)
sys.stdin.read()
"""


@contextlib.contextmanager
def client_process(listening: socket.socket, **who: object) -> Iterator[tuple[subprocess.Popen[str], socket.socket]]:
    """A connection from another process, which may be another user's."""
    # As another user, the interpreter of a private folder may be out of reach: the plainest one will do.
    python = "/usr/bin/python3" if who else sys.executable
    child = subprocess.Popen(
        [python, "-I", "-S", "-c", CLIENT, str(int(listening.family)), repr(listening.getsockname())],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd="/",
        **who,  # type: ignore[call-overload]
    )
    try:
        accepted, _ = listening.accept()
        with accepted:
            yield child, accepted
    finally:
        child.communicate()


@pytest.fixture(params=["127.0.0.1", "::1"])
def tcp(request: pytest.FixtureRequest) -> Iterator[socket.socket]:
    host: str = request.param
    with socket.create_server((host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET) as listening:
        listening.settimeout(10)
        yield listening


@pytest.fixture
def diag() -> Iterator[peer.SockDiag]:
    made = peer.SockDiag()
    yield made
    made.close()


@pytest.fixture
def unix(open_folder: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(open_folder / "door.sock"))
        (open_folder / "door.sock").chmod(0o666)
        listening.listen()
        listening.settimeout(10)
        yield listening


# -- TCP


def test_tcp_gives_the_uid_of_our_own_client(tcp: socket.socket, diag: peer.SockDiag) -> None:
    with socket.create_connection(tcp.getsockname()[:2]) as client:
        accepted, _ = tcp.accept()
        with accepted:
            assert peer.tcp_peer(accepted, diag) == Peer("tcp", os.geteuid())
            assert diag.owner(tcp.family, client.getsockname()[:2], client.getpeername()[:2]) == os.geteuid()


@needs_root
def test_tcp_gives_the_uid_of_another_users_process(tcp: socket.socket, diag: peer.SockDiag) -> None:
    with client_process(tcp, user=STRANGER, group=STRANGER, extra_groups=[]) as (_, accepted):
        assert peer.tcp_peer(accepted, diag) == Peer("tcp", STRANGER)


@needs_root
def test_the_user_whom_the_kernel_can_not_name_is_nobody(tcp: socket.socket, diag: peer.SockDiag) -> None:
    with client_process(tcp, user=peer.OVERFLOW_UID, group=peer.OVERFLOW_UID, extra_groups=[]) as (_, accepted):
        assert peer.tcp_peer(accepted, diag).uid is None


@needs_root
def test_a_client_that_has_gone_is_nobody_and_not_root(tcp: socket.socket, diag: peer.SockDiag) -> None:
    """The kernel says uid 0 for it: facts that look like root are not root."""
    with client_process(tcp, user=STRANGER, group=STRANGER, extra_groups=[]) as (child, accepted):
        child.communicate()
        assert accepted.recv(1) == b""
        found = peer.tcp_peer(accepted, diag)
        assert found.uid is None
        assert "does not vouch" in found.note


def test_a_client_that_only_stopped_sending_is_nobody_too(tcp: socket.socket, diag: peer.SockDiag) -> None:
    with socket.create_connection(tcp.getsockname()[:2]) as client:
        accepted, _ = tcp.accept()
        with accepted:
            client.shutdown(socket.SHUT_WR)
            assert accepted.recv(1) == b""
            assert peer.tcp_peer(accepted, diag).uid is None


def test_a_connection_that_was_reset_is_nobody(tcp: socket.socket, diag: peer.SockDiag) -> None:
    client = socket.create_connection(tcp.getsockname()[:2])
    accepted, _ = tcp.accept()
    with accepted:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
        with contextlib.suppress(ConnectionResetError):
            accepted.recv(1)
        assert peer.tcp_peer(accepted, diag).uid is None


def test_the_listening_socket_never_stands_in_for_a_client(tcp: socket.socket, diag: peer.SockDiag) -> None:
    """Asked for what is not there, the kernel offers the listener on that port, with its own uid."""
    host, port = tcp.getsockname()[:2]
    assert diag.owner(tcp.family, (host, port), (host, 1)) is None
    assert diag.owner(tcp.family, (host, 1), (host, port)) is None


def test_answers_are_not_mixed_up(tcp: socket.socket, diag: peer.SockDiag) -> None:
    """A late answer to an earlier question, which waits in the socket, is not taken for the present one."""
    with socket.create_connection(tcp.getsockname()[:2]) as client:
        accepted, _ = tcp.accept()
        with accepted:
            diag._sequence += 1
            question = peer._HEADER.pack(peer._HEADER.size + 56, 20, 1, diag._sequence, 0)
            diag._netlink.send(question + peer._REQUEST.pack(tcp.family, 6, 0, 0, 2) + bytes(48))
            assert diag.owner(tcp.family, client.getsockname()[:2], client.getpeername()[:2]) == os.geteuid()


def test_no_netlink_is_nobody(tcp: socket.socket, diag: peer.SockDiag) -> None:
    diag.close()
    with socket.create_connection(tcp.getsockname()[:2]):
        accepted, _ = tcp.accept()
        with accepted:
            assert peer.tcp_peer(accepted, diag).uid is None


# -- the unix socket


def test_unix_gives_user_process_program_and_groups(unix: socket.socket) -> None:
    with client_process(unix) as (child, accepted):
        found = peer.unix_peer(accepted)
        name, _, rest = Path(f"/proc/{child.pid}/stat").read_text().partition("(")[2].rpartition(")")
        assert (found.door, found.uid, found.pid) == ("unix", os.geteuid(), child.pid)
        assert (found.program, found.pid_started) == (name, int(rest.split()[19]))
        assert set(found.groups) == {os.getegid(), *os.getgroups()}


@needs_root
def test_unix_gives_another_users_groups(unix: socket.socket) -> None:
    with client_process(unix, user=STRANGER, group=60001, extra_groups=[60002, 60003]) as (_, accepted):
        found = peer.unix_peer(accepted)
        assert (found.uid, found.groups) == (STRANGER, (60001, 60002, 60003))


@needs_root
def test_unix_knows_who_connected_also_after_the_end_of_it(unix: socket.socket) -> None:
    with client_process(unix, user=STRANGER, group=STRANGER, extra_groups=[]) as (child, accepted):
        child.communicate()
        found = peer.unix_peer(accepted)
        assert (found.uid, found.pid) == (STRANGER, child.pid)
        assert (found.pid_started, found.program) == (None, "")


class FromOutside:
    """A connection as it looks when its client is in another PID namespace, or of a user that is not mapped here."""

    def __init__(self, pid: int, uid: int) -> None:
        self._credentials = struct.pack("=iII", pid, uid, uid)

    def getsockopt(self, _level: int, _option: int, _size: int) -> bytes:
        return self._credentials


def test_a_process_outside_this_machine_is_a_uid_without_groups() -> None:
    found = peer.unix_peer(FromOutside(0, 1000))  # type: ignore[arg-type]
    assert found == Peer("unix", 1000, 0, note="outside this machine's processes")


def test_a_user_that_is_not_mapped_here_is_nobody() -> None:
    found = peer.unix_peer(FromOutside(0, peer.OVERFLOW_UID))  # type: ignore[arg-type]
    assert found.uid is None
