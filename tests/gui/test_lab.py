"""The window against the real agent of a lab machine: what it shows is what systemctl says."""

from __future__ import annotations

import os
import signal
import threading
import time
from functools import partial
from typing import TYPE_CHECKING

from incidentops_gui import link
from incidentops_gui.state import Phase, Trouble
from incidentops_gui.widgets.confirm import Confirm
from incidentops_gui.widgets.service_window import ServiceWindow

if TYPE_CHECKING:
    from system.machine import Lab

    from gui.conftest import Desk

FRAME = 0.5
"""Seconds within which a change of the machine must be seen, on a busy one."""


def stop(desk: Desk, name: str) -> None:
    """Click Stop, and the button of the question."""
    desk.click(desk.card(name).stop)
    desk.until(lambda: desk.window.findChildren(Confirm))
    desk.click(desk.window.findChildren(Confirm)[-1].go)
    desk.until(lambda: desk.card(name).led.role == "bad" and desk.card(name).start.isEnabled())


def active(lab: Lab, unit: str) -> str:
    return lab.run("systemctl", "is-active", unit, check=False).stdout.strip()


def test_all_that_is_up_is_green(lab_desk: Desk, lab: Lab) -> None:
    for name, about in lab.get("/services").items():
        card = lab_desk.card(name)
        assert (card.led.role, card.led.shape) == ("good", "disc")
        assert card.title.text() == about["title"]
    lab_desk.until(lambda: lab_desk.window.metrics.tiles["ram"].figure.text.endswith(" GB free"))
    assert lab_desk.window.tally.text() == "5 up · 0 down"


def test_stop_turns_red_says_so_and_is_true(lab_desk: Desk, lab: Lab) -> None:
    stop(lab_desk, "redis")
    card = lab_desk.card("redis")
    assert card.led.shape == "square"
    assert card.led.accessibleName() == "Redis: DOWN, Stopped"
    lab_desk.until(lambda: "Service stopped manually" in card.log.text().splitlines()[-1])
    assert active(lab, "redis-server.service") == "inactive"
    assert lab.get("/logs/redis")[-1].endswith(" | Service stopped manually")
    assert card.offer.isVisible()


def test_a_ping_while_it_is_down_says_why(lab_desk: Desk, lab: Lab) -> None:
    stop(lab_desk, "redis")
    lab_desk.click(lab_desk.card("redis").ping)
    lab_desk.until(lambda: lab_desk.card("redis").message.text() == "cannot ping redis: stopped")
    lab_desk.until(lambda: "Ping failed (service DOWN)" in lab_desk.card("redis").log.text())


def test_start_has_its_popup_when_it_is_verified(lab_desk: Desk, lab: Lab) -> None:
    stop(lab_desk, "redis")
    lab_desk.click(lab_desk.card("redis").start)
    lab_desk.until(lambda: lab_desk.popups() == ["Service redis was restarted successfully!!"])
    lab_desk.until(lambda: lab_desk.card("redis").led.role == "good")
    assert lab.output("redis-cli", "ping") == "PONG"
    lab_desk.until(lambda: "Service started manually" in lab_desk.card("redis").log.text())


def test_auto_remediation_lists_both_in_order(lab_desk: Desk, lab: Lab) -> None:
    stop(lab_desk, "redis")
    stop(lab_desk, "postgres")
    lab_desk.click(lab_desk.window.remedy.button)
    said = "The following services were restarted successfully:\n• postgres\n• redis"
    lab_desk.until(lambda: any(popup.startswith(said) for popup in lab_desk.popups()), timeout=30_000)
    lab_desk.until(lambda: lab_desk.card("redis").led.role == lab_desk.card("postgres").led.role == "good")
    lab_desk.until(lambda: "Auto-remediation completed" in lab_desk.card("postgres").log.text())
    assert "Auto-remediation started" in lab_desk.card("postgres").log.text()


def test_auto_remediation_with_nothing_to_do_says_so(lab_desk: Desk, lab: Lab) -> None:
    lab_desk.click(lab_desk.window.remedy.button)
    lab_desk.until(lambda: lab_desk.popups() == ["No services required remediation."])


def test_a_killed_service_is_red_without_a_request(lab_desk: Desk, lab: Lab) -> None:
    pid = lab.host_pid(lab.main_pid("redis-server.service"))
    seen: list[float] = []
    lab_desk.session.store.changed.connect(
        lambda changes: seen.append(time.monotonic()) if "redis" in changes.cards else None
    )
    began = time.monotonic()
    os.kill(pid, signal.SIGKILL)
    lab_desk.until(lambda: lab_desk.card("redis").led.role in ("bad", "warn"))
    assert seen[0] - began < FRAME
    lab_desk.until(lambda: lab_desk.state("redis") == "failed")
    assert lab_desk.card("redis").led.shape == "cross"
    assert "killed by SIGKILL" in lab_desk.card("redis").message.text()


def test_a_hung_service_is_unresponsive(lab_desk: Desk, lab: Lab) -> None:
    pid = lab.host_pid(lab.main_pid("redis-server.service"))
    os.kill(pid, signal.SIGSTOP)
    try:
        lab_desk.until(lambda: lab_desk.state("redis") == "unresponsive")
        lab_desk.until(lambda: lab_desk.card("redis").led.shape == "triangle")
    finally:
        os.kill(pid, signal.SIGCONT)
    lab_desk.until(lambda: lab_desk.card("redis").led.role == "good")


def test_the_journal_is_followed_searched_and_sifted(lab_desk: Desk, lab: Lab) -> None:
    lab_desk.window.open_service("redis")
    (window,) = lab_desk.window.findChildren(ServiceWindow)
    view = window.journal
    lab_desk.until(lambda: view.lines.rowCount() > 0)
    stop(lab_desk, "redis")

    def shown() -> list[str]:
        return [str(view.filter.index(row, 0).data()) for row in range(view.filter.rowCount())]

    lab_desk.until(lambda: any("Stopped redis-server.service" in line for line in shown()[-3:]))
    view.search.setText("stopping")
    assert shown()
    assert all("stopping" in line.lower() for line in shown())
    view.search.clear()
    view.level.setCurrentIndex(view.level.count() - 1)
    assert len(shown()) < view.lines.rowCount()
    lab_desk.until(lambda: "Service stopped manually" in window.done.toPlainText())
    window.close()


def agent_pid(lab: Lab) -> int:
    return lab.host_pid(lab.main_pid("incidentops-agent.service"))


def test_an_agent_that_is_killed_comes_back_in_the_open_window(lab_desk: Desk, lab: Lab) -> None:
    phases: list[Phase] = []
    store = lab_desk.session.store
    store.changed.connect(lambda _changes: phases.append(store.state.connection.phase))
    os.kill(agent_pid(lab), signal.SIGKILL)
    lab_desk.until(lambda: any(phase is not Phase.LIVE for phase in phases))
    lab_desk.until(lambda: store.state.connection.live, timeout=20_000)
    lab_desk.until(lambda: all(lab_desk.card(name).led.role == "good" for name in lab_desk.window.grid.shown))
    stop(lab_desk, "redis")
    assert active(lab, "redis-server.service") == "inactive"


def test_a_frozen_agent_is_stale_within_the_heartbeats_deadline(lab_desk: Desk, lab: Lab) -> None:
    lab.run("systemctl", "kill", "--kill-whom=all", "--signal=SIGSTOP", "incidentops-agent.service")
    began = time.monotonic()
    try:
        lab_desk.until(lambda: not lab_desk.session.store.state.connection.live)
        assert time.monotonic() - began < link.DEADLINE + 1
        lab_desk.until(lambda: lab_desk.card("redis").led.role == "muted")
        assert lab_desk.session.store.state.connection.trouble is Trouble.NO_ANSWER
        assert lab_desk.window.chip.text() == "No answer"
        assert "What is shown is as of" in lab_desk.window.banner.text.text()
        assert not lab_desk.card("redis").stop.isEnabled()
    finally:
        lab.run("systemctl", "kill", "--kill-whom=all", "--signal=SIGCONT", "incidentops-agent.service")
    lab_desk.until(lambda: lab_desk.card("redis").led.role == "good")


def test_a_burst_of_events_ends_in_the_final_state(lab_desk: Desk, lab: Lab) -> None:
    """A thousand and more events: pings by four clients at once, and a stop at their end."""
    events: list[object] = []
    lab_desk.session.store.changed.connect(events.append)

    def work(name: str) -> None:
        for _ in range(250):
            assert lab.post(f"/ping/{name}").status == 200

    threads = [threading.Thread(target=work, args=(name,)) for name in ("redis", "postgres", "chaos", "rabbitmq")]
    for thread in threads:
        thread.start()
    lab_desk.until(lambda: not any(thread.is_alive() for thread in threads), timeout=120_000)
    for thread in threads:
        thread.join()
    done = threading.Thread(target=lab.post, args=("/stop/redis",))
    done.start()
    lab_desk.until(lambda: lab_desk.card("redis").led.shape == "square")
    done.join()

    def log_is(name: str, wanted: tuple[str, ...]) -> bool:
        return lab_desk.session.store.state.cards[name].log == wanted

    for name in ("redis", "postgres", "chaos", "rabbitmq"):
        wanted = tuple(lab.get(f"/logs/{name}"))
        lab_desk.until(partial(log_is, name, wanted))
    assert lab_desk.session.store.state.connection.live
    states = lab.states()
    assert {name: lab_desk.state(name) for name in states} == states
