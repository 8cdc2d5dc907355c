"""The manual pages and the completions: well-formed, and complete beside what they describe."""

from __future__ import annotations

import argparse
import dataclasses
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from incidentops_agent import __main__ as agent_main
from incidentops_agent.cli import options
from incidentops_agent.model import AutoSettings, ProbeSpec, ServiceSpec
from incidentops_agent.routes import ROUTES
from incidentops_worker.config import Config

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .conftest import FakeAgent

TOP = Path(__file__).parents[3]
MAN = TOP / "packaging" / "man"
COMPLETIONS = TOP / "packaging" / "completions"
PAGES = sorted(path.name for path in MAN.iterdir())


def words(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """The commands of a parser with the parsers of their own."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {}


def nested(parser: argparse.ArgumentParser, before: str = "") -> dict[str, argparse.ArgumentParser]:
    """The commands of a parser and theirs, by all their words."""
    found = {}
    for word, made in words(parser).items():
        found[before + word] = made
        found |= nested(made, f"{before}{word} ")
    return found


def flags(*parsers: argparse.ArgumentParser) -> set[str]:
    found = {flag for parser in parsers for action in parser._actions for flag in action.option_strings}
    return {flag for flag in found if flag.startswith("--")}


def missing(page: str, patterns: Iterable[str]) -> list[str]:
    text = (MAN / page).read_text()
    return [pattern for pattern in patterns if not re.search(pattern, text, re.MULTILINE)]


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.skipif(not shutil.which("groff"), reason="no groff here")
def test_a_page_is_well_formed(page: str) -> None:
    done = subprocess.run(
        ["groff", "-mandoc", "-ww", "-z", "-Tutf8", str(MAN / page)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("page", PAGES)
def test_a_page_has_a_head_and_short_lines(page: str) -> None:
    name, _, section = page.rpartition(".")
    text = (MAN / page).read_text()
    assert f"\n.Dt {name.upper()} {section}\n" in text
    assert f"\n.Nm {name}\n.Nd " in text
    assert max(map(len, text.splitlines())) <= 100
    assert text.isascii()


def test_references_between_the_pages_lead_somewhere() -> None:
    for page in PAGES:
        for name, section in re.findall(r"^\.Xr (incidentops\S*) (\d)", (MAN / page).read_text(), re.MULTILINE):
            assert f"{name}.{section}" in PAGES, f"{page} names {name}({section})"


def test_every_command_and_option_of_the_command_line() -> None:
    parser = options.parser()
    commands = nested(parser)
    assert not missing("incidentops.1", [rf"^\.It Cm {word.replace(' ', '( Op Cm)? ')}\b" for word in commands])
    assert not missing("incidentops.1", [rf"^\.It .*Fl {flag[1:]}\b" for flag in flags(parser, *commands.values())])


def test_every_option_of_the_agent_and_every_route() -> None:
    page = "incidentops-agent.8"
    assert not missing(page, [rf"^\.It .*Fl {flag[1:]}\b" for flag in flags(agent_main.parser())])
    paths = [re.sub(r"{(\w+)}", lambda found: found[1].upper(), route.path) for route in ROUTES]
    assert not missing(page, [rf"^\.It {route.method} {path} Ta" for route, path in zip(ROUTES, paths, strict=True)])
    for route, path in zip(ROUTES, paths, strict=True):
        level = "anybody" if route.level == "anonymous" else route.level.value
        assert not missing(page, [rf"^\.It {route.method} {path} Ta {level} Ta"])


def test_every_key_of_the_catalogue() -> None:
    fields = {field.name for kind in (ServiceSpec, ProbeSpec, AutoSettings) for field in dataclasses.fields(kind)}
    assert not missing("incidentops-services.d.5", [rf"^\.It .*Sy {name}\b" for name in fields - {"name", "options"}])


def test_every_setting_of_the_worker() -> None:
    keys = [field.metadata["key"] for field in dataclasses.fields(Config)]
    assert not missing("incidentops-worker.8", [rf"^\.It Sy {re.escape(key)}$" for key in keys])


# -- completions


def complete(line: str, program: str = "incidentops", **environment: str) -> list[str]:
    """What bash offers at the end of a line."""
    script = f"""
        source {COMPLETIONS}/{program}.bash
        read -ra COMP_WORDS <<<"$1"
        [[ $1 != *' ' ]] || COMP_WORDS+=('')
        COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
        $(complete -p {program} | sed 's/.*-F \\([^ ]*\\).*/\\1/')
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    done = subprocess.run(
        ["bash", "-c", script, "-", line],
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), **environment},
    )
    assert done.stderr == ""
    return done.stdout.split()


@pytest.fixture
def program(tmp_path: Path, agent: FakeAgent) -> dict[str, str]:
    """An environment whose incidentops is ours and speaks to a small agent."""
    services = {
        "redis": {"status": "up", "unit": {"name": "x"}},
        "rabbitmq": {"status": "down"},
        "worker": {"status": "up"},
    }
    agent.on("GET", "/services", services)
    script = tmp_path / "bin" / "incidentops"
    script.parent.mkdir()
    script.write_text(f'#!/bin/sh\nPYTHONPATH={TOP}/agent exec python3 -m incidentops_agent.cli "$@"\n')
    script.chmod(0o755)
    return {"PATH": f"{script.parent}:{os.environ['PATH']}", "INCIDENTOPS_SOCKET": str(agent.path)}


def test_completion_of_commands() -> None:
    assert complete("incidentops ") == list(words(options.parser()))
    assert complete("incidentops --json --socket /x re") == ["restart", "remediate", "resolve", "recovery"]


def test_completion_of_options() -> None:
    parser = options.parser()
    assert set(complete("incidentops --")) == flags(parser)
    for word, made in nested(parser).items():
        assert set(complete(f"incidentops {word} --")) == flags(made)


def test_completion_of_parts() -> None:
    assert complete("incidentops audit ") == ["list", "verify", "export", "checkpoint"]
    assert complete("incidentops --json audit --service redis v") == ["verify"]
    assert complete("incidentops audit verify ") == []


def test_completion_of_services(program: dict[str, str]) -> None:
    assert complete("incidentops start ", **program) == ["redis", "rabbitmq", "worker"]
    assert complete("incidentops start worker r", **program) == ["redis", "rabbitmq"]
    assert complete("incidentops audit --service w", **program) == ["worker"]
    assert complete("incidentops logs r", **program) == ["redis", "rabbitmq"]
    assert complete("incidentops logs redis r", **program) == []
    assert complete("incidentops system r", **program) == []
    assert complete("incidentops maintenance r", **program) == ["redis", "rabbitmq"]
    assert complete("incidentops recovery w", **program) == ["worker"]
    assert complete("incidentops recovery worker ", **program) == ["auto", "manual", "reset"]
    assert complete("incidentops recovery worker auto ", **program) == []
    assert complete("incidentops recovery worker auto --for 1", **program) == ["1h", "1d"]


def test_completion_without_an_agent(program: dict[str, str]) -> None:
    assert complete("incidentops --socket /nonexistent start ", **program) == []


def test_completion_of_the_agents_options() -> None:
    assert set(complete("incidentops-agent --", "incidentops-agent")) == flags(agent_main.parser())
    assert complete("incidentops-agent --log-level d", "incidentops-agent") == ["debug"]
