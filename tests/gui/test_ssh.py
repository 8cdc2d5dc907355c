"""The window of another machine's agent over real OpenSSH: the host's client, and the server of a lab machine."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from incidentops_gui import hosts
from incidentops_gui.state import Trouble

from gui.conftest import Desk
from gui.test_lab import active, stop

if TYPE_CHECKING:
    from collections.abc import Iterator

    from incidentops_gui import theme
    from pytestqt.qtbot import QtBot
    from system.machine import Lab

HOST = "far"
"""What the test's own configuration of ssh calls the machine."""
USER = "alice"
CONFIG = """\
Host {host}
    HostName 127.0.0.1
    HostKeyAlias {host}
    User {user}
    IdentityFile {folder}/key
    IdentitiesOnly yes
    IdentityAgent none
    PreferredAuthentications publickey
    UserKnownHostsFile {folder}/known_hosts
    GlobalKnownHostsFile /dev/null
"""
PROGRAM = """\
#!/bin/sh
# The loopback of the machine, where its sshd listens, and this test's own configuration; all else as on the host.
exec nsenter --net=/proc/{leader}/ns/net {ssh} -F {folder}/config "$@"
"""


@dataclass
class Road:
    """The way to a lab machine's sshd for one user with one key; ``folder`` comes first on the path."""

    lab: Lab
    folder: Path
    host_key: str = ""

    def build(self) -> None:
        program = shutil.which("ssh")
        assert program, "openssh-client is not installed"
        (self.folder / "config").write_text(CONFIG.format(host=HOST, user=USER, folder=self.folder))
        own = self.folder / "ssh"
        own.write_text(PROGRAM.format(leader=self.lab.leader, ssh=program, folder=self.folder))
        own.chmod(0o755)
        self.host_key = self.lab.output("cat", "/etc/ssh/ssh_host_ed25519_key.pub")
        self.trust(self.host_key)
        self.lab.run("useradd", "--create-home", "--groups", "incidentops", USER)
        self.let_in(make_key(self.folder / "key"))
        self.lab.run("systemctl", "start", "ssh")

    def trust(self, host_key: str) -> None:
        """What known_hosts says; nothing for no key."""
        line = f"{HOST} {host_key.strip()}\n" if host_key else ""
        (self.folder / "known_hosts").write_text(line)

    def let_in(self, public_key: str) -> None:
        """The one key that the machine takes."""
        folder = f"/home/{USER}/.ssh"
        self.lab.run("install", "-d", "-o", USER, "-g", USER, "-m", "700", folder)
        self.lab.run("tee", f"{folder}/authorized_keys", input=public_key)

    def cut(self) -> None:
        """The server goes away, and its connections with it."""
        self.lab.run("systemctl", "stop", "ssh")
        self.lab.run("pkill", "--uid", USER)

    def remove(self) -> None:
        self.lab.run("systemctl", "stop", "ssh", check=False)
        self.lab.run("pkill", "--uid", USER, check=False)
        self.lab.run("userdel", "--remove", "--force", USER, check=False)


def make_key(path: Path) -> str:
    """A new pair of keys; the public one."""
    path.unlink(missing_ok=True)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True, stdin=subprocess.DEVNULL)
    return path.with_suffix(".pub").read_text()


@pytest.fixture
def road(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> Iterator[Road]:
    if os.geteuid() != 0:
        pytest.skip("enters the network of the machine, which needs root")
    with tempfile.TemporaryDirectory() as short:  # the path of a socket may have 107 bytes
        made = Road(lab, Path(short))
        monkeypatch.setenv("PATH", f"{short}:{os.environ['PATH']}")
        monkeypatch.setenv("XDG_RUNTIME_DIR", short)
        for name in ("DISPLAY", "WAYLAND_DISPLAY", "SSH_ASKPASS", "SSH_AUTH_SOCK"):
            monkeypatch.delenv(name, raising=False)
        try:
            made.build()
            yield made
        finally:
            made.remove()


@pytest.fixture
def far_desk(qtbot: QtBot, themed: theme.Theme, road: Road) -> Iterator[Desk]:
    """A window of the machine over ssh, not open yet."""
    made = Desk(qtbot, hosts.ssh(HOST))
    yield made
    made.close()


def trouble(desk: Desk) -> Trouble:
    return desk.session.store.state.connection.trouble


def test_what_is_done_over_ssh_is_done_by_who_logged_in(far_desk: Desk, road: Road) -> None:
    far_desk.live()
    assert far_desk.window.tally.text() == "5 up · 0 down"
    stop(far_desk, "redis")
    assert active(road.lab, "redis-server.service") == "inactive"
    assert road.lab.get("/audit?service=redis")[0]["actor"]["user"] == USER
    socket = far_desk.session.target.socket_path
    assert socket is not None
    assert socket.stat().st_mode & 0o077 == 0
    far_desk.window.open_service("redis")
    (window,) = far_desk.window._windows.values()
    far_desk.until(lambda: window.journal.lines.rowCount() > 0)
    window.close()
    far_desk.session.link.close()
    assert not socket.exists()


def test_a_server_that_goes_away_and_comes_back(far_desk: Desk, road: Road) -> None:
    far_desk.live()
    road.cut()
    store = far_desk.session.store
    far_desk.until(lambda: "Connection refused" in store.state.connection.message)
    assert trouble(far_desk) is Trouble.TUNNEL
    banner = far_desk.window.banner
    assert banner.text.text().startswith(
        "ssh ended: ssh: connect to host 127.0.0.1 port 22: Connection refused What is "
    )
    assert banner.next.text().startswith("retrying")
    far_desk.until(lambda: far_desk.card("redis").led.role == "muted")
    far_desk.until(lambda: not far_desk.card("redis").stop.isEnabled())
    road.lab.run("systemctl", "start", "ssh")
    far_desk.until(lambda: store.state.connection.live, timeout=20_000)
    far_desk.until(lambda: far_desk.card("redis").led.role == "good")


def test_retry_now_does_not_wait_for_the_countdown(far_desk: Desk, road: Road) -> None:
    road.lab.run("systemctl", "stop", "ssh")
    far_desk.open()
    far_desk.until(lambda: trouble(far_desk) is Trouble.TUNNEL)
    far_desk.session.link._failures = 99  # as after a long time: the pauses are the longest
    far_desk.click(far_desk.window.page.retry_now)
    far_desk.until(lambda: far_desk.session.link._failures == 100)
    road.lab.run("systemctl", "start", "ssh")
    far_desk.click(far_desk.window.page.retry_now)
    far_desk.until(lambda: far_desk.session.store.state.connection.live, timeout=4000)


def test_a_key_that_is_not_let_in(far_desk: Desk, road: Road) -> None:
    road.let_in("")
    far_desk.open()
    far_desk.until(lambda: trouble(far_desk) is Trouble.SSH_REFUSED)
    page = far_desk.window.page
    assert page.isVisible()
    assert page.title.text() == "ssh is not let in"
    assert page.message.text() == f"{HOST} lets you in with none of your keys. This application asks for no password."
    assert page.next.text() == "retrying in 5 min"
    assert "Permission denied (publickey" in far_desk.session.store.state.connection.detail
    road.let_in((road.folder / "key.pub").read_text())
    far_desk.click(page.retry_now)
    far_desk.until(lambda: far_desk.session.store.state.connection.live)


@pytest.mark.parametrize(("known", "said"), [(False, "is not known here"), (True, "is not the one known here")])
def test_a_host_key_that_nobody_vouches_for(far_desk: Desk, road: Road, known: bool, said: str) -> None:
    road.trust(make_key(road.folder / "other") if known else "")
    far_desk.open()
    far_desk.until(lambda: trouble(far_desk) is Trouble.SSH_REFUSED)
    assert said in far_desk.window.page.message.text()
    assert (road.folder / "known_hosts").read_text().count("\n") == known, "nothing is trusted by itself"
    road.trust(road.host_key)
    far_desk.click(far_desk.window.page.retry_now)
    far_desk.until(lambda: far_desk.session.store.state.connection.live)


def test_a_far_end_without_an_agent(far_desk: Desk, road: Road) -> None:
    road.lab.run("systemctl", "stop", "incidentops-agent.socket", "incidentops-agent.service")
    try:
        far_desk.open()
        far_desk.until(lambda: trouble(far_desk) is Trouble.TUNNEL)
        message = f"ssh is logged in to {HOST}, but no agent answers there."
        assert far_desk.window.page.message.text() == message
    finally:
        road.lab.run("systemctl", "start", "incidentops-agent.socket")
    far_desk.until(lambda: far_desk.session.store.state.connection.live, timeout=20_000)
