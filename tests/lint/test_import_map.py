"""The import map of the agent and its neighbours is kept, and the test of it notices when it is not."""

from __future__ import annotations

import ast

import pytest
from lint import import_map
from lint.files import TOP

Modules = dict[str, ast.Module]


@pytest.fixture(scope="module")
def project() -> dict[str, ast.Module]:
    """All modules that are installed: the packages of agent/, gui/ and of every folder of units/."""
    found: dict[str, ast.Module] = {}
    for folder in [TOP / "agent", TOP / "gui", *sorted((TOP / "units").iterdir())]:
        if folder.is_dir():
            found |= import_map.sources(folder)
    return found


def test_the_import_map_is_kept(project: Modules) -> None:
    assert {"incidentops_agent.engine", "incidentops_worker.worker", "incidentops_chaos.server"} <= set(project)
    assert import_map.violations(project) == []


def test_every_layer_names_modules_that_exist(project: Modules) -> None:
    named = {f"incidentops_agent.{name}" for line in import_map.LAYERS for name in line.split()}
    owners = {f"incidentops_agent.{name}" for names in import_map.ONLY_IN.values() for name in names}
    assert (named | owners) - set(project) == set()


@pytest.mark.parametrize(
    ("module", "source", "complaint"),
    [
        ("incidentops_agent.engine", "import pystemd", "which only _pystemd, bus_worker may"),
        ("incidentops_agent.bus", "from pystemd.dbuslib import DBus", "which only _pystemd, bus_worker may"),
        (
            "incidentops_agent.engine",
            "import sqlite3",
            "which only audit, audit_retention, audit_store, audit_verify may",
        ),
        ("incidentops_agent.actions", "from aiohttp import web", "which only answers, api, bodies"),
        ("incidentops_agent.actions", "import aiohttp.web", "which only answers, api, bodies"),
        ("incidentops_agent.probes.http", "from aiohttp.web import Request", "which only answers, api, bodies"),
        ("incidentops_agent.engine", "def f():\n    import psycopg", "which only probes.postgres may"),
        ("incidentops_agent.rules", "import asyncio", "it must only compute"),
        ("incidentops_agent.rules", "from time import time", "it must only compute"),
        ("incidentops_agent.model", "import os.path", "it must only compute"),
        ("incidentops_agent.edge", "import random", "it must only compute"),
        ("incidentops_agent.settings", "import subprocess", "it must only compute"),
        ("incidentops_agent.catalogue", "from pathlib import Path", "it must only compute"),
        ("incidentops_agent.catalogue", "import pathlib", "it must only compute"),
        ("incidentops_agent.settings", "text = open('/etc/passwd').read()", "calls open()"),
        ("incidentops_agent.rules", "from .engine import Engine", "which does not stand below it"),
        ("incidentops_agent.engine", "from . import bus", "which does not stand below it"),
        ("incidentops_agent.api", "from .audit import SqliteAudit", "which does not stand below it"),
        ("incidentops_agent.api", "from .metrics import AgentMetrics", "which does not stand below it"),
        ("incidentops_agent.api", "from .server import Doors", "which does not stand below it"),
        ("incidentops_agent.views", "from .polkit import rule", "which does not stand below it"),
        ("incidentops_agent.probes.redis", "from ..engine import Engine", "which only actions, "),
        ("incidentops_agent.probes.base", "from .redis import RedisProbe", "which does not stand below it"),
        ("incidentops_agent.engine", "if TYPE_CHECKING:\n    from .api import Api", "which does not stand below it"),
        ("incidentops_agent.cli.client", "from ..model import State", "they are different programs"),
        ("incidentops_agent.engine", "from .cli import client", "they are different programs"),
        ("incidentops_agent.bus", "from . import bus_worker", "they are different programs"),
        ("incidentops_agent.bus_worker", "from .model import UnitView", "they are different programs"),
        ("incidentops_agent.fresh", "", "has no place in import_map.LAYERS yet"),
        ("incidentops_agent.utils", "", "collects what belongs elsewhere"),
        ("incidentops_worker.misc", "", "collects what belongs elsewhere"),
        ("incidentops_chaos.common", "", "collects what belongs elsewhere"),
        ("incidentops_worker.job", "import incidentops_agent.model", "the two packages share no code"),
        ("incidentops_agent.engine", "from incidentops_worker import job", "the two packages share no code"),
        ("incidentops_gui.store", "from incidentops_agent import views", "the two packages share no code"),
        ("incidentops_faults.apply", "from incidentops_agent import server", "the two packages share no code"),
        ("incidentops_faults.apply", "from incidentops_agent.api import Api", "the two packages share no code"),
        ("incidentops_faults.apply", "from incidentops_agent.engine import Engine", "the two packages share no code"),
        ("incidentops_faults.apply", "from incidentops_agent.model import State", ""),
    ],
)
def test_a_forbidden_import_is_noticed(project: Modules, module: str, source: str, complaint: str) -> None:
    others = dict.fromkeys(project, ast.parse(""))
    found = import_map.violations(others | {module: ast.parse(source)})
    if complaint:
        assert any(complaint in sentence and module in sentence for sentence in found), found
    else:
        assert [sentence for sentence in found if module in sentence] == []


def modules(**named: str) -> dict[str, ast.Module]:
    return {"p": ast.parse("")} | {f"p.{name}": ast.parse(source) for name, source in named.items()}


def test_a_cycle_is_noticed_also_under_type_checking() -> None:
    hidden = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from .a import A"
    assert import_map.violations(modules(a="from . import b", b="import p.c", c=hidden)) == [
        "import cycle: p.a > p.b > p.c > p.a"
    ]
    assert import_map.violations(modules(a="from . import b, c", b="from .c import C", c="")) == []


def test_relative_imports_are_resolved() -> None:
    tree = {
        "p": ast.parse(""),
        "p.q": ast.parse("from . import x"),
        "p.q.x": ast.parse("from .. import y\nfrom ..y import Y\nfrom . import z\nfrom .z import f"),
        "p.q.z": ast.parse("from os import path"),
        "p.y": ast.parse("import p.q.z as z"),
    }
    assert [(one.importer, one.target) for one in import_map.imports(tree)] == [
        ("p.q", "p.q.x"),
        ("p.q.x", "p.y"),
        ("p.q.x", "p.y"),
        ("p.q.x", "p.q.z"),
        ("p.q.x", "p.q.z"),
        ("p.q.z", "os.path"),
        ("p.y", "p.q.z"),
    ]
