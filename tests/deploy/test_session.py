"""The application where desktops open it: from its desktop entry, and under a Wayland compositor."""

from __future__ import annotations

import base64
from functools import partial
from typing import TYPE_CHECKING

import pytest
from deploy.desktop import FOLDER, LED, USER, Desktop, shows_all_up, watch
from deploy.screen import Picture
from incidentops_gui.theme import LIGHT
from PySide6.QtGui import QImage
from system.machine import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from system.machine import Lab

pytestmark = pytest.mark.lab

ENTRY = "/usr/share/applications/org.incidentops.gui.desktop"
SETTINGS = "[General]\ntheme=light\n"


@pytest.fixture
def desktop(lab: Lab) -> Iterator[Desktop]:
    with Desktop(lab) as made:
        made.keep(".config/incidentops/gui.conf", SETTINGS)
        yield made


def test_the_desktop_entry_opens_the_window(desktop: Desktop, lab: Lab, tmp_path: Path) -> None:
    """As a menu does: by GLib's reading of the installed entry, with nothing said of which agent or theme."""
    desktop.run("sh", "-c", f"gio launch {ENTRY} >/dev/null 2>&1")
    watch(desktop.picture, shows_all_up, tmp_path / "entry.png")
    desktop.run("sh", "-c", f"gio launch {ENTRY} >/dev/null 2>&1")  # a second click raises the window that is there
    windows = ("pgrep", "--uid", USER, "--count", "--full", "/usr/bin/incidentops-gui")
    eventually(lambda: lab.output(*windows) == "1")


def wayland_picture(desktop: Desktop, variables: dict[str, str]) -> Picture:
    """What the compositor shows."""
    settings = [f"{key}={value}" for key, value in variables.items()]
    desktop.run("sh", "-c", f"cd {FOLDER} && rm -f wayland-screenshot-*.png")
    desktop.run("env", "-C", FOLDER, *settings, "weston-screenshooter")
    encoded = desktop.lab.output("sh", "-c", f"base64 {FOLDER}/wayland-screenshot-*.png")
    image = QImage.fromData(base64.b64decode(encoded)).convertToFormat(QImage.Format.Format_RGB32)
    return Picture(image.width(), image.height(), bytes(image.constBits()))


def test_it_runs_under_wayland(desktop: Desktop, lab: Lab, tmp_path: Path) -> None:
    """On a compositor without a screen and without an X server to fall back to."""
    wayland = {"WAYLAND_DISPLAY": "way", "DISPLAY": ""}
    size = ("--width=1280", "--height=900")
    desktop.begin("weston", "weston", "--backend=headless", "--renderer=pixman", "--socket=way", "--debug", *size)
    eventually(lambda: lab.run("test", "-S", f"{FOLDER}/way", check=False).returncode == 0)
    desktop.begin("window", "incidentops-gui", **wayland)
    look = partial(wayland_picture, desktop, wayland)
    before = watch(look, shows_all_up, tmp_path / "wayland.png")
    assert lab.post("/stop/redis").status == 200
    watch(look, lambda now: now.count(LIGHT.bad) > before.count(LIGHT.bad) + LED, tmp_path / "wayland-down.png")
    said = lab.output("journalctl", "--output=cat", "--no-pager", "--unit=window")
    assert "Could not load the Qt platform plugin" not in said
