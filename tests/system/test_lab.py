"""The lab machine itself: side by side, cleared away, interrupted, and who may use its TCP door."""

import json
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

pytestmark = pytest.mark.lab

TOP = Path(__file__).resolve().parents[2]
CGROUPS = [Path("/sys/fs/cgroup/unified"), Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/system.slice")]
NOBODY = 65534


def lab(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [TOP / "lab", *words], env=os.environ | variables, capture_output=True, text=True, timeout=600, check=False
    )


@dataclass(frozen=True)
class Machine:
    """A running lab machine; `port` is None when it has no TCP door."""

    name: str
    port: int | None = None

    @property
    def runtime(self) -> Path:
        return Path(f"/run/incidentops-lab-{self.name}")

    @property
    def keep(self) -> Path:
        return Path(f"/run/incidentops-machines/incidentops-lab-{self.name}")

    def state(self, key: str) -> str:
        found = re.findall(rf"^{key}=(.*)$", (self.keep / "state").read_text(), re.MULTILINE)
        return str(found[-1])

    def shell(self, *command: str) -> str:
        done = lab("shell", "--name", self.name, "--", *command)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def main_pid(self, unit: str) -> int:
        return int(self.shell("systemctl", "show", "--property=MainPID", "--value", unit))

    def services(self) -> dict[str, str]:
        answer = subprocess.run(
            ["curl", "-sS", "--fail", "--unix-socket", self.runtime / "agent.sock", "http://localhost/services"],
            capture_output=True,
            text=True,
            check=True,
        )
        return {name: service["status"] for name, service in json.loads(answer.stdout).items()}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(condition: Callable[[], bool], seconds: float = 10) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "the condition did not come true in time"
        time.sleep(0.02)


def curl(url: str, user: int) -> subprocess.CompletedProcess[str]:
    as_user = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"]
    return subprocess.run(
        [*as_user, "curl", "-sS", "--max-time", "5", url], capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def pair() -> Iterator[tuple[Machine, Machine]]:
    """Two machines side by side, the first with a TCP door."""
    if os.geteuid() != 0:
        pytest.skip("looks into the processes of other users, which needs root")
    one = Machine(f"test-{os.getpid()}-one", free_port())
    two = Machine(f"test-{os.getpid()}-two")
    try:
        for machine in (one, two):
            began = time.monotonic()
            up = lab("up", "--name", machine.name, *(["--port", str(machine.port)] if machine.port else []))
            assert up.returncode == 0, up.stderr
            print(f"\n./lab up --name {machine.name}: {time.monotonic() - began:.1f} s")
        yield one, two
    finally:
        for machine in (one, two):
            lab("down", "--name", machine.name)


def test_a_kill_in_one_machine_is_not_felt_in_the_other(pair: tuple[Machine, Machine]) -> None:
    one, two = pair
    before = {unit: two.main_pid(unit) for unit in ("redis-server", "rabbitmq-server", "incidentops-worker")}
    victim = one.main_pid("redis-server")
    one.shell("kill", "-KILL", str(victim))
    wait_until(lambda: one.services()["redis"] == "down")
    assert {unit: two.main_pid(unit) for unit in before} == before
    assert set(two.services().values()) == {"up"}
    assert two.shell("systemctl", "list-units", "--failed", "--no-legend") == ""
    one.shell("systemctl", "reset-failed", "redis-server")
    one.shell("systemctl", "start", "redis-server")
    wait_until(lambda: set(one.services().values()) == {"up"})


def test_each_machine_has_a_cgroup_and_a_network_of_its_own(pair: tuple[Machine, Machine]) -> None:
    leaders = [machine.state("leader").split()[0] for machine in pair]
    for machine, leader in zip(pair, leaders, strict=True):
        cgroups = Path(f"/proc/{leader}/cgroup").read_text()
        assert re.search(rf"^0::.*/incidentops-lab-{machine.name}[./]", cgroups, re.MULTILINE)
    networks = {network_namespace(pid) for pid in [*leaders, "self"]}
    assert len(networks) == 3


def test_the_tcp_door_is_for_root_and_not_for_another_user(pair: tuple[Machine, Machine]) -> None:
    port = pair[0].port
    for host in ("127.0.0.1", "[::1]"):
        assert curl(f"http://{host}:{port}/services", user=0).returncode == 0
        refused = curl(f"http://{host}:{port}/services", user=NOBODY)
        assert refused.returncode == 7, refused.stdout  # curl: could not connect


def test_up_twice_says_that_it_is_already_running(pair: tuple[Machine, Machine]) -> None:
    again = lab("up", "--name", pair[1].name)
    assert again.returncode == 0
    assert "already running" in again.stderr


def test_status_and_shell_pass_exit_codes_on(pair: tuple[Machine, Machine]) -> None:
    running = lab("status", "--name", pair[0].name)
    assert running.returncode == 0
    assert "redis up" in running.stdout
    assert f"port:       {pair[0].port}" in running.stdout
    assert lab("status", "--name", "test-nobody-made-this").returncode == 3
    assert lab("shell", "--name", pair[0].name, "--", "sh", "-c", "exit 7").returncode == 7


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_a_port_in_use_is_an_error_before_anything_is_booted(address: str) -> None:
    machine = Machine(f"test-{os.getpid()}-port")
    with socket.create_server((address, 0), family=socket.AF_INET6 if ":" in address else socket.AF_INET) as holder:
        port = holder.getsockname()[1]
        up = lab("up", "--name", machine.name, "--port", str(port))
    assert up.returncode == 1
    assert f"cannot use port {port}" in up.stderr
    assert f"pid {os.getpid()}" in up.stderr
    assert not machine.keep.exists()


def everything_of(machine: Machine) -> dict[str, str]:
    """The processes of a machine and of its helpers on the host, as pid and start time."""
    roots = [group / f"incidentops-lab-{machine.name}" for group in CGROUPS]
    roots += [root.with_name(root.name + ".service") for root in roots]
    pids = {pid for root in roots if root.is_dir() for file in root.rglob("cgroup.procs")
            for pid in file.read_text().split()}  # fmt: skip
    pids |= {machine.state(key).split()[0] for key in ("nspawn", "leader", "forward")}
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


def test_down_leaves_nothing(pair: tuple[Machine, Machine]) -> None:
    machine = pair[0]
    processes = everything_of(machine)
    assert len(processes) > 10
    network = network_namespace(machine.state("leader").split()[0])
    visitor = subprocess.Popen(
        [TOP / "lab", "shell", "--name", machine.name, "--", "sleep", "1000"], stdin=subprocess.DEVNULL
    )
    wait_until(lambda: "sleep 1000" in machine.shell("ps", "-eo", "args"))

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
    assert set(pair[1].services().values()) == {"up"}


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
    machine = Machine(f"test-{os.getpid()}-ctrl-c")
    up = start("up", "--name", machine.name)
    assert up.stderr is not None
    wait_until(lambda: "boots" in str(up.stderr and up.stderr.readline()), 60)
    processes = [machine.state(key).split()[0] for key in ("nspawn", "leader")]
    os.killpg(up.pid, signal.SIGINT)
    up.communicate(timeout=60)
    assert up.returncode == 130
    assert not machine.keep.exists()
    assert not machine.runtime.exists()
    assert [pid for pid in processes if start_time(pid)] == []


def test_a_killed_build_leaves_no_half_root_that_is_reused(tmp_path: Path) -> None:
    up = start("up", "--name", f"test-{os.getpid()}-killed", INCIDENTOPS_LAB_CACHE=str(tmp_path))
    wait_until(lambda: any(tmp_path.glob("base-*.part/etc")), 60)
    up.kill()
    up.communicate(timeout=10)
    roots = {path.name for path in tmp_path.glob("base-*")}
    assert roots
    assert all(name.endswith(".part") for name in roots)
    # the builder goes with the one who started it
    wait_until(lambda: not any(str(tmp_path) in command for command in commands()))
    assert str(tmp_path) not in Path("/proc/self/mounts").read_text()


def commands() -> list[str]:
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(file.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            continue  # it ended meanwhile
    return found
