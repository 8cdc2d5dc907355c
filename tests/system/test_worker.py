"""The worker in the lab machine: what it promises while the servers it needs, and it itself, are killed or stopped."""

import json
import random
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any, Protocol

import pytest

pytestmark = pytest.mark.lab

POSTGRES, REDIS, RABBITMQ, WORKER = (
    "postgresql@17-main.service",
    "redis-server.service",
    "rabbitmq-server.service",
    "incidentops-worker.service",
)
UNITS = (POSTGRES, REDIS, RABBITMQ, WORKER)
CLIENT = Path(__file__).with_name("worker_client.py").read_text()


class Lab(Protocol):
    """The part of the fixture `lab` that is used here."""

    def run(
        self,
        *argv: str,
        input: str | None = None,
        check: bool = True,
        timeout: float = 60,
    ) -> CompletedProcess[str]: ...


def client(lab: Lab, *arguments: str, timeout: float = 60) -> dict[str, Any]:
    """What worker_client.py, run inside the machine, prints."""
    answer = lab.run("python3", "-", *arguments, input=CLIENT, timeout=timeout).stdout
    result = json.loads(answer)
    assert isinstance(result, dict)
    return result


def batch_in_database(lab: Lab, batch: str) -> list[int]:
    """Rows, different ids, and different job numbers that PostgreSQL has of a batch, whole and unchanged."""
    answer = lab.run(
        *("runuser", "-u", "postgres", "--", "psql", "-XAtd", "incidentops", "-v", f"batch={batch}", "-f", "-"),
        input="SELECT count(*), count(DISTINCT id), count(DISTINCT payload->>'n') FROM jobs"
        " WHERE payload->>'batch' = :'batch' AND result @> payload",
    )
    return [int(number) for number in answer.stdout.strip().split("|")]


def recorded(lab: Lab, batch: str) -> int:
    return batch_in_database(lab, batch)[0]


def until(what: str, condition: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"not within {seconds:g} s: {what}")
        time.sleep(0.1)


def until_recorded(lab: Lab, batch: str, count: int, seconds: float) -> None:
    until(f"the {count} jobs of the batch are recorded", lambda: recorded(lab, batch) >= count, seconds)


def main_pid(lab: Lab, unit: str) -> str:
    return lab.run("systemctl", "show", "-P", "MainPID", unit).stdout.strip()


def answers_ping(lab: Lab) -> bool:
    answer = client(lab, "ping", "1").get("answer")
    return bool(answer == {"id": "0", "worker": "ok", "postgres": "ok", "redis": "ok"})


@pytest.fixture(autouse=True)
def _all_up(lab: Lab) -> None:
    lab.run("systemctl", "start", *UNITS, timeout=120)
    until("the worker answers its ping", lambda: answers_ping(lab), 30)


@dataclass(frozen=True)
class Event:
    """What the killer does `at` seconds after its beginning."""

    at: float
    verb: str
    unit: str
    whom: str = "all"


def schedule(seed: int, seconds: float, kills_each: int) -> list[Event]:
    """Every unit is killed `kills_each` times, at times drawn from the seed, and started up to 2 s later."""
    draw = random.Random(seed)
    events = []
    for unit in UNITS:
        for _ in range(kills_each):
            at = draw.uniform(0, seconds)
            events.append(Event(at, "kill", unit, draw.choice(("main", "all"))))
            events.append(Event(at + draw.uniform(0, 2), "start", unit))
    return sorted(events, key=lambda event: event.at)


def carry_out(lab: Lab, events: list[Event]) -> int:
    """The number of kills that met a running service."""
    began = time.monotonic()
    met = 0
    for event in events:
        time.sleep(max(0.0, began + event.at - time.monotonic()))
        if event.verb == "start":
            lab.run("systemctl", "start", "--no-block", event.unit)
        else:
            kill = ("systemctl", "kill", "-s", "KILL", f"--kill-whom={event.whom}", event.unit)
            met += lab.run(*kill, check=False).returncode == 0
    return met


@pytest.mark.parametrize("seed", [1, 2])
def test_no_job_is_lost_or_recorded_twice_whatever_is_killed(
    lab: Lab, seed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    # A good part of what the worker can do: when it is killed, jobs are in its hands most of the time.
    count, seconds = 9000, 25
    batch = str(uuid.uuid4())
    dead_before = client(lab, "depth")["dead"]
    published: dict[str, Any] = {}

    def publish() -> None:
        arguments = ("publish", batch, str(count), str(count / seconds))
        published.update(client(lab, *arguments, timeout=seconds + 120))

    publisher = threading.Thread(target=publish)
    publisher.start()
    kills = carry_out(lab, schedule(seed, seconds, kills_each=5))
    publisher.join()
    lab.run("systemctl", "start", *UNITS, timeout=120)
    assert published.get("confirmed") == count
    # Drained, not complete: a job that was lost would be waited for in vain. Seen twice, because a job may be on its
    # way from the queue to the worker's hands.
    until("the queue is drained", lambda: all(client(lab, "drained")["drained"] for _ in range(2)), 60)
    rows, ids, numbers = batch_in_database(lab, batch)
    with capsys.disabled():
        print(
            f"\nseed {seed}: {kills} kills of 4 services in {seconds} s; {count} jobs confirmed after"
            f" {published['sent']} sendings; {rows} rows, {ids} ids, {numbers} numbers in PostgreSQL"
        )
    assert (rows, ids, numbers) == (count, count, count)
    assert client(lab, "depth")["dead"] == dead_before
    until("the worker answers its ping", lambda: answers_ping(lab), 10)


def test_a_poison_message_is_put_aside_once_and_stops_nobody(lab: Lab) -> None:
    before = client(lab, "depth")["dead"]
    batch = str(uuid.uuid4())
    poison = [
        "no json",
        '{"id": "not-a-uuid", "kind": "echo", "payload": {}, "created": "2026-11-24T00:00:00Z"}',
        json.dumps({"id": batch, "kind": "order", "created": "2026-11-24T00:00:00Z", "payload": {}}),
        # What only PostgreSQL can refuse: an unknown item, and a character that jsonb cannot hold.
        json.dumps(
            {
                "id": batch,
                "kind": "order",
                "created": "2026-11-24T00:00:00Z",
                "payload": {"item": "unobtainium", "quantity": 1},
            }
        ),
        json.dumps({"id": batch, "kind": "echo", "created": "2026-11-24T00:00:00Z", "payload": {"text": "\0"}}),
    ]
    for message in poison:
        client(lab, "send", message)
    client(lab, "publish", batch, "10", "1000")
    until_recorded(lab, batch, 10, 10)
    depth = client(lab, "depth")
    assert (depth["jobs"], depth["dead"]) == (0, before + len(poison))
    reasons = client(lab, "reasons", str(len(poison)))["reasons"]
    assert [reason.partition(":")[0].partition(" must")[0] for reason in reasons] == [
        "the message is not JSON",
        "id",
        "payload.item",
        "there is no price for the item 'unobtainium'",
        "PostgreSQL refuses the values",
    ]


def test_sigterm_under_load_leaves_nothing_half_done(lab: Lab) -> None:
    batch = str(uuid.uuid4())
    client(lab, "publish", batch, "500", "5000")
    began = time.monotonic()
    lab.run("systemctl", "stop", WORKER)
    took = time.monotonic() - began
    shown = lab.run("systemctl", "show", "-P", "Result", "-P", "ExecMainStatus", WORKER).stdout.split()
    assert shown == ["success", "0"]
    assert took < 5
    # Everything in hand was acknowledged: what is not recorded is in the queue, and nothing is in both. The worker's
    # own trickle may have left a job or two there.
    assert 0 <= client(lab, "depth")["jobs"] - (500 - recorded(lab, batch)) < 10
    lab.run("systemctl", "start", WORKER)
    until_recorded(lab, batch, 500, 20)


@pytest.mark.parametrize(("unit", "name"), [(REDIS, "redis"), (POSTGRES, "postgres")])
def test_a_stopped_server_is_named_in_the_answer_to_a_ping(lab: Lab, unit: str, name: str) -> None:
    batch = str(uuid.uuid4())
    pid = main_pid(lab, unit)
    # PostgreSQL's backends are processes of their own, and a stopped postmaster leaves them working.
    family = [pid, *lab.run("pgrep", "-P", pid, check=False).stdout.split()]
    lab.run("kill", "-STOP", *family)
    try:

        def named() -> bool:
            ping = client(lab, "ping", "1")
            assert ping["seconds"] < 1.5, "a ping is answered in a little over a second whatever the servers do"
            return bool(ping["answer"][name] != "ok" and ping["answer"]["worker"] == "ok")

        until(f"the ping says that {name} is away", named, 5)
        client(lab, "publish", batch, "20", "1000")
    finally:
        lab.run("kill", "-CONT", *family)
    until_recorded(lab, batch, 20, 15)
    until("the worker answers its ping", lambda: answers_ping(lab), 10)


def test_jobs_flow_without_redis(lab: Lab) -> None:
    batch = str(uuid.uuid4())
    lab.run("systemctl", "stop", REDIS)
    sent = client(lab, "orders", batch, "50")
    assert sent["confirmed"] == 50
    until_recorded(lab, batch, 50, 10)
    assert client(lab, "ping", "1")["answer"]["redis"] != "ok"


def test_metrics_are_served_on_loopback_only_and_a_slow_client_is_let_go(lab: Lab) -> None:
    listening = lab.run("ss", "-Hltn", "sport = :8001").stdout.split()
    assert listening[3] == "127.0.0.1:8001"
    assert client(lab, "slow-scrape")["seconds"] < 5
    text = client(lab, "scrape")["text"]
    assert 'incidentops_worker_dependency_up{dependency="postgres"} 1.0' in text
    assert "_created" not in text


def test_provisioning_heals_costs_little_when_done_and_shows_no_password(lab: Lab) -> None:
    lab.run("rabbitmqctl", "delete_user", "incidentops")
    lab.run("systemctl", "stop", WORKER)
    lab.run("runuser", "-u", "postgres", "--", "psql", "-Xqd", "postgres", "-c", "DROP ROLE IF EXISTS incidentops")
    lab.run("systemctl", "start", WORKER)
    first = client(lab, "provision")
    assert (first["status"], first["rabbitmqctl"], first["seen"]) == (0, True, [])
    assert first["looks"] > 10
    until("the worker answers its ping", lambda: answers_ping(lab), 10)
    roles = lab.run("runuser", "-u", "postgres", "--", "psql", "-XAtc", "SELECT rolname FROM pg_roles").stdout.split()
    assert {"incidentops", "incidentops-worker"} <= set(roles)
    again = client(lab, "provision")
    assert (again["status"], again["rabbitmqctl"]) == (0, False)
    assert again["seconds"] < 2
