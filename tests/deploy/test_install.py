"""The packages on a running machine: installed, every service answers its probe; purged, nothing of ours is left."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from system.machine import SERVICES, TOP, Lab, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.lab

PACKAGES = ("incidentops-agent", "incidentops-gui", "incidentops-services")
DEBS = "/srv/debs"
FIND_DEBS = '. "$here/host.sh"; . "$here/roots.sh"; trap stop_builder EXIT; ensure_debs; echo "$debs"'
KEPT = {"/run/incidentops"}
"""Not ours to remove: the lab has mounted a folder of the host there."""


@pytest.fixture(scope="module")
def fresh() -> Iterator[Lab]:
    """A machine of this module's own, with the debs that it was made from in a folder inside."""
    made = Lab(f"install-{os.getpid()}")
    try:
        made.up()
        bring_debs(made)
        yield made
    finally:
        made.down()


def bring_debs(lab: Lab) -> None:
    found = subprocess.run(
        ["bash", "-euc", FIND_DEBS], env={**os.environ, "here": str(TOP / "packaging/lab")},
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=True,
    ).stdout.strip()  # fmt: skip
    packed = subprocess.run(
        ["tar", "-C", found, "-c", *(path.name for path in Path(found).glob("*.deb"))],
        stdout=subprocess.PIPE,
        check=True,
    ).stdout
    inside = f"mkdir -p {DEBS} && tar -C {DEBS} -x"
    subprocess.run([TOP / "lab", "shell", "--name", lab.name, "--", "sh", "-c", inside], input=packed, check=True)


def apt(lab: Lab, *words: str) -> None:
    lab.run("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-y", "--no-install-recommends", *words, timeout=120)


def install(lab: Lab, *words: str) -> None:
    lab.run("sh", "-c", f"exec env DEBIAN_FRONTEND=noninteractive apt-get -y --no-install-recommends {' '.join(words)} "
            f"install {DEBS}/*.deb", timeout=120)  # fmt: skip


def purge(lab: Lab) -> None:
    apt(lab, "purge", *PACKAGES)


def answering(lab: Lab) -> bool:
    """Is every service healthy because its own probe says so, and not because nobody could ask it?"""
    if not lab.socket.exists():
        return False
    services = lab.get("/services")
    return set(SERVICES) <= set(services) and all(
        (services[name]["state"], services[name]["probe"]["outcome"]) == ("healthy", "ok") for name in SERVICES
    )


def sql(lab: Lab, statement: str) -> list[str]:
    return lab.output("runuser", "-u", "postgres", "--", "psql", "-qXAt", "-c", statement).splitlines()


def roles(lab: Lab) -> set[str]:
    return {name for name in sql(lab, "SELECT rolname FROM pg_roles") if name.startswith("incidentops")}


def databases(lab: Lab) -> set[str]:
    return {name for name in sql(lab, "SELECT datname FROM pg_database") if name.startswith("incidentops")}


def nothing_left(lab: Lab) -> None:
    """No file, unit or process of ours; the users may stay, as Debian's policy has it."""
    found = lab.output("find", "/", "/run", "-xdev", "-path", DEBS, "-prune", "-o", "-iname", "*incidentops*", "-print")
    named_after_the_host = f"@incidentops-lab-{lab.name}"
    assert {path for path in found.splitlines() if named_after_the_host not in path} - KEPT == set()
    assert lab.output("find", "/run/incidentops", "-mindepth", "1") == ""
    assert lab.output("systemctl", "list-units", "--all", "--plain", "--no-legend", "incidentops*") == ""
    assert lab.run("systemctl", "list-unit-files", "--plain", "--no-legend", "incidentops*", check=False).stdout == ""
    assert lab.run("pgrep", "-u", "incidentops,incidentops-worker,incidentops-chaos", check=False).stdout == ""
    assert lab.output("systemctl", "show", "--property=Restart", "--value", "redis-server") == "always"
    assert "incidentops" not in lab.output("rabbitmqctl", "--quiet", "list_users")
    assert "incidentops" not in lab.output("rabbitmqctl", "--quiet", "list_queues", "name")
    assert lab.output("ss", "--listening", "--no-header", "--numeric", "sport = :8000 or sport = :8001") == ""


def test_installed_on_a_running_machine_every_service_answers_its_probe(fresh: Lab) -> None:
    eventually(lambda: answering(fresh), deadline=30)
    purge(fresh)
    nothing_left(fresh)
    assert roles(fresh) == databases(fresh) == set()
    install(fresh)
    eventually(lambda: answering(fresh), deadline=30)


def test_installed_over_itself_it_goes_on(fresh: Lab) -> None:
    install(fresh, "--reinstall")
    eventually(lambda: answering(fresh), deadline=30)
    units = ("incidentops-agent.socket", "incidentops-agent-tcp.socket", "incidentops-agent.service")
    assert fresh.output("systemctl", "is-active", *units).split() == ["active"] * 3
    assert fresh.output("curl", "-s", "--fail", "http://127.0.0.1:8000/health")


def test_a_purge_leaves_alone_what_was_there_before(fresh: Lab) -> None:
    purge(fresh)
    sql(fresh, 'CREATE ROLE "incidentops-worker" LOGIN')
    sql(fresh, "CREATE DATABASE incidentops OWNER \"incidentops-worker\" TEMPLATE template0 ENCODING 'UTF8'")
    install(fresh)
    eventually(lambda: answering(fresh), deadline=30)
    assert roles(fresh) == {"incidentops", "incidentops-worker"}
    purge(fresh)
    nothing_left(fresh)
    assert roles(fresh) == {"incidentops-worker"}
    assert databases(fresh) == {"incidentops"}
