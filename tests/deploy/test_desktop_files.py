"""What a desktop reads of the application: valid, complete, and of one mind with the program and its package."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
import tomllib
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from incidentops_gui.__main__ import parser

TOP = Path(__file__).resolve().parents[2]
GUI = TOP / "packaging/gui"
NAME = "org.incidentops.gui"
PACKAGE = TOP / "gui/incidentops_gui"


def run(*words: str | Path) -> str:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def entry() -> configparser.SectionProxy:
    read = configparser.ConfigParser(interpolation=None, delimiters=("=",))
    read.optionxform = str  # type: ignore[assignment,method-assign]  # keys are case-sensitive in this format
    read.read(GUI / f"{NAME}.desktop", encoding="utf-8")
    return read["Desktop Entry"]


def metainfo() -> ET.Element:
    return ET.parse(GUI / f"{NAME}.metainfo.xml").getroot()  # noqa: S314 (our own file)


def words_of(text: str) -> set[str]:
    return set(re.findall(r"--[a-z]+(?:-[a-z]+)*", text))


def options() -> set[str]:
    return {text for action in parser()._actions for text in action.option_strings if text.startswith("--")}


def test_the_menu_entry_is_valid() -> None:
    assert run("desktop-file-validate", GUI / f"{NAME}.desktop") == ""


def test_the_metainfo_is_valid() -> None:
    """By the host's validator; the build of the debs has the word of Debian 13's, which knows more."""
    said = run("appstreamcli", "validate", "--pedantic", "--no-net", GUI / f"{NAME}.metainfo.xml")
    assert re.search(r"^[EW]:", said, re.MULTILINE) is None, said


def test_the_menu_entry_names_what_is_installed() -> None:
    project = tomllib.loads((TOP / "pyproject.toml").read_text())["project"]
    assert entry()["Exec"] in project["scripts"]
    assert entry()["Icon"] == NAME
    installed = (TOP / "packaging/debian/incidentops-gui.install").read_text()
    for name in (f"{NAME}.svg", f"{NAME}-symbolic.svg"):
        assert f"packaging/gui/{name} usr/share/icons/hicolor/" in installed
        assert (GUI / name).is_file()


@pytest.mark.parametrize("key", ["Name", "GenericName", "Comment", "Keywords"])
def test_the_menu_entry_speaks_german(key: str) -> None:
    assert entry()[key]
    assert entry()[f"{key}[de]"]


def test_the_metainfo_and_the_menu_entry_agree() -> None:
    root = metainfo()
    assert root.findtext("id") == NAME
    assert root.findtext("launchable") == f"{NAME}.desktop"
    assert root.findtext("provides/binary") == entry()["Exec"]
    assert root.findtext("name") == entry()["Name"]
    assert root.findtext("summary") == entry()["Comment"]
    assert root.findtext("developer/name")
    assert len(" ".join((root.findtext("description/p") or "").split())) >= 80
    version = tomllib.loads((TOP / "pyproject.toml").read_text())["project"]["version"]
    release = root.find("releases/release")
    assert release is not None
    assert release.get("version") == version


def test_a_window_belongs_to_the_menu_entry() -> None:
    """X11 knows a window by its class, which Qt takes from the application's name."""
    assert entry()["StartupWMClass"] in re.findall(r'setApplicationName\("(.+?)"\)', (PACKAGE / "app.py").read_text())


@pytest.mark.parametrize("name", [f"{NAME}.svg", f"{NAME}-symbolic.svg"])
def test_icons_are_plain_drawings(name: str) -> None:
    root = ET.parse(GUI / name).getroot()  # noqa: S314 (our own file)
    width, height = root.get("width"), root.get("height")
    assert width == height
    assert root.get("viewBox") == f"0 0 {width} {height}"
    kinds = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert kinds <= {"svg", "path", "polyline", "rect"}
    fills = {element.get("fill") for element in root.iter()} - {None}
    assert len(fills) == 1 or "symbolic" not in name


def test_the_manual_and_the_completion_name_every_option() -> None:
    manual = (TOP / "packaging/man/incidentops-gui.1").read_text()
    assert {f"--{word}" for word in re.findall(r"^\.It (?:Fl h , )?Fl -([a-z-]+)", manual, re.MULTILINE)} == options()
    completion = (TOP / "packaging/completions/incidentops-gui.bash").read_text()
    assert words_of(completion) - {"--"} == options()


@pytest.mark.skipif(not shutil.which("mandoc"), reason="mandoc is not installed; the syntax is checked where it is")
def test_the_manual_is_sound() -> None:
    assert run("mandoc", "-T", "lint", "-W", "warning", TOP / "packaging/man/incidentops-gui.1") == ""


def test_every_module_and_file_of_the_application_is_packaged() -> None:
    tool = tomllib.loads((TOP / "pyproject.toml").read_text())["tool"]["setuptools"]
    folders = {path.parent for path in PACKAGE.rglob("*.py")}
    names = {".".join(["incidentops_gui", *folder.relative_to(PACKAGE).parts]) for folder in folders}
    assert names == {name for name in tool["packages"] if name.split(".")[0] == "incidentops_gui"}
    data = {path for pattern in tool["package-data"]["incidentops_gui"] for path in PACKAGE.glob(pattern)}
    others = {path for path in PACKAGE.rglob("*") if path.is_file() and path.suffix not in (".py", ".pyc")}
    assert others == data


def test_the_package_depends_on_what_the_application_imports() -> None:
    source = "\n".join(path.read_text() for path in PACKAGE.rglob("*.py"))
    modules = re.findall(r"^\s*from PySide6\.(\w+) import", source, re.MULTILINE)
    needed = {f"python3-pyside6.{module.lower()}" for module in modules} | {"python3-h11"}
    control = (TOP / "packaging/debian/control").read_text()
    stanza = re.search(r"^Package: incidentops-gui\n(?:.+\n)+", control, re.MULTILINE)
    assert stanza
    depends = re.search(r"^Depends:\n((?: .+\n)+)", stanza[0], re.MULTILINE)
    assert depends
    assert {name for name in re.findall(r"[\w.+-]+", depends[1]) if name.startswith("python3-")} == needed
    base = (TOP / "packaging/lab/base.packages").read_text().split()
    assert needed <= set(base)
