"""A desktop inside a lab machine that nobody needs to see: a screen, a session bus, and a user who is an operator."""

from __future__ import annotations

import base64
import json
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Self

from deploy.screen import ARGUMENTS, FRAME, Picture
from incidentops_gui.theme import LIGHT
from system.machine import eventually

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from system.machine import Lab

LED = 60
"""Pixels of one colour that a LED has at least."""
WINDOW = 100_000
"""Pixels in the colour of its ground that a window has at least."""
USER = "dora"
FOLDER = "/tmp/desktop"  # noqa: S108 (inside the machine)


def shows_all_up(picture: Picture) -> bool:
    return picture.count(LIGHT.window) > WINDOW and picture.count(LIGHT.good) > 5 * LED


def watch(look: Callable[[], Picture], wanted: Callable[[Picture], bool], keep: Path) -> Picture:
    """The first picture that is as wanted; kept as a PNG either way."""
    seen: list[Picture] = []

    def tried() -> bool:
        seen[:] = [look()]
        return wanted(seen[0])

    try:
        eventually(tried, deadline=60, every=0.2)  # the first window on a host waits for its Python environment
    finally:
        if seen:
            seen[0].save(keep)
    return seen[0]


@contextmanager
def unit(lab: Lab, name: str, *words: str, user: str = "nobody", **variables: str) -> Iterator[None]:
    """A program inside the machine, until the end of the context."""
    settings = [f"--setenv={key}={value}" for key, value in variables.items()]
    properties = (f"--unit={name}", f"--uid={user}", "--property=Type=exec", "--remain-after-exit")
    lab.run("systemd-run", "--quiet", *properties, *settings, "--", *words)
    try:
        yield
    finally:
        lab.run("systemctl", "stop", name, check=False)
        lab.run("systemctl", "reset-failed", name, check=False)


class Desktop:
    """As long as the context lasts."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.variables = {
            "DISPLAY": ":8",
            "DBUS_SESSION_BUS_ADDRESS": f"unix:path={FOLDER}/bus",
            "HOME": FOLDER,
            "XDG_RUNTIME_DIR": FOLDER,
        }
        self._units = ExitStack()

    def __enter__(self) -> Self:
        lab = self.lab
        lab.run("useradd", "--groups", "incidentops", "--home-dir", FOLDER, USER)
        lab.run("install", "-d", "-o", USER, "-m", "700", FOLDER)
        bus = f"--address=unix:path={FOLDER}/bus"
        try:
            self.begin("desktop-bus", "dbus-daemon", "--session", "--nofork", "--nopidfile", bus)
            self.begin("desktop-screen", "Xvfb", self.variables["DISPLAY"], "-fbdir", FOLDER, *ARGUMENTS)
            for path in (f"{FOLDER}/bus", "/tmp/.X11-unix/X8"):  # noqa: S108
                eventually(partial(self._is_socket, path))
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._units.close()
        self.lab.run("pkill", "--uid", USER, check=False)  # what the session bus has started on demand
        self.lab.run("userdel", "--force", USER, check=False)
        self.lab.run("rm", "-rf", FOLDER)

    def _is_socket(self, path: str) -> bool:
        return self.lab.run("test", "-S", path, check=False).returncode == 0

    def begin(self, name: str, *words: str, **variables: str) -> None:
        """Have a program run in the session until the end."""
        self._units.enter_context(unit(self.lab, name, *words, user=USER, **(self.variables | variables)))

    def run(self, *words: str, input: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run a command in the session, to its end."""
        settings = [f"{key}={value}" for key, value in self.variables.items()]
        return self.lab.run("runuser", "-u", USER, "--", "env", *settings, *words, input=input)

    def said(self, name: str) -> list[Any]:
        """The lines of JSON that a program has printed so far."""
        run = self.lab.output("systemctl", "show", "--property=InvocationID", "--value", name)
        text = self.lab.output("journalctl", "--output=cat", "--no-pager", f"_SYSTEMD_INVOCATION_ID={run}")
        return [json.loads(line) for line in text.splitlines() if line.startswith("{")]

    def keep(self, path: str, text: str) -> None:
        """Write a file below the user's home."""
        self.run("sh", "-c", 'mkdir -p "$(dirname "$1")" && cat >"$1"', "sh", f"{FOLDER}/{path}", input=text)

    def picture(self) -> Picture:
        return Picture.from_xwd(base64.b64decode(self.lab.output("base64", f"{FOLDER}/{FRAME}")))
