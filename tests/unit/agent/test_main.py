"""The daemon's command line, as far as it needs no systemd: checking files and writing the polkit rule."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from incidentops_agent import __version__, audit_store
from incidentops_agent.chain import EMPTY
from unit.agent.trails import edit, row

if TYPE_CHECKING:
    from pathlib import Path


def agent(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-m", "incidentops_agent", *map(str, arguments)],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "services.d").mkdir()
    (tmp_path / "services.d" / "redis.yaml").write_text("unit: redis-server.service\nprobe: {kind: redis}\n")
    return tmp_path


def test_a_right_configuration(folder: Path) -> None:
    done = agent("--check-config", "--config", folder / "none.yaml", "--catalogue", folder / "services.d")
    assert (done.returncode, done.stdout, done.stderr) == (0, "the configuration is right: 1 services\n", "")


def test_every_mistake_is_said(folder: Path) -> None:
    bad = folder / "services.d" / "bad.yaml"
    bad.write_text("unit: x\nprobe: {kind: y}\n")
    done = agent("--check-config", "--config", folder / "none.yaml", "--catalogue", folder / "services.d")
    assert (done.returncode, done.stdout) == (1, "")
    lines = done.stderr.splitlines()
    assert [line.partition(": ")[0] for line in lines[:2]] == [f"{bad}:1", f"{bad}:2"]
    assert lines[2:] == ["cannot use this configuration: 2 mistakes"]


def test_a_file_with_mistakes_is_said_and_left_out_of_the_rule(folder: Path) -> None:
    (folder / "services.d" / "bad.yaml").write_text("unit: sshd.service\nprobe: {kind: none}\n")
    rules = folder / "rules"
    done = agent("--write-polkit-rules", rules, "--config", folder / "none.yaml", "--catalogue", folder / "services.d")
    assert done.returncode == 0
    assert "bad.yaml:1: unit: is 'sshd.service', which this machine needs" in done.stderr
    assert '["redis-server.service"]' in rules.read_text()


def test_the_polkit_rule_is_written_whole_and_only_when_it_differs(folder: Path) -> None:
    rules = folder / "incidentops.rules"
    arguments = ("--write-polkit-rules", rules, "--config", folder / "none.yaml", "--catalogue", folder / "services.d")
    assert agent(*arguments).returncode == 0
    assert '"redis-server.service"' in rules.read_text()
    assert rules.stat().st_mode & 0o777 == 0o644
    before = rules.stat()
    assert agent(*arguments).returncode == 0
    assert (rules.stat().st_ino, rules.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    (folder / "services.d" / "web.yaml").write_text("unit: web.service\nprobe: {kind: none}\n")
    assert agent(*arguments).returncode == 0
    assert '"web.service"' in rules.read_text()
    assert sorted(path.name for path in folder.iterdir()) == ["incidentops.rules", "services.d"]


def test_a_rule_that_can_not_be_written_is_said(folder: Path) -> None:
    done = agent("--write-polkit-rules", folder / "no" / "rules", "--catalogue", folder / "services.d")
    assert done.returncode == 1
    assert done.stderr.startswith("cannot go on: ")
    assert "Traceback" not in done.stderr


def test_version_and_wrong_words() -> None:
    assert agent("--version").stdout == f"incidentops-agent {__version__}\n"
    done = agent("--no-such-option")
    assert done.returncode == 2
    assert "usage: incidentops-agent" in done.stderr


def test_a_trail_is_verified_without_an_agent(tmp_path: Path) -> None:
    path = tmp_path / "audit.db"
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as database:
        audit_store.prepare(database, path)
        with audit_store.writing(database):
            audit_store.append(database, EMPTY, [row(number) for number in range(3)])
    done = agent("--verify-audit", path)
    sentence = "the audit trail holds: 3 rows from row 1 to row 3\n"
    assert (done.returncode, done.stdout, done.stderr) == (0, sentence, "")
    edit(path, "DELETE FROM audit WHERE seq = 2")
    done = agent("--verify-audit", path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "the audit trail does not hold: row 2 is missing\n"
    done = agent("--verify-audit", tmp_path / "nothing.db")
    assert (done.returncode, done.stderr) == (1, "cannot read the audit trail: unable to open database file\n")
