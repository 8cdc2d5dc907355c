"""The window as a screen reader has it: read over AT-SPI, as Orca reads it, and worked with by nothing else."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from deploy.desktop import USER, Desktop
from system.machine import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from system.machine import Lab

pytestmark = pytest.mark.lab

READER = """
import json, sys
import gi
gi.require_version("Atspi", "2.0")
from gi.repository import Atspi

wanted = json.loads(sys.argv[1])  # what to press: [role, name]
found = []

def press(one):
    action = one.get_action_iface()
    for index in range(action.get_n_actions()):
        if Atspi.Action.get_action_name(action, index) in ("Press", "Toggle"):
            return action.do_action(index)
    return False

def walk(one, path):
    try:
        states = one.get_state_set()
        about = {
            "role": one.get_role_name(), "name": one.get_name(), "path": path,
            "showing": states.contains(Atspi.StateType.SHOWING),
            "enabled": states.contains(Atspi.StateType.ENABLED),
            "focusable": states.contains(Atspi.StateType.FOCUSABLE),
        }
        if wanted == [about["role"], about["name"]] and about["showing"]:
            about["pressed"] = press(one)
        found.append(about)
        for index in range(one.get_child_count()):
            child = one.get_child_at_index(index)
            if child is not None:
                walk(child, [*path, about["name"]])
    except gi.repository.GLib.GError:
        pass  # it went away while it was read

desktop = Atspi.get_desktop(0)
for index in range(desktop.get_child_count()):
    walk(desktop.get_child_at_index(index), [])
print(json.dumps(found))
"""
SPEAKING = ("button", "check box", "combo box", "label", "list", "menu item", "panel", "text", "toggle button")
"""Roles of what a reader stops at; what is without a name there is a riddle."""


class Reader:
    def __init__(self, desktop: Desktop) -> None:
        self._desktop = desktop

    def read(self, *press: str) -> list[Any]:
        """Everything that is to be seen; with a role and a name: after that was pressed."""
        text = self._desktop.run("python3", "-W", "ignore", "-", json.dumps(press), input=READER).stdout
        found = [one for one in json.loads(text) if one["showing"]]
        if press:
            assert [one for one in found if one.get("pressed")], f"cannot press {press} among {names(found)}"
        return found

    def until(self, wanted: Callable[[list[Any]], bool]) -> list[Any]:
        seen: list[Any] = []

        def looked() -> bool:
            seen[:] = self.read()
            return wanted(seen)

        eventually(looked, deadline=30, every=0.2)
        return seen


def names(found: list[Any], role: str = "") -> list[str]:
    return [one["name"] for one in found if role in ("", one["role"])]


@pytest.fixture(scope="module")
def desktop(machine: Lab) -> Iterator[Desktop]:
    with Desktop(machine) as made:
        bus = ("gdbus", "call", "--session", "--dest", "org.a11y.Bus", "--object-path", "/org/a11y/bus")
        setting = ("org.freedesktop.DBus.Properties.Set", "org.a11y.Status", "IsEnabled", "<true>")
        made.run(*bus, "--method", *setting)  # as a screen reader does that is started
        made.begin("window", "incidentops-gui", "--theme", "light")
        yield made


@pytest.fixture
def reader(desktop: Desktop, lab: Lab) -> Reader:
    made = Reader(desktop)
    made.until(lambda found: "Redis: UP, Healthy" in names(found, "label"))
    return made


def test_each_card_led_and_button_has_a_role_and_a_name(reader: Reader) -> None:
    found = reader.read()
    assert [one for one in found if one["role"] in SPEAKING and not one["name"].strip()] == []
    titles = ("Chaos service", "Job worker", "PostgreSQL", "RabbitMQ", "Redis")
    assert set(titles) <= set(names(found, "panel"))
    for title in titles:
        inside = [one for one in found if one["path"][-1:] == [title]]
        assert f"{title}: UP, Healthy" in names(inside, "label")
        wanted = [f"{word}: {title}" for word in ("Ping", "Start", "Stop", "Journal", "More")]
        assert names(inside, "button") == wanted
        buttons = {one["name"]: one["enabled"] for one in inside if one["role"] == "button"}
        assert buttons == {name: not name.startswith("Start") for name in wanted}
        assert any(name.startswith("Started: ") for name in names(inside, "label")), "the figures"
    assert {"Host", "Service", "View", "Help"} <= set(names(found, "menu item"))
    assert "Filter the services" in names(found, "text")
    assert "AUTO-REMEDIATION" in names(found, "button")
    assert "Connection: Live" in names(found, "label")
    assert any(name.startswith("CPU: ") for name in names(found, "label"))


def test_who_cannot_see_it_stops_and_starts_a_service(reader: Reader, lab: Lab) -> None:
    reader.read("button", "Stop: Redis")
    asked = reader.until(lambda found: "dialog" in [one["role"] for one in found])
    inside = [one for one in asked if any("Stop Redis" in name for name in [*one["path"], one["name"]])]
    assert {"Cancel", "Stop Redis"} <= set(names(inside, "button"))
    assert any("worker" in name.lower() for name in names(inside)), "what goes down with it"
    reader.read("button", "Stop Redis")
    reader.until(lambda found: "Redis: DOWN, Stopped" in names(found, "label"))
    assert lab.output("systemctl", "show", "--property=ActiveState", "--value", "redis-server") == "inactive"
    assert lab.get("/audit?service=redis")[0]["actor"]["user"] == USER
    reader.until(lambda found: any("Service stopped manually" in name for name in names(found, "label")))
    reader.read("button", "Start: Redis")
    said = "Service redis was restarted successfully!!"
    found = reader.until(lambda found: said in names(found, "label"))
    assert said in [one["name"] for one in found if one["role"] == "dialog"]
    reader.read("button", "Close")
    reader.until(lambda found: said not in names(found))
