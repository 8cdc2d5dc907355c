"""The installed command line in a lab machine, against the real agent; systemctl is the witness."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import subprocess

    from .machine import Lab


def cli(lab: Lab, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    """Run incidentops inside as root; it must end with ``code``."""
    done = lab.run("incidentops", *arguments, check=False)
    assert done.returncode == code, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    assert "Traceback" not in done.stderr
    return done


def cli_json(lab: Lab, *arguments: str, code: int = 0) -> Any:
    return json.loads(cli(lab, "--json", *arguments, code=code).stdout)


def active(lab: Lab, unit: str) -> str:
    return lab.run("systemctl", "is-active", unit, check=False).stdout.strip()


def test_status_of_a_machine_where_everything_is_up(lab: Lab) -> None:
    done = cli(lab, "status")
    assert done.stderr == ""
    head, *rows = (line.split() for line in done.stdout.splitlines())
    assert head[:3] == ["SERVICE", "STATUS", "STATE"]
    assert [row[1:4] for row in rows] == [
        [name, "up", "healthy"] for name in ("chaos", "postgres", "rabbitmq", "redis", "worker")
    ]
    assert "\x1b" not in done.stdout


def test_stop_and_start(lab: Lab) -> None:
    done = cli(lab, "stop", "redis")
    assert "redis: stopped, down after" in done.stdout
    assert "It is needed by: worker" in done.stderr
    assert active(lab, "redis-server") == "inactive"
    assert lab.run("redis-cli", "ping", check=False).returncode != 0
    assert cli_json(lab, "status", "redis", code=1)["redis"]["state"] == "stopped"
    assert "cannot ping redis" in cli(lab, "ping", "redis", code=1).stderr
    assert "redis: down already; it was not running" in cli(lab, "stop", "redis").stdout
    assert "redis: started, up after" in cli(lab, "start", "redis").stdout
    assert active(lab, "redis-server") == "active"
    assert lab.output("redis-cli", "ping") == "PONG"
    assert "redis: ping ok" in cli(lab, "ping", "redis").stdout


def test_restart_of_several(lab: Lab) -> None:
    before = [lab.main_pid("redis-server"), lab.main_pid("incidentops-chaos")]
    done = cli(lab, "restart", "redis", "chaos")
    assert [line.split()[1:3] for line in done.stdout.splitlines()] == [
        ["redis:", "restarted,"],
        ["chaos:", "restarted,"],
    ]
    after = [lab.main_pid("redis-server"), lab.main_pid("incidentops-chaos")]
    assert all(after)
    assert not set(before) & set(after)


def test_a_start_that_fails_says_why(lab: Lab) -> None:
    lab.run("systemctl", "stop", "incidentops-chaos")
    lab.run("systemctl", "mask", "--runtime", "incidentops-chaos")
    try:
        done = cli(lab, "start", "chaos", code=1)
        assert "masked" in done.stderr
        body = cli_json(lab, "start", "chaos", code=1)
        assert (body["kind"], body["service"]) == ("masked", "chaos")
    finally:
        lab.run("systemctl", "unmask", "--runtime", "incidentops-chaos")
    cli(lab, "start", "chaos")


def test_remediate(lab: Lab) -> None:
    assert cli(lab, "remediate").stdout == "No services required remediation.\n"
    cli(lab, "stop", "chaos", "redis")
    done = cli(lab, "remediate")
    assert done.stdout.startswith("The following services were restarted successfully:\n")
    assert {"chaos", "redis"} <= {line.split()[-1] for line in done.stdout.splitlines()[1:]}
    assert active(lab, "redis-server") == active(lab, "incidentops-chaos") == "active"


def test_incident_resolve_and_the_log(lab: Lab) -> None:
    assert "chaos: broken, down" in cli(lab, "incident", "chaos").stdout
    assert active(lab, "incidentops-chaos") == "inactive"
    assert "chaos: resolved, up; what was injected into it is undone" in cli(lab, "resolve", "chaos").stdout
    assert active(lab, "incidentops-chaos") == "active"
    lines = cli(lab, "logs", "chaos").stdout.splitlines()
    assert lines[-2].endswith("| Fault stop injected for 60 s")
    assert lines[-1].endswith("| Fault stop reverted")


def test_audit_names_the_author(lab: Lab) -> None:
    cli(lab, "ping", "redis")
    row = cli_json(lab, "audit", "--service", "redis", "--limit", "1")[0]
    assert (row["action"], row["outcome"]) == ("ping", "ok")
    assert (row["actor"]["user"], row["actor"]["door"]) == ("root", "unix")
    assert row["actor"]["pid"]
    head, newest = cli(lab, "audit", "--limit", "1").stdout.splitlines()
    assert head.split()[:3] == ["TIME", "ACTION", "SERVICE"]
    assert newest.split()[2:6] == ["ping", "redis", "ok", "root"]


def test_the_journal(lab: Lab) -> None:
    lab.run("systemctl", "restart", "incidentops-chaos")
    pid = lab.main_pid("incidentops-chaos")
    entries = cli_json(lab, "journal", "chaos", "--lines", "20")
    assert any("Started incidentops-chaos.service" in entry["message"] for entry in entries)
    assert cli(lab, "journal", "chaos", "-n", "3").stdout.count("\n") == 3
    follow = """
        out=$(mktemp)
        incidentops journal --follow --lines 1 chaos >"$out" &
        trap 'kill $!; rm "$out"' EXIT
        until_true() { timeout 20 sh -c "until $1; do sleep 0.02; done"; }
        until_true "[ -s $out ]"
        systemctl restart incidentops-chaos
        until_true "sed 1d $out | grep -q 'Started incidentops-chaos'"
    """
    lab.run("sh", "-ec", follow)
    assert lab.main_pid("incidentops-chaos") != pid


def test_the_rest(lab: Lab) -> None:
    assert cli(lab, "health").stdout == "The agent is well.\n"
    lines = cli(lab, "system").stdout.splitlines()
    assert [line.split()[0] for line in lines[:3]] == ["CPU", "RAM", "Disk"]
    assert cli(lab, "--version").stdout.startswith("incidentops ")


@pytest.mark.parametrize("url", ["http://localhost:8000", "http://127.0.0.1:8000", "http://[::1]:8000"])
def test_over_tcp(lab: Lab, url: str) -> None:
    cli(lab, "--url", url, "status")
    assert "redis: ping ok" in cli(lab, "--url", url, "ping", "redis").stdout


# -- what goes wrong


def test_an_unknown_service(lab: Lab) -> None:
    done = cli(lab, "restart", "redis", "radis", code=2)
    assert "cannot find a service 'radis'; known: chaos, postgres, rabbitmq, redis, worker" in done.stderr
    assert done.stdout == ""


def test_no_agent_there(lab: Lab) -> None:
    assert "there is no socket /nonexistent" in cli(lab, "--socket", "/nonexistent", "status", code=3).stderr
    assert "nobody listens" in cli(lab, "--url", "http://localhost:9", "status", code=3).stderr


def test_another_user_may_look_and_no_more(lab: Lab) -> None:
    other = ("runuser", "-u", "daemon", "--", "incidentops")
    assert lab.run(*other, "status").stdout
    pid = lab.main_pid("redis-server")
    for how in ((), ("--url", "http://localhost:8000")):
        done = lab.run(*other, *how, "stop", "redis", check=False)
        assert (done.returncode, done.stdout) == (4, "")
        assert "user daemon may not operate" in done.stderr
    assert lab.main_pid("redis-server") == pid


def test_a_socket_that_may_not_be_opened(lab: Lab) -> None:
    script = """
        mkdir -m 0700 /run/closed
        trap 'rm -r /run/closed' EXIT
        runuser -u nobody -- incidentops --socket /run/closed/agent.sock status
    """
    done = lab.run("sh", "-c", script, check=False)
    assert done.returncode == 4
    assert "permission denied" in done.stderr


# -- events

EVENTS = """
    set -eu
    out=$(mktemp)
    incidentops events --json >"$out" 2>"$out.err" &
    reader=$!
    trap 'kill $reader; rm "$out" "$out.err"' EXIT
    until_seen() { timeout 20 sh -c 'until grep -q "$0" "$1"; do sleep 0.02; done' "$1" "$2"; }
    until_seen '"event": "snapshot"' "$out"
    incidentops restart chaos >/dev/null
    until_seen '"event": "action".*"restart".*"chaos"' "$out"
    systemctl kill --signal=KILL --kill-whom=main incidentops-agent
    until_seen 'trying again' "$out.err"
    until_seen 'connected again' "$out.err"
    incidentops ping redis >/dev/null
    until_seen '"event": "action".*"ping".*"redis"' "$out"
    cat "$out"
"""


def test_events_also_across_a_killed_agent(lab: Lab) -> None:
    events = [json.loads(line) for line in lab.output("sh", "-c", EVENTS).splitlines()]
    kinds = [event["event"] for event in events]
    assert kinds[0] == "snapshot"
    assert kinds.count("snapshot") == 2  # the new agent has numbers of its own
    assert set(events[0]["data"]["services"]) == {"chaos", "postgres", "rabbitmq", "redis", "worker"}
    states = [e["data"]["state"] for e in events if e["event"] == "service" and e["data"]["name"] == "chaos"]
    assert {"stopping", "healthy"} <= set(states)


# -- what comes with it


def test_completion_knows_the_services(lab: Lab) -> None:
    script = """
        source /usr/share/bash-completion/completions/incidentops
        COMP_WORDS=(incidentops start r) COMP_CWORD=2
        _incidentops
        echo "${COMPREPLY[@]}"
    """
    assert lab.output("bash", "-c", script) == "rabbitmq redis"
