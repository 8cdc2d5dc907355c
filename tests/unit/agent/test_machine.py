"""What the agent reads of the machine it runs on: ends of processes, what units use, figures, files, secrets."""

from __future__ import annotations

import asyncio
import os
import subprocess
import threading
from collections import namedtuple
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from incidentops_agent import configuration, credentials, edge, system
from incidentops_agent.exits import PidfdExits
from incidentops_agent.meter import CgroupMeter
from incidentops_agent.model import Resources
from waiting import soon

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# -- exits


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    made = subprocess.Popen(["sleep", "60"])
    yield made
    made.kill()
    made.wait()


async def test_the_end_of_a_process_is_told_once_before_anybody_waited_for_it(child: subprocess.Popen[bytes]) -> None:
    exits, told = PidfdExits(), []
    exits.watch("redis", child.pid, lambda: told.append("gone"))
    child.kill()
    await soon(lambda: told)
    assert psutil.Process(child.pid).status() == psutil.STATUS_ZOMBIE
    await asyncio.sleep(0)
    assert told == ["gone"]
    exits.close()


async def test_a_watch_is_replaced_or_removed(child: subprocess.Popen[bytes]) -> None:
    exits, told = PidfdExits(), []
    for pid in (os.getpid(), child.pid, child.pid):
        exits.watch("redis", pid, lambda: told.append("redis"))
    exits.watch("other", child.pid, lambda: told.append("other"))
    exits.watch("other", 0, lambda: told.append("other"))
    child.kill()
    await soon(lambda: told)
    assert told == ["redis"]
    exits.watch("redis", child.pid, lambda: told.append("zombie"))
    await soon(lambda: told == ["redis", "zombie"])
    exits.close()


async def test_a_process_that_is_not_there_is_left_to_systemd() -> None:
    exits = PidfdExits()
    exits.watch("redis", 2**22 + 1, lambda: pytest.fail("nobody knows"))
    exits.close()


# -- what a unit uses


def cgroup(root: Path, pids: list[int], **files: str) -> None:
    folder = root / "system.slice" / "redis.service"
    (folder / "below").mkdir(parents=True)
    (folder / "cgroup.procs").write_text("")
    (folder / "below" / "cgroup.procs").write_text("".join(f"{pid}\n" for pid in pids))
    for name, text in files.items():
        (folder / name.replace("_", ".")).write_text(text)


GROUP = "/system.slice/redis.service"


async def test_the_controllers_are_asked_where_they_are(tmp_path: Path) -> None:
    cgroup(tmp_path, [1, 2], memory_current="4096\n", cpu_stat="usage_usec 2500000\nuser_usec 1\n")
    assert await CgroupMeter(tmp_path).read(GROUP) == Resources(4096, 2.5, 2, "cgroup")


@pytest.mark.parametrize(
    "files", [{}, {"cpu_stat": "usage_usec 1\n"}, {"memory_current": "max\n", "cpu_stat": "x y z\n"}]
)
async def test_without_controllers_the_processes_are_summed(tmp_path: Path, files: dict[str, str]) -> None:
    cgroup(tmp_path, [os.getpid(), 2**22 + 1], **files)
    used = await CgroupMeter(tmp_path).read(GROUP)
    assert used is not None
    assert (used.source, used.tasks) == ("processes", 2)
    mine = psutil.Process()
    assert used.memory_bytes == pytest.approx(mine.memory_info().rss - mine.memory_info().shared, rel=0.3)
    assert used.cpu_seconds == pytest.approx(sum(mine.cpu_times()[:2]), abs=1.0)


async def test_a_unit_without_processes_uses_nothing_that_could_be_said(tmp_path: Path) -> None:
    assert await CgroupMeter(tmp_path).read("") is None
    assert await CgroupMeter(tmp_path).read("/gone.service") is None
    cgroup(tmp_path, [])
    assert await CgroupMeter(tmp_path).read(GROUP) is None


# -- the machine's figures

Times = namedtuple("Times", "user nice system idle iowait irq softirq steal guest guest_nice")


MEMINFO = """\
MemTotal:       24641536 kB
MemFree:         1000000 kB
MemAvailable:   24012188 kB
SwapTotal:       1048576 kB
SwapFree:         524288 kB
HugePages_Total:       0
"""


class Machine:
    """psutil's answers, as a test wants them, on a clock that a test moves."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.at = 100.0
        self.times = [Times(0, 0, 0, 100.0, 0, 0, 0, 0, 0, 0), Times(0, 0, 0, 100.0, 0, 0, 0, 0, 0, 0)]
        for name, value in {
            "cpu_times": lambda percpu: list(self.times),
            "disk_usage": lambda _path: SimpleNamespace(total=100 * 2**30, free=42 * 2**30),
            "getloadavg": lambda: (0.5, 0.25, 0.125),
        }.items():
            monkeypatch.setattr(psutil, name, value)

    def sampler(self, proc: Path) -> system.SystemSampler:
        (proc / "meminfo").write_text(MEMINFO)
        return system.SystemSampler(lambda: self.at, "/", proc)


PRESSURE = "some avg10=1.50 avg60=0.25 avg300=0.00 total=9\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"


def test_the_three_strings_of_the_contract_and_the_numbers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "pressure").mkdir()
    (tmp_path / "pressure" / "cpu").write_text(PRESSURE)
    machine = Machine(monkeypatch)
    sampler = machine.sampler(tmp_path)
    machine.at += 10
    machine.times = [Times(0.58, 0, 0, 109.42, 0, 0, 0, 0, 0, 0), Times(0, 0, 0, 109.0, 1.0, 0, 0, 0, 0, 0)]
    figures = sampler.figures()
    assert figures["cpu"] == "2 units, 97.1% free"
    assert figures["ram"] == "23.5 GB total, 22.9 GB free"
    assert figures["disk"] == "100.0 GB total, 42.0 GB free"
    assert figures["cpu_free_percent_per_unit"] == [94.2, 100.0]
    assert (figures["cpu_units"], figures["cpu_free_percent"], figures["cpu_interval_seconds"]) == (2, 97.1, 10.0)
    assert (figures["ram_total_bytes"], figures["swap_free_bytes"]) == (25232932864, 536870912)
    assert figures["load_average"] == [0.5, 0.25, 0.12]
    assert figures["pressure"]["cpu"]["some"] == {"avg10": 1.5, "avg60": 0.25, "avg300": 0.0}
    assert figures["pressure"]["memory"] is None


def test_guests_are_not_counted_twice(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    machine = Machine(monkeypatch)
    sampler = machine.sampler(tmp_path)
    machine.at += 10
    machine.times = [Times(5.0, 0, 0, 105.0, 0, 0, 0, 0, 5.0, 0), Times(0, 0, 0, 110.0, 0, 0, 0, 0, 0, 0)]
    assert sampler.figures()["cpu_free_percent_per_unit"] == [50.0, 100.0]


def test_requests_close_together_get_the_same_figures(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    machine = Machine(monkeypatch)
    sampler = machine.sampler(tmp_path)
    machine.at += 10
    first = sampler.figures()
    machine.at += system.SHORTEST / 2
    machine.times = [Times(0.2, 0, 0, 110.0, 0, 0, 0, 0, 0, 0), machine.times[1]]
    assert sampler.figures() is first
    machine.at += system.SHORTEST
    assert sampler.figures() is not first


def test_a_cpu_that_comes_or_goes_confuses_nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    machine = Machine(monkeypatch)
    sampler = machine.sampler(tmp_path)
    machine.at += 10
    machine.times = machine.times[:1]
    assert sampler.figures()["cpu"] == "1 units, 100.0% free"
    machine.at += 10
    assert sampler.figures()["cpu_free_percent"] == 100.0, "a clock that stood still or went back is no load"


def test_the_real_machine_has_all_figures() -> None:
    figures: dict[str, Any] = system.SystemSampler().figures()
    assert set(figures["pressure"]) == {"cpu", "memory", "io"}
    assert figures["cpu_units"] == len(figures["cpu_free_percent_per_unit"]) == psutil.cpu_count()
    assert 0 < figures["ram_free_bytes"] <= figures["ram_total_bytes"]


# -- secrets


def test_a_credential_is_its_text_without_the_line_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    (tmp_path / "redis").write_text("s3cret with blanks\n")
    assert credentials.read("redis") == "s3cret with blanks"
    with pytest.raises(credentials.CredentialError, match="put it into /etc/credstore/other and restart") as caught:
        credentials.read("other")
    assert caught.value.__suppress_context__
    monkeypatch.delenv("CREDENTIALS_DIRECTORY")
    with pytest.raises(credentials.CredentialError):
        credentials.read("redis")


# -- files


def folders(tmp_path: Path) -> tuple[Path, Path]:
    vendor, local = tmp_path / "vendor", tmp_path / "local"
    vendor.mkdir()
    local.mkdir()
    for name in ("redis", "chaos"):
        (vendor / f"{name}.yaml").write_text(f"unit: {name}.service\nprobe: {{kind: none}}\n")
    return vendor, local


def test_a_file_of_a_later_folder_replaces_and_an_empty_one_masks(tmp_path: Path) -> None:
    vendor, local = folders(tmp_path)
    (local / "redis.yaml").write_text("unit: my-redis.service\nprobe: {kind: none}\n")
    (local / "chaos.yaml").write_text("")
    (local / "web.yaml").write_text("unit: web.service\nprobe: {kind: none}\n")
    (local / "README").write_text("not a service")
    loaded = configuration.load(tmp_path / "agent.yaml", [vendor, local, tmp_path / "missing"])
    assert {name: spec.unit for name, spec in loaded.catalogue.services.items()} == {
        "redis": "my-redis.service",
        "web": "web.service",
    }
    assert loaded.settings.operators.groups == ("incidentops",)


def test_the_mistakes_of_settings_and_catalogue_come_together(tmp_path: Path) -> None:
    vendor, local = folders(tmp_path)
    (tmp_path / "agent.yaml").write_text("operatrs: {}\n")
    (local / "redis.yaml").write_text("unit: redis\nprobe: {kind: none}\n")
    (local / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    (local / "folder.yaml").mkdir()
    with pytest.raises(edge.EdgeError) as caught:
        configuration.load(tmp_path / "agent.yaml", [vendor, local])
    found = [
        (problem.file.removeprefix(f"{tmp_path}/"), problem.line, problem.key) for problem in caught.value.problems
    ]
    assert found == [
        ("agent.yaml", 1, "operatrs"),
        ("local/binary.yaml", 1, ""),
        ("local/folder.yaml", 1, ""),
        ("local/redis.yaml", 1, "unit"),
    ]


def test_what_is_right_is_taken_and_what_needs_the_wrong_is_left_out_too(tmp_path: Path) -> None:
    vendor, local = folders(tmp_path)
    (tmp_path / "agent.yaml").write_text("operators: {uids: [5], colour: red}\n")
    (local / "a.yaml").write_text("unit: [\n")
    (local / "b.yaml").write_text("unit: b.service\nprobe: {kind: none}\ndepends_on: [a, redis]\n")
    (local / "c.yaml").write_text("unit: c.service\nprobe: {kind: none}\ndepends_on: [b]\n")
    (local / "chaos.yaml").write_text("unit: redis.service\nprobe: {kind: none}\n")
    loaded, problems = configuration.load_what_is_right(tmp_path / "agent.yaml", [vendor, local])
    assert list(loaded.catalogue.services) == ["redis"] or list(loaded.catalogue.services) == ["chaos"]
    assert loaded.settings.operators.uids == frozenset(), "nobody is let in by a file that could not be understood"
    assert {problem.file.rpartition("/")[2] for problem in problems} >= {"agent.yaml", "a.yaml", "b.yaml", "c.yaml"}
    assert len(problems) == len(set(problems)), "each is said once"


def test_nothing_here_starts_a_thread() -> None:
    assert threading.active_count() == 1
