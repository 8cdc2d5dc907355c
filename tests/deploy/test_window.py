"""The desktop application where it is installed, and opened by ./lab: drawn by Qt, of a real agent's services."""

from __future__ import annotations

import base64
import os
import pwd
import re
import subprocess
from pathlib import Path

import pytest
from deploy.desktop import LED, shows_all_up, unit, watch
from deploy.screen import ARGUMENTS, FRAME, Picture, Screen
from incidentops_gui.theme import LIGHT
from system.machine import TOP, Lab, eventually

SOMEBODY = pwd.getpwnam("daemon")
"""A user that every machine has. Not nobody: of that one the kernel itself does not know who it is."""

DESKTOP = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM", "XDG_RUNTIME_DIR", "INCIDENTOPS_LAB_WINDOW")


def surroundings(**variables: str) -> dict[str, str]:
    """The environment without what other tests or a desktop have put there, and with ``variables``."""
    return {key: value for key, value in os.environ.items() if key not in DESKTOP} | variables


def lab_words(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [TOP / "lab", *words],
        env=surroundings(**variables),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def frame(lab: Lab) -> Picture:
    """The virtual screen inside the machine."""
    return Picture.from_xwd(base64.b64decode(lab.output("base64", f"/tmp/screen/{FRAME}")))  # noqa: S108


@pytest.mark.lab
def test_the_installed_application_follows_the_services_under_xvfb(lab: Lab, tmp_path: Path) -> None:
    """Debian's PySide6 on a screen: five green lights; redis is stopped, and one of them is not green any more."""
    print("PySide6", lab.output("python3", "-c", "import PySide6; print(PySide6.__version__)"))
    lab.run("install", "-d", "-o", "nobody", "/tmp/screen")  # noqa: S108
    with (
        unit(lab, "screen", "Xvfb", ":9", "-fbdir", "/tmp/screen", *ARGUMENTS),  # noqa: S108
        unit(lab, "window", "incidentops-gui", "--theme", "light", DISPLAY=":9", HOME="/tmp/screen"),  # noqa: S108
    ):
        before = watch(lambda: frame(lab), shows_all_up, tmp_path / "up.png")
        assert lab.post("/stop/redis").status == 200
        watch(
            lambda: frame(lab),
            lambda now: now.count(LIGHT.bad) > before.count(LIGHT.bad) + LED,
            tmp_path / "redis-down.png",
        )
        lab.run("systemctl", "kill", "--signal=TERM", "window")
        eventually(lambda: lab.main_pid("window") == 0)
        assert lab.output("systemctl", "show", "--property=ExecMainCode,ExecMainStatus", "window").split() == [
            "ExecMainCode=1",  # it has exited, and was not killed
            "ExecMainStatus=0",
        ]
    said = lab.output("journalctl", "--output=cat", "--no-pager", "--unit=window")
    assert "Traceback" not in said
    assert "Error" not in said


PORTRAIT = """
import sys
from PySide6.QtCore import QTimer
from incidentops_gui import app, hosts, theme
from incidentops_gui.settings import Settings

made = app.make(["incidentops-gui"])
shown = app.Application(hosts.default(), True, Settings(), theme.Choice.LIGHT)
shown.open()

def look():
    state = shown.session.store.state
    if state.connection.live and len(shown.window.grid.shown) == len(state.cards) == 5:
        timer.stop()
        shown.window.grab().save(sys.argv[1])
        shown.close()
        made.quit()

timer = QTimer()
timer.timeout.connect(look)
timer.start(50)
QTimer.singleShot(20_000, lambda: made.exit(1))
sys.exit(made.exec())
"""


@pytest.mark.lab
def test_the_installed_application_draws_offscreen(lab: Lab, tmp_path: Path) -> None:
    """Debian's PySide6 without any screen, on the socket that the application finds by itself."""
    as_nobody = ("runuser", "-u", "nobody", "--", "env", "QT_QPA_PLATFORM=offscreen", "HOME=/tmp/portrait")
    lab.run("install", "-d", "-o", "nobody", "/tmp/portrait")  # noqa: S108
    lab.run(*as_nobody, "python3", "-", "/tmp/portrait/window.png", input=PORTRAIT)  # noqa: S108
    png = base64.b64decode(lab.output("base64", "/tmp/portrait/window.png"))  # noqa: S108
    (tmp_path / "offscreen.png").write_bytes(png)
    assert png.startswith(b"\x89PNG")
    assert len(png) > 20_000  # an empty window has about 5,000 bytes
    said = lab.run(*as_nobody[:-2], "incidentops-gui", "--version").stdout
    assert re.fullmatch(r"incidentops-gui \d+\.\d+\.\d+\n", said)


@pytest.mark.lab
def test_lab_gui_opens_the_window_of_a_machine(lab: Lab, screen: Screen, tmp_path: Path) -> None:
    window = subprocess.Popen(
        [TOP / "lab", "gui", "--name", lab.name, "--", "--theme", "light"], env=surroundings(DISPLAY=screen.display)
    )
    try:
        watch(screen.picture, shows_all_up, tmp_path / "lab-gui.png")
        again = lab_words("gui", "--name", lab.name, DISPLAY=screen.display)
        assert again.returncode == 0, again.stderr  # the open one was raised, and this one ended
        assert window.poll() is None
    finally:
        window.terminate()
    assert window.wait(timeout=10) == 0


def owner_of_window(machine: Lab) -> int:
    """The uid of the window that ./lab up has opened."""
    found = re.search(r"^window: +pid (\d+)$", lab_words("status", "--name", machine.name).stdout, re.MULTILINE)
    assert found, "./lab status names no window"
    return Path(f"/proc/{found[1]}").stat().st_uid


@pytest.mark.lab
def test_lab_up_ends_with_the_window_of_who_called_sudo_and_down_closes_it(screen: Screen, tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("says that it came through sudo, which needs root")
    machine = Lab(f"deploy-{os.getpid()}-up")
    sudo = {"SUDO_UID": str(SOMEBODY.pw_uid), "SUDO_GID": str(SOMEBODY.pw_gid), "SUDO_USER": SOMEBODY.pw_name}
    try:
        up = lab_words("up", "--name", machine.name, DISPLAY=screen.display, **sudo)
        assert up.returncode == 0, up.stderr
        assert "Its window opens" in up.stdout
        assert owner_of_window(machine) == SOMEBODY.pw_uid
        watch(screen.picture, shows_all_up, tmp_path / "lab-up.png")
        again = lab_words("up", "--name", machine.name)
        assert f"./lab gui --name {machine.name}" in again.stderr
    finally:
        machine.down()
    eventually(lambda: screen.picture().count(LIGHT.window) == 0)


def test_without_a_display_lab_gui_says_so_in_one_sentence() -> None:
    done = lab_words("gui", "--name", "nobody-made-this")
    assert done.returncode == 1
    assert done.stdout == ""
    assert re.fullmatch(r"lab: cannot open a window: there is no display here .*\n", done.stderr)


def test_lab_gui_of_a_machine_that_does_not_run_says_how_to_start_it() -> None:
    done = lab_words("gui", "--name", "nobody-made-this", DISPLAY=":1")
    assert done.returncode == 1
    assert "./lab up --name nobody-made-this" in done.stderr
