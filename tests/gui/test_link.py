"""The connection: live only after a snapshot, silent after the deadline, back at once when the socket is."""

from __future__ import annotations

import grp
import os
import shutil
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from incidentops_gui import diagnosis, hosts, link, translate
from incidentops_gui.advice import advice
from incidentops_gui.failure import Failure
from incidentops_gui.session import Session
from incidentops_gui.state import Connection, Phase, Trouble
from incidentops_gui.transport import Call

from gui.conftest import answer, delete_now
from gui.fake_agent import FakeAgent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytestqt.qtbot import QtBot


@pytest.fixture
def session(qtbot: QtBot, agent: FakeAgent) -> Iterator[Session]:
    made = Session(hosts.unix(str(agent.path)))
    yield made
    made.close()
    delete_now()


def until(bot: QtBot, look: Callable[[], object], timeout: int = 5000) -> None:
    bot.waitUntil(lambda: bool(look()), timeout=timeout)


def open_live(bot: QtBot, session: Session) -> None:
    session.open()
    until(bot, lambda: session.store.state.connection.live)


def test_a_snapshot_makes_it_live(qtbot: QtBot, session: Session, agent: FakeAgent) -> None:
    assert session.store.state.connection.phase is Phase.CONNECTING
    open_live(qtbot, session)
    assert set(session.store.state.cards) == set(agent.services)


def test_an_agent_that_dies_is_lost_and_found_again(qtbot: QtBot, session: Session, agent: FakeAgent) -> None:
    open_live(qtbot, session)
    agent.close()
    until(qtbot, lambda: session.store.state.connection.phase is Phase.LOST)
    assert session.store.state.connection.retry_at is not None
    assert session.store.state.cards
    until(qtbot, lambda: session.store.state.connection.trouble in (Trouble.NOT_RUNNING, Trouble.NOT_INSTALLED))
    agent.change("redis", push=False, status="down", state="stopped")
    agent.open()
    until(qtbot, lambda: session.store.state.connection.live)
    assert session.store.state.cards["redis"].service.state == "stopped"


def test_the_socket_that_appears_ends_the_countdown(qtbot: QtBot, session: Session, agent: FakeAgent) -> None:
    agent.close()
    session.link._failures = len(link.PAUSES)
    session.open()
    until(qtbot, lambda: session.store.state.connection.phase is Phase.LOST)
    retry_at = session.store.state.connection.retry_at
    assert retry_at is not None
    assert retry_at - time.time() > 3
    agent.open()
    began = time.monotonic()
    until(qtbot, lambda: session.store.state.connection.live)
    assert time.monotonic() - began < 1.0


def test_also_when_its_folder_has_to_appear_first(qtbot: QtBot, tmp_path: Path) -> None:
    path = tmp_path / "run" / "incidentops" / "agent.sock"
    session = Session(hosts.unix(str(path)))
    session.link._failures = len(link.PAUSES)
    session.open()
    until(qtbot, lambda: session.store.state.connection.phase is Phase.LOST)
    path.parent.mkdir(parents=True)
    agent = FakeAgent(path, answer("services"))
    agent.open()
    until(qtbot, lambda: session.store.state.connection.live, timeout=2500)
    session.close()
    delete_now()
    agent.close()


def test_an_agent_that_takes_the_connection_and_says_nothing_is_starting(
    qtbot: QtBot, session: Session, agent: FakeAgent
) -> None:
    agent.mute = True
    session.open()
    until(qtbot, lambda: session.store.state.connection.phase is Phase.SILENT)
    assert session.store.state.connection.trouble is Trouble.STARTING
    agent.mute = False
    agent.drop()
    until(qtbot, lambda: session.store.state.connection.live)


def test_silence_is_noticed_within_the_deadline(
    qtbot: QtBot, session: Session, agent: FakeAgent, monkeypatch: pytest.MonkeyPatch
) -> None:
    session.link._life.setInterval(300)
    open_live(qtbot, session)
    agent.mute = True
    began = time.monotonic()
    until(qtbot, lambda: not session.store.state.connection.live)
    assert 0.2 < time.monotonic() - began < 1.0
    assert session.store.state.connection.trouble is Trouble.NO_ANSWER
    agent.mute = False
    agent.drop()
    until(qtbot, lambda: session.store.state.connection.live)


def test_any_byte_is_a_sign_of_life(qtbot: QtBot, session: Session, agent: FakeAgent) -> None:
    open_live(qtbot, session)
    timer = session.link._life
    timer.setInterval(500)
    for _ in range(8):
        until(qtbot, lambda: timer.remainingTime() < 300)
        agent.push("heartbeat", {})
        until(qtbot, lambda: timer.remainingTime() > 400)
        assert session.store.state.connection.live


def test_a_refusal_is_no_permission_with_the_agents_words(qtbot: QtBot, session: Session, agent: FakeAgent) -> None:
    words = "cannot GET /events: alice may not observe; members of the group incidentops may"
    agent.answers["GET /events"] = (403, {"kind": "denied", "message": words})
    session.open()
    until(qtbot, lambda: session.store.state.connection.trouble is Trouble.NO_PERMISSION)
    assert session.store.state.connection.message == words


@pytest.mark.parametrize(
    "raw",
    [
        b'event: snapshot\ndata: {"services": {}}\n\n',
        b"event: service\ndata: {}\n\n",
        b"event: system\ndata: nonsense\n\n",
    ],
)
def test_an_agent_of_another_version_is_incompatible(
    qtbot: QtBot, session: Session, agent: FakeAgent, raw: bytes
) -> None:
    open_live(qtbot, session)
    until(qtbot, lambda: agent.readers)
    agent.send(raw)
    until(qtbot, lambda: session.store.state.connection.trouble is Trouble.INCOMPATIBLE)
    assert session.store.state.connection.detail
    assert not session.store.state.connection.live


def test_events_of_a_newer_agent_are_left_alone(qtbot: QtBot, session: Session, agent: FakeAgent) -> None:
    open_live(qtbot, session)
    until(qtbot, lambda: agent.readers)
    agent.push("weather", {"sun": True})
    agent.change("redis", state="failed", status="down")
    until(qtbot, lambda: session.store.state.cards["redis"].service.state == "failed")
    assert session.store.state.connection.live


def test_what_is_no_agent_is_incompatible(qtbot: QtBot, session: Session, agent: FakeAgent) -> None:
    agent.answers["GET /events"] = (404, {"detail": "Not Found"})
    session.open()
    until(qtbot, lambda: session.store.state.connection.trouble is Trouble.INCOMPATIBLE)


def test_a_burst_of_events_leaves_the_last_state(qtbot: QtBot, session: Session, agent: FakeAgent) -> None:
    open_live(qtbot, session)
    until(qtbot, lambda: agent.readers)
    seen: list[object] = []
    session.store.changed.connect(seen.append)

    def burst() -> None:
        for number in range(1000):
            up = number % 2 == 0
            agent.change(
                "redis", status="up" if up else "down", state="healthy" if up else "failed", reason=f"{number}"
            )

    sender = threading.Thread(target=burst)
    sender.start()
    until(qtbot, lambda: session.store.state.cards["redis"].service.reason == "999", timeout=10_000)
    sender.join()
    assert session.store.state.cards["redis"].service.state == "failed"
    assert len(seen) < 500, "coalesced"


def test_commands_over_tcp_and_to_nobody(qtbot: QtBot, tmp_path: Path) -> None:
    failures: list[Failure] = []
    absent = Call(hosts.unix(str(tmp_path / "nobody.sock")))
    absent.failed.connect(lambda failure, _text: failures.append(failure))
    absent.start("GET", "/services", 5)
    refused = Call(hosts.url("http://localhost:9"))
    refused.failed.connect(lambda failure, _text: failures.append(failure))
    refused.start("GET", "/services", 5)
    until(qtbot, lambda: len(failures) == 2)
    assert set(failures) == {Failure.ABSENT, Failure.REFUSED}


@pytest.mark.parametrize(
    ("mode", "gid", "said", "command"),
    [
        (0o660, grp.getgrnam("daemon").gr_gid, "members of the group daemon may", "--groups daemon"),
        (0o660, 0, "only root may", ""),
        (0o600, grp.getgrnam("daemon").gr_gid, "only root may", ""),
    ],
)
def test_a_socket_that_we_may_not_use_says_who_may(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int, gid: int, said: str, command: str
) -> None:
    if os.geteuid() != 0:
        pytest.skip("gives a file to another group, which needs root")
    path = tmp_path / "agent.sock"
    path.touch()
    path.chmod(mode)
    os.chown(path, 0, gid)
    # Root may use every socket, so the kernel's word is given here.
    monkeypatch.setattr(os, "access", lambda part, _mode: Path(part) != path)
    finding = diagnosis.forbidden(hosts.unix(str(path)))
    assert finding.trouble is Trouble.NO_PERMISSION
    assert finding.message.endswith(f"may not use {path}; {said}.")
    for language in ("C", "de"):  # what is advised does not depend on what is read
        translate.use(language)
        found = diagnosis.forbidden(hosts.unix(str(path)))
        told = advice(Connection(Phase.LOST, found.trouble, found.message), hosts.unix(str(path)))
        assert all(command in one for one in told.commands)
        assert len(told.commands) == bool(command)
    translate.use("C")


DENIED = "cannot GET /events: alice may not observe; members of the group incidentops and root may"
UNVOUCHED = "cannot GET /events: a caller that nobody vouches for (proxied) may not observe"


@pytest.mark.parametrize(
    ("target", "message", "commands"),
    [
        (hosts.unix("/run/agent.sock"), DENIED, ("sudo usermod --append --groups incidentops root",)),
        (hosts.url("http://localhost:8000"), DENIED, ("sudo usermod --append --groups incidentops root",)),
        (hosts.url("http://localhost:8000"), UNVOUCHED, ("incidentops-gui --socket /run/incidentops/agent.sock",)),
        (hosts.ssh("bob@db1"), DENIED, ("ssh bob@db1 'sudo usermod --append --groups incidentops bob'",)),
        (hosts.ssh("db1"), DENIED, ("ssh db1 'sudo usermod --append --groups incidentops $USER'",)),
        (hosts.unix("/run/incidentops-lab/agent.sock"), DENIED, ("./lab down", "./lab up")),
        (hosts.unix("/run/incidentops-lab-x/agent.sock"), DENIED, ("./lab down --name x", "./lab up --name x")),
    ],
)
def test_what_lets_one_in_depends_on_where_the_agent_is(
    target: hosts.Target, message: str, commands: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 0)
    assert advice(Connection(Phase.LOST, Trouble.NO_PERMISSION, message), target).commands == commands


@pytest.mark.parametrize(
    ("target", "command"),
    [
        (hosts.unix(hosts.SOCKET), "systemctl status incidentops-agent"),
        (hosts.ssh("db1"), "ssh db1 systemctl status incidentops-agent"),
        (hosts.unix("/run/incidentops-lab/agent.sock"), "./lab shell -- systemctl status incidentops-agent"),
    ],
)
def test_an_agent_is_looked_at_where_it_runs(target: hosts.Target, command: str) -> None:
    for trouble in (Trouble.STARTING, Trouble.NO_ANSWER):
        assert advice(Connection(Phase.SILENT, trouble), target).commands[0] == command


@pytest.mark.parametrize(
    ("path", "trouble", "command"),
    [
        ("/run/incidentops-lab-nobody/agent.sock", Trouble.NOT_RUNNING, "./lab up --name nobody"),
        ("/run/incidentops-nowhere/agent.sock", Trouble.NOT_INSTALLED, "sudo apt install ./dist/*.deb"),
    ],
)
def test_what_helps_when_there_is_no_socket(
    path: str, trouble: Trouble, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    target = hosts.unix(path)
    finding = diagnosis.absent(target)
    assert finding.trouble is trouble
    assert advice(Connection(Phase.LOST, finding.trouble, finding.message), target).commands == (command,)
    if trouble is Trouble.NOT_INSTALLED:
        monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
        assert diagnosis.absent(target).trouble is Trouble.NOT_RUNNING
