"""The symbol in the tray and its notifications, as desktops of the new and the old kind get them."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
from deploy.desktop import Desktop, shows_all_up, watch
from system.machine import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from deploy.screen import Picture
    from system.machine import Lab

pytestmark = pytest.mark.lab

SHELL = """
# The part of a desktop's shell that has a tray and shows notifications; it prints what it is given.
import json
from gi.repository import Gio, GLib

XML = '''<node>
<interface name="org.kde.StatusNotifierWatcher">
 <method name="RegisterStatusNotifierItem"><arg type="s" direction="in"/></method>
 <method name="RegisterStatusNotifierHost"><arg type="s" direction="in"/></method>
 <property name="RegisteredStatusNotifierItems" type="as" access="read"/>
 <property name="IsStatusNotifierHostRegistered" type="b" access="read"/>
 <property name="ProtocolVersion" type="i" access="read"/>
</interface>
<interface name="org.freedesktop.Notifications">
 <method name="GetCapabilities"><arg type="as" direction="out"/></method>
 <method name="Notify">
  <arg type="s" direction="in"/><arg type="u" direction="in"/><arg type="s" direction="in"/>
  <arg type="s" direction="in"/><arg type="s" direction="in"/><arg type="as" direction="in"/>
  <arg type="a{sv}" direction="in"/><arg type="i" direction="in"/><arg type="u" direction="out"/>
 </method>
</interface>
</node>'''
bus = Gio.bus_get_sync(Gio.BusType.SESSION)
shown = 0

def say(**what):
    print(json.dumps(what), flush=True)

def tell_tip(item):
    def got(_bus, result):
        tip = bus.call_finish(result).unpack()[0]
        say(tip=tip[2])
    asked = GLib.Variant("(ss)", ("org.kde.StatusNotifierItem", "ToolTip"))
    bus.call(item, "/StatusNotifierItem", "org.freedesktop.DBus.Properties", "Get", asked, None, 0, -1, None, got)

def on_signal(_bus, sender, _path, _interface, name, _arguments):
    if name == "NewToolTip":
        say(signal=name)
        tell_tip(sender)

def on_call(_bus, _sender, _path, _interface, name, arguments, call):
    global shown
    given = arguments.unpack()
    answer = None
    if name == "Notify":
        shown += 1
        say(title=given[3], text=given[4], urgency=given[6].get("urgency"))
        answer = GLib.Variant("(u)", (shown,))
    elif name == "GetCapabilities":
        answer = GLib.Variant("(as)", (["body"],))
    elif name == "RegisterStatusNotifierItem":
        say(item=given[0])
        tell_tip(given[0])
    call.return_value(answer)

def on_get(_bus, _sender, _path, _interface, name):
    return {"RegisteredStatusNotifierItems": GLib.Variant("as", []), "ProtocolVersion": GLib.Variant("i", 0),
            "IsStatusNotifierHostRegistered": GLib.Variant("b", True)}[name]

known = Gio.DBusNodeInfo.new_for_xml(XML).interfaces
bus.signal_subscribe(None, "org.kde.StatusNotifierItem", None, None, None, 0, on_signal)
for interface, path in zip(known, ("/StatusNotifierWatcher", "/org/freedesktop/Notifications")):
    bus.register_object(path, interface, on_call, on_get, None)
    Gio.bus_own_name_on_connection(bus, interface.name, 0, lambda _bus, name: say(owned=name), None)
GLib.MainLoop().run()
"""
LOOK_AWAY = """
# Nobody looks at the window any more: the keyboard's focus goes elsewhere, as with a click on another window.
import ctypes
x11 = ctypes.CDLL("libX11.so.6")
x11.XOpenDisplay.restype = ctypes.c_void_p
display = ctypes.c_void_p(x11.XOpenDisplay(None))
x11.XSetInputFocus(display, ctypes.c_ulong(0), 0, ctypes.c_ulong(0))
x11.XSync(display, 0)
"""
SETTINGS = "[General]\ntray=yes\n"
BALLOON = "#ffffe1"
"""The ground of the balloon in which Qt itself shows a message where there is no shell for it."""


@pytest.fixture
def desktop(lab: Lab) -> Iterator[Desktop]:
    with Desktop(lab) as made:
        made.keep(".config/incidentops/gui.conf", SETTINGS)
        yield made


def at_once(lab: Lab, *paths: str) -> None:
    """Ask for all of it together, and wait until it is done."""
    threads = [threading.Thread(target=lab.post, args=(path,)) for path in paths]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def told(titles: list[str], edge: str) -> list[str]:
    """Whom the shell was told of; together when they went within a moment, which is for a loaded machine to say."""
    about = [title.removesuffix(f" {edge}") for title in titles if title.endswith(f" {edge}")]
    return sorted(name for title in about for name in title.split(" and "))


def test_the_shell_is_told_of_edges_once(desktop: Desktop, lab: Lab) -> None:
    desktop.keep("shell.py", SHELL)
    desktop.begin("shell", "python3", f"{desktop.variables['HOME']}/shell.py")

    def said(key: str) -> list[Any]:
        return [line[key] for line in desktop.said("shell") if key in line]

    eventually(lambda: len(said("owned")) == 2)
    desktop.begin("window", "incidentops-gui", "--theme", "light")
    eventually(lambda: said("tip")[-1:] == ["IncidentOps: 5 up · 0 down"], deadline=30)
    desktop.run("python3", "-", input=LOOK_AWAY)
    assert said("title") == [], "what is up from the beginning is no news"
    at_once(lab, "/stop/redis", "/stop/chaos")
    eventually(lambda: told(said("title"), "down") == ["chaos", "redis"], deadline=10)
    assert sorted("\n".join(said("text")).split("\n")) == ["chaos: stopped", "redis: stopped"]
    assert set(said("urgency")) == {1}
    eventually(lambda: "IncidentOps: 3 up · 2 down" in said("tip"))
    at_once(lab, "/ping/redis", "/ping/chaos")  # down as before: no edge
    at_once(lab, "/remediate")
    eventually(lambda: told(said("title"), "back up") == ["chaos", "redis"], deadline=10)
    assert told(said("title"), "down") == ["chaos", "redis"]
    assert set(said("urgency")) == {0, 1}
    assert len(said("signal")) < 20, "nothing is sent that says the same as before"


def test_a_tray_of_the_old_kind_has_it_too(desktop: Desktop, lab: Lab, tmp_path: Path) -> None:
    tray = ("--geometry", "1x1+1200+850", "--icon-size", "32", "--background", "#ff00ff", "--window-strut", "none")
    desktop.keep(".stalonetrayrc", "")
    desktop.begin("tray", "stalonetray", *tray)
    desktop.begin("window", "incidentops-gui", "--theme", "light")
    before = watch(desktop.picture, shows_all_up, tmp_path / "tray.png")
    assert before.count("#1d3a63") > 100, "the symbol"
    desktop.run("python3", "-", input=LOOK_AWAY)
    assert lab.post("/stop/redis").status == 200

    def has_balloon(picture: Picture) -> bool:
        return picture.count(BALLOON) > 500

    watch(desktop.picture, has_balloon, tmp_path / "balloon.png")
