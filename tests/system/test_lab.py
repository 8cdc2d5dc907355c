"""The lab machine itself: side by side, cleared away, interrupted, and who may use its TCP door."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from system.machine import TOP, Lab, eventually, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

CGROUPS = [Path("/sys/fs/cgroup/unified"), Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/system.slice")]
NOBODY = 65534


def lab(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [TOP / "lab", *words], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600, check=False
    )


def kept(machine: Lab) -> Path:
    """Where the host keeps what it must remember of a machine."""
    return Path(f"/run/incidentops-machines/incidentops-lab-{machine.name}")


def remembered(machine: Lab, *keys: str) -> list[str]:
    """The pids that the host remembers under these keys."""
    state = (kept(machine) / "state").read_text()
    return [re.findall(rf"^{key}=(\d+) ", state, re.MULTILINE)[-1] for key in keys]


def curl(url: str, user: int) -> subprocess.CompletedProcess[str]:
    as_user = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"]
    return subprocess.run(
        [*as_user, "curl", "-sS", "--max-time", "5", url], capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def pair() -> Iterator[tuple[Lab, Lab]]:
    """Two machines side by side, the first with a TCP door."""
    if os.geteuid() != 0:
        pytest.skip("looks into the processes of other users, which needs root")
    one = Lab(f"test-{os.getpid()}-one", free_port())
    two = Lab(f"test-{os.getpid()}-two")
    try:
        for machine in (one, two):
            began = time.monotonic()
            machine.up()
            print(f"\n./lab up --name {machine.name}: {time.monotonic() - began:.1f} s")
        yield one, two
    finally:
        one.down()
        two.down()


def test_a_kill_in_one_machine_is_not_felt_in_the_other(pair: tuple[Lab, Lab]) -> None:
    one, two = pair
    units = ("redis-server", "rabbitmq-server", "incidentops-worker")
    before = [two.main_pid(unit) for unit in units]
    one.run("kill", "-KILL", str(one.main_pid("redis-server")))
    eventually(lambda: one.states()["redis"] == "failed")
    assert [two.main_pid(unit) for unit in units] == before
    assert two.all_up()
    assert two.output("systemctl", "list-units", "--failed", "--no-legend") == ""
    one.post("/start/redis")
    eventually(one.all_up)


def test_each_machine_has_a_cgroup_and_a_network_of_its_own(pair: tuple[Lab, Lab]) -> None:
    leaders = [remembered(machine, "leader")[0] for machine in pair]
    for machine, leader in zip(pair, leaders, strict=True):
        cgroups = Path(f"/proc/{leader}/cgroup").read_text()
        assert re.search(rf"^0::.*/incidentops-lab-{machine.name}[./]", cgroups, re.MULTILINE)
    networks = {network_namespace(pid) for pid in [*leaders, "self"]}
    assert len(networks) == 3


def test_the_tcp_door_is_for_root_and_not_for_another_user(pair: tuple[Lab, Lab]) -> None:
    port = pair[0].port
    for host in ("127.0.0.1", "[::1]"):
        assert curl(f"http://{host}:{port}/services", user=0).returncode == 0
        refused = curl(f"http://{host}:{port}/services", user=NOBODY)
        assert refused.returncode == 7, refused.stdout  # curl: could not connect


def test_up_twice_says_that_it_is_already_running(pair: tuple[Lab, Lab]) -> None:
    again = lab("up", "--name", pair[1].name)
    assert again.returncode == 0
    assert "already running" in again.stderr


def test_status_and_shell_pass_exit_codes_on(pair: tuple[Lab, Lab]) -> None:
    running = lab("status", "--name", pair[0].name)
    assert running.returncode == 0
    assert "redis up" in running.stdout
    assert f"port:       {pair[0].port}" in running.stdout
    assert lab("status", "--name", "test-nobody-made-this").returncode == 3
    assert lab("shell", "--name", pair[0].name, "--", "sh", "-c", "exit 7").returncode == 7


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_a_port_in_use_is_an_error_before_anything_is_booted(address: str) -> None:
    machine = Lab(f"test-{os.getpid()}-port")
    with socket.create_server((address, 0), family=socket.AF_INET6 if ":" in address else socket.AF_INET) as holder:
        port = holder.getsockname()[1]
        up = lab("up", "--name", machine.name, "--port", str(port))
    assert up.returncode == 1
    assert f"cannot use port {port}" in up.stderr
    assert f"pid {os.getpid()}" in up.stderr
    assert not kept(machine).exists()


def everything_of(machine: Lab) -> dict[str, str]:
    """The processes of a machine and of its helpers on the host, as pid and start time."""
    roots = [group / f"incidentops-lab-{machine.name}" for group in CGROUPS]
    roots += [root.with_name(root.name + ".service") for root in roots]
    pids = {pid for root in roots if root.is_dir() for file in root.rglob("cgroup.procs")
            for pid in file.read_text().split()}  # fmt: skip
    pids.update(remembered(machine, "nspawn", "leader", "forward"))
    return {pid: start_time(pid) for pid in pids}


def start_time(pid: str) -> str:
    """Field 22 of proc(5)'s stat, or nothing when the process is gone or only waits to be reaped."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] == "Z" else fields[19]


def network_namespace(pid: str) -> str:
    """Names the namespace; nothing when the process is gone."""
    try:
        return str(Path(f"/proc/{pid}/ns/net").readlink())
    except OSError:
        return ""


def test_down_leaves_nothing(pair: tuple[Lab, Lab]) -> None:
    machine = pair[0]
    processes = everything_of(machine)
    assert len(processes) > 10
    network = network_namespace(remembered(machine, "leader")[0])
    visitor = subprocess.Popen(
        [TOP / "lab", "shell", "--name", machine.name, "--", "sleep", "1000"], stdin=subprocess.DEVNULL
    )
    eventually(lambda: "sleep 1000" in machine.output("ps", "-eo", "args"))

    down = lab("down", "--name", machine.name)
    assert down.returncode == 0, down.stderr
    assert visitor.wait(timeout=5) != 0

    name = f"incidentops-lab-{machine.name}"
    assert {pid for pid, start in processes.items() if start and start_time(pid) == start} == set()
    assert network
    assert network not in {network_namespace(folder.name) for folder in Path("/proc").glob("[0-9]*")}
    assert name not in Path("/proc/self/mounts").read_text()
    tables = subprocess.run(["nft", "list", "tables"], capture_output=True, text=True, check=True).stdout
    assert name.replace("-", "_") not in tables
    places = [*CGROUPS, Path("/run"), Path("/run/incidentops-machines"), Path("/run/systemd/nspawn/propagate")]
    left = [entry for place in places if place.is_dir() for entry in place.iterdir()]
    assert [entry for entry in left if entry.name.startswith(name)] == []
    with socket.socket() as port:
        port.bind(("127.0.0.1", machine.port or 0))

    again = lab("down", "--name", machine.name)
    assert again.returncode == 0
    assert "was not running" in again.stderr
    assert pair[1].all_up()


def start(*words: str, **variables: str) -> subprocess.Popen[str]:
    """./lab in a process group of its own, as from a terminal, so that Ctrl-C can be sent to it."""
    return subprocess.Popen(
        ["env", "--default-signal=INT", TOP / "lab", *words],
        env=os.environ | variables,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@pytest.mark.usefixtures("pair")  # so that nothing is left to build
def test_ctrl_c_while_booting_leaves_nothing() -> None:
    machine = Lab(f"test-{os.getpid()}-ctrl-c")
    up = start("up", "--name", machine.name)
    assert up.stderr is not None
    line = ""
    while "boots" not in line:
        line = up.stderr.readline()
        assert line, "./lab up ended before the boot"
    processes = remembered(machine, "nspawn", "leader")
    os.killpg(up.pid, signal.SIGINT)
    up.communicate(timeout=60)
    assert up.returncode == 130
    assert not kept(machine).exists()
    assert not machine.runtime.exists()
    assert [pid for pid in processes if start_time(pid)] == []


def test_a_killed_build_leaves_no_half_root_that_is_reused(tmp_path: Path) -> None:
    up = start("up", "--name", f"test-{os.getpid()}-killed", INCIDENTOPS_LAB_CACHE=str(tmp_path))
    eventually(lambda: any(tmp_path.glob("base-*.part/etc")), deadline=60)
    up.kill()
    up.communicate(timeout=10)
    roots = {path.name for path in tmp_path.glob("base-*")}
    assert roots
    assert all(name.endswith(".part") for name in roots)
    # the builder goes with the one who started it
    eventually(lambda: not any(str(tmp_path) in command for command in commands()))
    assert str(tmp_path) not in Path("/proc/self/mounts").read_text()


def commands() -> list[str]:
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(file.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            continue  # it ended meanwhile
    return found
