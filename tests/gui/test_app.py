"""The application as a whole: options, one window for each host, hosts, ssh, the end by a signal."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import incidentops_gui
import pytest
from incidentops_gui import diagnosis, hosts, theme, tunnel
from incidentops_gui.__main__ import main, parser, target
from incidentops_gui.advice import advice
from incidentops_gui.app import Application
from incidentops_gui.instance import Instance
from incidentops_gui.session import Session
from incidentops_gui.settings import Settings
from incidentops_gui.state import Connection, Phase, Trouble
from incidentops_gui.widgets.tray import Tray, icon
from PySide6.QtCore import QSettings
from PySide6.QtWidgets import QMessageBox, QSystemTrayIcon
from waiting import eventually

from gui.conftest import Desk, delete_now

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytestqt.qtbot import QtBot

    from gui.fake_agent import FakeAgent


@pytest.fixture
def _own_runtime(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with tempfile.TemporaryDirectory() as short:  # the path of a socket may have 107 bytes
        monkeypatch.setenv("XDG_RUNTIME_DIR", short)
        yield


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(QSettings(str(tmp_path / "gui.conf"), QSettings.Format.IniFormat))


# -- options


def test_help_and_version_need_no_display(capsys: pytest.CaptureFixture[str]) -> None:
    for option, word in (("--help", "--read-only"), ("--version", incidentops_gui.__version__)):
        with pytest.raises(SystemExit) as ended:
            main([option])
        assert ended.value.code == 0
        assert word in capsys.readouterr().out


def test_without_a_display_it_says_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    assert main([]) == 3
    assert "there is no display" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [["--url", "https://localhost"], ["--ssh", "-oProxyCommand=x"], ["--theme", "pink"]]
)
def test_wrong_options_are_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "incidentops-gui: error:" in capsys.readouterr().err


def test_options_name_an_agent() -> None:
    def named(*arguments: str) -> hosts.Target:
        return target(parser().parse_args(arguments))

    assert named("--socket", "/run/x.sock") == hosts.Target(hosts.Way.UNIX, "/run/x.sock")
    assert named("--url", "http://localhost:8123").host_and_port == ("127.0.0.1", 8123)
    assert named("--url", "http://[::1]:8123").host_and_port == ("::1", 8123)
    assert named("--url", "http://[::1]:8123").host_header == "[::1]:8123"
    assert named("--ssh", "alice@example.org").way is hosts.Way.SSH


@pytest.mark.parametrize("text", ["/run/a.sock", "http://localhost:8000", "ssh alice@db1.example.org"])
def test_what_is_kept_is_read_again(text: str) -> None:
    assert hosts.parse(text).text == text


@pytest.mark.parametrize(
    "text",
    ["", "ftp://x", "http://example.org:80", "http://localhost:99999", "ssh -v", "ssh a b", "http://a@localhost"],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(hosts.TargetError):
        hosts.parse(text)


# -- one window for each host


@pytest.mark.usefixtures("_own_runtime")
def test_a_second_start_raises_the_window_that_is_there(qtbot: QtBot, tmp_path: Path) -> None:
    where = hosts.unix("/run/some.sock")
    first = Instance()
    assert first.hold(where)
    first.listen()
    script = (
        "import sys; from PySide6.QtCore import QCoreApplication; app = QCoreApplication([]);"
        "from incidentops_gui import hosts; from incidentops_gui.instance import Instance;"
        "sys.exit(7 if not Instance().hold(hosts.unix('/run/some.sock')) else 0)"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(incidentops_gui.__file__).parents[1])}
    with qtbot.waitSignal(first.wanted, timeout=10_000):
        second = subprocess.Popen([sys.executable, "-c", script], env=environment)
    assert second.wait(10) == 7
    other = Instance()
    assert other.hold(hosts.unix("/run/another.sock"))
    first.release()
    assert other.hold(where)
    other.release()
    first.deleteLater()
    other.deleteLater()
    delete_now()


@pytest.mark.usefixtures("_own_runtime")
def test_what_a_killed_window_left_is_no_hindrance(qapp: object, tmp_path: Path) -> None:
    where = hosts.unix("/run/some.sock")
    (hosts.private_folder() / f"window-{where.digest}.sock").write_text("")
    instance = Instance()
    assert instance.hold(where)
    instance.release()
    instance.deleteLater()
    delete_now()


@pytest.mark.usefixtures("_own_runtime")
def test_a_runtime_folder_of_others_is_not_used(tmp_path: Path) -> None:
    folder = hosts.private_folder()
    folder.chmod(0o777)
    with pytest.raises(PermissionError, match="not a folder of yours alone"):
        hosts.private_folder()


# -- the application


@pytest.mark.usefixtures("_own_runtime")
def test_another_host_is_shown_and_what_was_chosen_is_kept(
    qtbot: QtBot, agent: FakeAgent, settings: Settings, tmp_path: Path
) -> None:
    here = hosts.unix(str(agent.path))
    made = Application(here, False, settings, theme.Choice.DARK)
    made.instance.hold(here)
    with qtbot.waitSignal(made.ready):
        made.open()
    qtbot.waitUntil(lambda: made.session.store.state.connection.live)
    made.window.toggle_pin("redis")
    made.go_to(hosts.unix(str(tmp_path / "nobody.sock")))
    qtbot.waitUntil(lambda: made.session.store.state.connection.trouble is not Trouble.NONE)
    qtbot.waitUntil(made.window.page.isVisible)
    assert made.window.grid.cards == {}
    made.go_to(here)
    qtbot.waitUntil(lambda: made.session.store.state.connection.live)
    assert made.window.grid.pinned == {"redis"}
    made.menus.themed.emit(theme.Choice.LIGHT)
    assert settings.theme is theme.Choice.LIGHT
    made.leave()
    assert not settings.geometry.isEmpty()
    made.window.close()
    made.window.deleteLater()
    made.deleteLater()
    delete_now()


@pytest.mark.usefixtures("_own_runtime")
def test_a_tray_may_come_later_or_never(
    qtbot: QtBot, agent: FakeAgent, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = [False]
    monkeypatch.setattr(QSystemTrayIcon, "isSystemTrayAvailable", staticmethod(lambda: there[0]))
    monkeypatch.setattr("incidentops_gui.app.TRAY_PAUSE", 20)
    settings.tray = True
    made = Application(hosts.unix(str(agent.path)), False, settings, theme.Choice.LIGHT)

    def has_tray() -> bool:
        return made.tray is not None

    def kept() -> bool:
        return settings.tray

    with qtbot.waitSignal(made.ready, timeout=10_000):
        made.open()
    assert not has_tray()
    assert kept(), "it is still wanted"
    there[0] = True
    qtbot.waitUntil(has_tray, timeout=5000)
    made.menus.tray.trigger()
    assert not has_tray()
    assert not kept()
    there[0] = False
    made.menus.tray.trigger()
    (box,) = made.window.findChildren(QMessageBox)
    assert box.text().startswith("This desktop has no tray")
    assert not made.menus.tray.isChecked()
    assert not kept()
    box.close()
    made.close()
    made.window.close()
    made.window.deleteLater()
    made.deleteLater()
    delete_now()


def test_settings_survive_nonsense(settings: Settings) -> None:
    settings._store.setValue("theme", "pink")
    settings._store.setValue("hosts", ["nonsense", "ssh a@b", "/run/x.sock"])
    assert settings.theme is theme.Choice.SYSTEM
    assert [one.text for one in settings.hosts()] == ["ssh a@b", "/run/x.sock"]
    settings.forget_host(hosts.parse("ssh a@b"))
    settings.keep_host(hosts.parse("http://localhost:8000"))
    assert [one.text for one in settings.hosts()] == ["/run/x.sock", "http://localhost:8000"]


def test_a_signal_ends_it_at_once(agent: FakeAgent, tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(incidentops_gui.__file__).parents[1]),
        "XDG_RUNTIME_DIR": str(tmp_path),
        "XDG_CONFIG_HOME": str(tmp_path),
    }
    words = [sys.executable, "-m", "incidentops_gui", "--socket", str(agent.path)]
    window = subprocess.Popen(words, env=environment, stderr=subprocess.PIPE, text=True)
    try:
        eventually(lambda: agent.readers)
        window.send_signal(signal.SIGINT)
        assert window.wait(3) == 0
    finally:
        window.kill()
        said = window.communicate()[1]
    assert "Traceback" not in said
    assert (tmp_path / "incidentops" / "gui.conf").exists()


# -- ssh

SSH = """#!/bin/sh
# Stands in for ssh: notes what it was given, and forwards the socket as ssh would.
echo "$@" >"{folder}/arguments"
for word; do case $word in *:/run/incidentops/agent.sock) here=${{word%%:*}} ;; esac; done
exec "{python}" -c '
import os, sys
os.symlink("{agent}", sys.argv[1] + ".new")
os.rename(sys.argv[1] + ".new", sys.argv[1])
import signal
signal.pause()
' "$here"
"""


@pytest.fixture
def ssh(tmp_path: Path, agent: FakeAgent, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "SSH_ASKPASS"):
        monkeypatch.delenv(name, raising=False)
    program = tmp_path / "ssh"
    program.write_text(SSH.format(folder=tmp_path, python=sys.executable, agent=agent.path))
    program.chmod(0o755)
    return tmp_path


def test_ssh_opens_the_way_to_another_machines_agent(qtbot: QtBot, ssh: Path, agent: FakeAgent) -> None:
    session = Session(hosts.ssh("alice@db1"))
    session.open()
    qtbot.waitUntil(lambda: session.store.state.connection.live, timeout=10_000)
    given = (ssh / "arguments").read_text().split()
    assert given[-2:] == ["--", "alice@db1"]
    assert "BatchMode=yes" in given
    assert f"{session.target.socket_path}:/run/incidentops/agent.sock" in given
    session.close()
    delete_now()


def test_what_ssh_says_when_it_fails_is_shown(qtbot: QtBot, ssh: Path) -> None:
    words = "echo a banner >&2; echo 'connect to host db1 port 22: No route to host' >&2"
    (ssh / "ssh").write_text(f"#!/bin/sh\n{words}\nexit 255\n")
    session = Session(hosts.ssh("alice@db1"))
    session.open()
    qtbot.waitUntil(lambda: session.store.state.connection.trouble is not Trouble.NONE, timeout=10_000)
    connection = session.store.state.connection
    assert (connection.phase, connection.trouble) == (Phase.LOST, Trouble.TUNNEL)
    assert connection.message == "ssh ended: connect to host db1 port 22: No route to host"
    assert connection.detail.startswith("a banner\n")
    session.close()
    delete_now()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("alice@db1: Permission denied (publickey).", "alice@db1 lets you in with none of your keys."),
        ("Host key verification failed.", "The host key of alice@db1 is not known here."),
        (
            "@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\nHost key verification failed.",
            "The host key of alice@db1 is not the one known here.",
        ),
    ],
)
def test_where_only_a_person_can_help_ssh_does_not_knock_again_soon(words: str, message: str) -> None:
    found = diagnosis.ssh_ended(hosts.ssh("alice@db1"), words)
    assert found.trouble is Trouble.SSH_REFUSED
    assert found.message.startswith(message)
    connection = Connection(Phase.LOST, found.trouble, found.message)
    assert advice(connection, hosts.ssh("alice@db1")).commands == ("ssh alice@db1",)


def test_the_socket_of_an_ssh_that_has_ended_is_no_way(qtbot: QtBot, ssh: Path) -> None:
    """It says what ssh says, never that the agent does not run."""
    target = hosts.ssh("alice@db1")
    path = target.socket_path
    assert path is not None
    hosts.private_folder()
    with socket.socket(socket.AF_UNIX) as left_over:
        left_over.bind(str(path))
    (ssh / "ssh").write_text("#!/bin/sh\nexit 255\n")
    session = Session(target)
    session.open()
    qtbot.waitUntil(lambda: session.store.state.connection.message == "ssh ended: no reason given", timeout=10_000)
    assert not path.exists()
    session.close()
    delete_now()


def test_without_ssh_it_says_so(qtbot: QtBot, ssh: Path) -> None:
    made = tunnel.Tunnel(hosts.ssh("alice@db1"), "no-such-ssh")
    with qtbot.waitSignal(made.failed, timeout=5000) as failed:
        made.open()
    assert failed.args == ["cannot run no-such-ssh: is OpenSSH installed?"]
    made.deleteLater()
    delete_now()


# -- the tray


def test_the_tray_tells_of_what_happens_right_after_the_start_and_without_quiet(
    desk: Desk, agent: FakeAgent, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr("incidentops_gui.widgets.tray.LONGEST", 0.3)
    monkeypatch.setattr(Tray, "showMessage", lambda _self, title, *_: told.append(title))
    monkeypatch.setattr(type(desk.window), "isActiveWindow", lambda _self: False)
    tray = Tray(desk.session.store, desk.window)
    tray._moment.setInterval(400)
    desk.live()
    desk.until(lambda: agent.readers)
    agent.change("redis", status="down", state="failed", reason="it fell")
    desk.until(lambda: "4 up · 1 down" in tray.toolTip())

    def never_quiet() -> bool:
        agent.change("chaos", reason=f"{time.monotonic()}")
        return bool(told)

    desk.until(never_quiet)
    assert told == ["redis down"]
    tray.hide()


def test_the_tray_tells_of_edges_once(desk: Desk, agent: FakeAgent, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    desk.live()
    desk.until(lambda: agent.readers)
    tray = Tray(desk.session.store, desk.window)
    tray._moment.setInterval(50)
    monkeypatch.setattr(Tray, "showMessage", lambda _self, title, *_: told.append(title))
    monkeypatch.setattr(type(desk.window), "isActiveWindow", lambda _self: False)
    agent.change("redis", status="down", state="failed", reason="it fell")
    agent.change("postgres", status="down", state="failed", reason="it fell")
    desk.until(lambda: told == ["postgres and redis down"])
    assert "3 up · 2 down" in tray.toolTip()
    agent.change("redis", status="up", state="healthy", reason="")
    desk.until(lambda: told[1:] == ["redis back up"])
    agent.close()
    desk.until(lambda: "not connected" in tray.toolTip())
    assert not icon("bad", "square").isNull()
