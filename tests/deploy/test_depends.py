"""Each package depends on the libraries that its programs import, on no other, and the lab's root has them all."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
UNITS = TOP / "units"
PROGRAMS = {
    "incidentops-agent": [TOP / "agent"],
    "incidentops-services": [UNITS / "incidentops-worker", UNITS / "incidentops-chaos", UNITS / "incidentops-setup"],
}
OURS = "incidentops"


def imported(folder: Path) -> set[str]:
    """The top-level names of the foreign modules that the Python files below a folder import."""
    found = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(), str(path))):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                found.add(node.module.partition(".")[0])
    return {name for name in found if name not in sys.stdlib_module_names and not name.startswith(OURS)}


def depends(package: str) -> set[str]:
    """The python3-* packages of its Depends."""
    control = (TOP / "packaging/debian/control").read_text()
    stanza = re.search(rf"^Package: {package}\n(?:.+\n)+", control, re.MULTILINE)
    assert stanza
    found = re.search(r"^Depends:\n((?: .+\n)+)", stanza[0], re.MULTILINE)
    assert found
    return {name for name in re.findall(r"[\w.+-]+", found[1]) if name.startswith("python3-")}


@pytest.mark.parametrize("package", PROGRAMS)
def test_depends_are_what_is_imported(package: str) -> None:
    modules = set().union(*(imported(folder) for folder in PROGRAMS[package]))
    needed = {f"python3-{module.replace('_', '-')}" for module in modules}
    assert depends(package) == needed
    assert needed <= set((TOP / "packaging/lab/base.packages").read_text().split())
