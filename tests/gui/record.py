"""Makes the pictures of gui/docs: a run of the window against a real lab machine, grabbed at each step.

    python tests/gui/record.py NAME [--theme dark] [--scale 2] [--history SECONDS] [--out FOLDER] [--steps STEP ...]

NAME is that of a running machine (./lab up --name NAME). Needs no display.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

TOP = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(TOP / "gui"), str(TOP / "tests")]

if TYPE_CHECKING:
    from collections.abc import Callable

    from PySide6.QtWidgets import QWidget


STEPS = (
    *("all_up", "two_down", "unresponsive", "confirm", "popup_started", "popup_remediated", "popup_partial"),
    *("popup_nothing", "incidents", "plan", "graph", "audit", "inject", "faults", "chaos", "journal", "keys"),
    *("disconnected", "pages"),
)


class Recorder:
    """The window, the machine, and a grab of what they show."""

    def __init__(self, options: argparse.Namespace) -> None:
        from incidentops_gui import app, hosts, theme
        from incidentops_gui.settings import Settings
        from PySide6.QtCore import QSettings
        from system.machine import Lab

        self.options = options
        self.app = app.make(["incidentops-gui"])
        self.lab = Lab(options.name)
        empty = QSettings(f"/proc/self/fd/nowhere-{os.getpid()}", QSettings.Format.IniFormat)
        target = hosts.unix(str(self.lab.socket))
        self.shown = app.Application(target, False, Settings(empty), theme.Choice(options.theme))
        self.window = self.shown.window
        self.window.resize(1180, 800)

    # -- waiting

    def until(self, look: Callable[[], object], seconds: float = 30) -> None:
        end = time.monotonic() + seconds
        while not look():
            self.app.processEvents()
            time.sleep(0.01)
            if time.monotonic() > end:
                raise SystemExit("what was waited for did not come")

    def wait(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        self.until(lambda: time.monotonic() > end, seconds + 5)

    def state(self, name: str) -> str:
        return self.shown.session.store.state.cards[name].service.state

    def grab(self, name: str, widget: QWidget | None = None) -> None:
        self.wait(0.3)
        suffix = f"-{self.options.theme}" + ("@2x" if self.options.scale == 2 else "")
        path = self.options.out / f"{name}{suffix}.png"
        (widget or self.window).grab().save(str(path))
        print(path.name)

    def grab_with(self, name: str, over: QWidget) -> None:
        """The window with another one in front, as a screen would show them."""
        from PySide6.QtGui import QColor, QPainter

        self.wait(0.3)
        below, above = self.window.grab(), over.grab()
        painter = QPainter(below)
        painter.fillRect(0, 0, below.width(), below.height(), QColor(0, 0, 0, 70))
        ratio = below.devicePixelRatio()
        left = (below.width() - above.width()) / 2 / ratio
        top = (below.height() - above.height()) / 2.4 / ratio
        painter.drawPixmap(int(left), int(top), above)
        painter.setPen(self.shown.theme.tokens.colour("edge"))
        size = above.deviceIndependentSize()
        painter.drawRect(int(left), int(top), int(size.width()), int(size.height()))
        painter.end()
        suffix = f"-{self.options.theme}" + ("@2x" if self.options.scale == 2 else "")
        below.save(str(self.options.out / f"{name}{suffix}.png"))
        print(f"{name}{suffix}.png")

    # -- the steps

    def run(self) -> None:
        self.lab.post("/remediate")
        self.shown.open()
        self.window.resize(1180, 800)
        self.until(lambda: self.shown.complete)
        store = self.shown.session.store
        self.until(lambda: store.state.connection.live and len(self.window.grid.shown) == len(store.state.cards))
        self.until(lambda: store.state.system is not None)
        self.wait(self.options.history)
        steps = self.options.steps or STEPS
        for step in steps:
            getattr(self, f"step_{step}")()
            if self.lab.socket.exists():
                self.lab.post("/remediate")
                self.until(lambda: all(card.service.up for card in store.state.cards.values()))
                for popup in self._popups():
                    popup.close()
                self.window.rooms.close_all()
        self.shown.close()

    def _popups(self) -> list[QWidget]:
        from incidentops_gui.widgets.popup import Popup

        return [popup for popup in self.window.findChildren(Popup) if popup.isVisible()]

    def step_all_up(self) -> None:
        self.grab("all-up")

    def step_two_down(self) -> None:
        self.window.session.commands.act("redis", "stop")
        os.kill(self.lab.host_pid(self.lab.main_pid("rabbitmq-server.service")), signal.SIGKILL)
        self.until(lambda: self.state("redis") == "stopped" and self.state("rabbitmq") == "failed")
        self.grab("two-down")

    def step_unresponsive(self) -> None:
        pid = self.lab.host_pid(self.lab.main_pid("redis-server.service"))
        os.kill(pid, signal.SIGSTOP)
        self.until(lambda: self.state("redis") == "unresponsive")
        self.grab("unresponsive")
        os.kill(pid, signal.SIGCONT)
        self.until(lambda: self.state("redis") == "healthy")

    def step_confirm(self) -> None:
        from incidentops_gui.widgets.confirm import Confirm

        self.window.act("redis", "stop")
        self.wait(0.5)
        question = self.window.findChildren(Confirm)[-1]
        self.grab_with("confirm", question)
        question.reject()

    def step_popup_started(self) -> None:
        self.window.session.commands.act("redis", "stop")
        self.until(lambda: self.state("redis") == "stopped" and not self._pending())
        self.window.session.commands.act("redis", "start")
        self.until(self._popups)
        self.grab_with("popup-started", self._popups()[-1])

    def _pending(self) -> bool:
        return any(card.pending for card in self.shown.session.store.state.cards.values())

    def step_popup_remediated(self) -> None:
        for name in ("redis", "postgres"):
            self.window.session.commands.act(name, "stop")
        self.until(lambda: self.state("redis") == self.state("postgres") == "stopped" and not self._pending())
        self.window.remediate()
        self.until(self._popups)
        self.grab_with("popup-remediated", self._popups()[-1])

    def step_popup_partial(self) -> None:
        for name in ("redis", "chaos"):
            self.window.session.commands.act(name, "stop")
        self.until(lambda: self.state("redis") == self.state("chaos") == "stopped" and not self._pending())
        self.lab.run("systemctl", "mask", "--runtime", "incidentops-chaos.service")
        self.until(lambda: self.lab.get("/services")["chaos"]["unit"]["load"] == "masked")
        self.window.remediate()
        self.until(self._popups)
        self.grab_with("popup-partial", self._popups()[-1])
        self.lab.run("systemctl", "unmask", "--runtime", "incidentops-chaos.service")
        self.until(lambda: self.lab.get("/services")["chaos"]["unit"]["load"] == "loaded")

    def step_popup_nothing(self) -> None:
        self.window.remediate()
        self.until(self._popups)
        self.grab_with("popup-nothing", self._popups()[-1])

    def step_plan(self) -> None:
        self.lab.run("systemctl", "freeze", "rabbitmq-server.service")
        for name in ("redis", "postgres"):
            self.window.session.commands.act(name, "stop")
        self.until(lambda: self.state("rabbitmq") == self.state("worker") == "unresponsive" and not self._pending())
        room = self.window.rooms.plan()
        self.until(lambda: len(room.steps.cards) == 4 and room.settled)
        room.resize(720, 660)
        room.steps.cards[1].toggle.setChecked(True)
        self.grab("plan", room)
        self.window.session.commands.remediate(room.plan.id if room.plan is not None else "")
        self.until(self._popups, 90)

    def _kill(self, unit: str) -> None:
        os.kill(self.lab.host_pid(self.lab.main_pid(unit)), signal.SIGKILL)

    def step_incidents(self) -> None:
        """One incident from its beginning to its end, and one that is open."""
        room = self.window.rooms.incidents()
        self.until(lambda: room.built)
        store = self.shown.session.store
        self._kill("rabbitmq-server.service")
        self.until(lambda: self.state("worker") == "unresponsive")
        one = store.state.incident_of("rabbitmq")
        assert one is not None
        room.want(one.id)
        self.until(lambda: room.detail.incident is not None and room.detail.incident.id == one.id)
        room.detail.note.setText("killed while the queue was drained; bringing it back")
        self.wait(2)
        room.detail.acknowledge.click()
        self.until(lambda: room.detail.incident is not None and room.detail.incident.acknowledged is not None)
        self.lab.post("/remediate")
        self.until(lambda: room.detail.incident is not None and room.detail.incident.recovered is not None)
        self._kill("redis-server.service")
        self.until(lambda: store.state.incident_of("redis") is not None)
        self.wait(4)
        self.grab("incidents", room)
        self.grab("timeline", room.detail.timeline)
        self.grab("incident-on-card")

    def step_graph(self) -> None:
        self._kill("rabbitmq-server.service")
        self.until(lambda: self.state("worker") == "unresponsive")
        room = self.window.rooms.graph()
        self.until(lambda: room.settled and room.canvas.nodes)
        room.canvas.nodes["rabbitmq"].setFocus()
        self.grab("graph", room)

    def step_audit(self) -> None:
        room = self.window.rooms.trail()
        self.until(lambda: room.has_body and room.table.rowCount() > 0)
        room.verify.click()
        self.until(room.fine.isVisible)
        self.grab("audit", room)

    def _inject(self, kind: str, service: str, seconds: int) -> None:
        body = {"kind": kind, "service": service, "duration": seconds}
        self.lab.post("/faults", body)
        self.until(lambda: self.shown.session.store.state.cards[service].service.fault is not None)

    def step_inject(self) -> None:
        """The dialog with its preview; then a card with the fault in it."""
        dialog = self.window.rooms.breaking.inject("redis")
        assert dialog is not None
        self.until(lambda: dialog.kind is not None, 90)
        dialog.kinds.choose("kill")
        self.until(lambda: dialog.told_before.text().startswith("•"))
        self.grab("inject", dialog)
        dialog.kinds.choose("hang")
        self.until(lambda: dialog.told_before.text().startswith("•") and dialog.go.isEnabled())
        dialog.inject()
        self.until(lambda: self.state("redis") == "unresponsive")
        self.wait(9)
        self.grab("fault-on-card")
        self.window.rooms.breaking.panic()
        self.until(self._popups)

    def step_faults(self) -> None:
        """Two faults, their window, and the panic that ends both."""
        self._inject("hang", "redis", 300)
        self._inject("network-reject", "rabbitmq", 90)
        room = self.window.rooms.faults()
        self.wait(5)
        self.grab("faults", room)
        self.window.rooms.breaking.panic()
        self.until(self._popups)
        self.grab_with("panic", self._popups()[-1])

    def step_chaos(self) -> None:
        """A plan, and the run of it."""
        room = self.window.rooms.chaos()
        self.until(lambda: room.has_body)
        for key, value in (("seconds", 300), ("interval", 8), ("duration", 6)):
            room.form.entries[key].widget.setValue(value)  # type: ignore[attr-defined]
        for key, text in (
            ("seed", "7"),
            ("kinds", "hang, stop, network-reject, slow-start"),
            ("services", "redis, rabbitmq, postgres"),
        ):
            room.form.entries[key].widget.setText(text)  # type: ignore[attr-defined]
        room.show_plan.click()
        self.until(room.arm.isEnabled, 60)
        self.grab("chaos-plan", room)
        room.arm.click()
        self.until(lambda: room.armed, 60)
        self.until(lambda: len(room.steps.steps) >= 4, 90)
        self.grab("chaos", room)
        self.grab("chaos-armed")
        room.disarm.click()
        self.until(lambda: not room.armed, 90)

    def step_journal(self) -> None:
        from incidentops_gui.widgets.service_window import ServiceWindow

        os.kill(self.lab.host_pid(self.lab.main_pid("rabbitmq-server.service")), signal.SIGKILL)
        self.until(lambda: self.state("rabbitmq") == "failed")
        self.window.open_service("rabbitmq")
        self.wait(1.5)
        window = self.window.findChildren(ServiceWindow)[-1]
        self.grab("journal", window)
        window.close()

    def step_keys(self) -> None:
        from incidentops_gui.widgets.keys import CheatSheet

        self.window.show_keys()
        sheet = self.window.findChildren(CheatSheet)[-1]
        self.grab("keys", sheet)
        sheet.close()

    def step_disconnected(self) -> None:
        kill = ("systemctl", "kill", "--kill-whom=all", "incidentops-agent.service")
        self.lab.run(*kill, "--signal=SIGSTOP")
        self.until(lambda: not self.shown.session.store.state.connection.live)
        self.wait(3)
        self.grab("disconnected")
        self.lab.run(*kill, "--signal=SIGCONT")
        self.until(lambda: self.shown.session.store.state.connection.live)

    def step_pages(self) -> None:
        from incidentops_gui import hosts

        here = self.shown.session.target
        self.shown.go_to(hosts.unix("/run/incidentops-lab-other/agent.sock"))
        self.wait(1)
        self.grab("not-running")
        self.shown.go_to(here)
        self.until(lambda: self.shown.session.store.state.connection.live)


def main() -> None:
    made = argparse.ArgumentParser()
    made.add_argument("name")
    made.add_argument("--steps", nargs="*", default=[])
    made.add_argument("--theme", choices=("light", "dark"), default="light")
    made.add_argument("--scale", type=int, choices=(1, 2), default=1)
    made.add_argument("--history", type=float, default=5.0)
    made.add_argument("--out", type=Path, default=TOP / "gui" / "docs")
    options = made.parse_args()
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    os.environ["QT_SCALE_FACTOR"] = str(options.scale)
    Recorder(options).run()


if __name__ == "__main__":
    main()
