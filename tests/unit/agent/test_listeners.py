"""The kernel says who listens at a port; a port of somebody else is not mistaken for a free one, nor the reverse."""

from __future__ import annotations

import os
import pwd
import socket

import pytest
from incidentops_agent import listeners
from incidentops_agent.listeners import KernelListeners

ME = pwd.getpwuid(os.geteuid()).pw_name


def test_who_listens_at_exactly_this_address() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert KernelListeners().user("127.0.0.1", port) == ME
        assert KernelListeners().user("localhost", port) == ME
        assert KernelListeners().user("::1", port) is None
        assert KernelListeners().user("127.0.0.2", port) is None
    assert KernelListeners().user("127.0.0.1", port) is None


def test_a_listener_at_every_address_holds_this_one_too() -> None:
    with socket.create_server(("0.0.0.0", 0)) as server:  # noqa: S104 - that is what is tried
        assert KernelListeners().user("127.0.0.1", server.getsockname()[1]) == ME
        assert KernelListeners().user("::1", server.getsockname()[1]) is None


@pytest.mark.parametrize(("both", "found"), [(True, ME), (False, None)])
def test_a_listener_at_every_address_of_ipv6(both: bool, found: str | None) -> None:
    with socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=both) as server:
        port = server.getsockname()[1]
        assert KernelListeners().user("::1", port) == ME
        assert KernelListeners().user("127.0.0.1", port) == found


def test_a_connected_socket_is_no_listener() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        assert KernelListeners().user("127.0.0.1", client.getsockname()[1]) is None


def test_what_can_not_be_told_is_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    assert KernelListeners().user("db.example", 5432) is None
    monkeypatch.setattr(listeners, "NETLINK_SOCK_DIAG", 31)
    assert KernelListeners().user("127.0.0.1", 1) is None
