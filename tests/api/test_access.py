"""Who may do what: every route of the table, for every kind of caller, through every door, with real processes."""

from __future__ import annotations

import contextlib
import grp
import pwd
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from api.agent import running
from api.callers import STRANGER, caller, is_root
from incidentops_agent.model import Level
from incidentops_agent.routes import ROUTES
from incidentops_agent.settings import Callers, Settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from api.callers import Caller

needs_root = pytest.mark.skipif(not is_root(), reason="needs root, to be other users")

DAEMON = pwd.getpwnam("daemon")
GROUP = grp.getgrgid(DAEMON.pw_gid)
LISTED = STRANGER + 1
INJECTOR = STRANGER + 2
SETTINGS = Settings(Callers(frozenset({LISTED}), groups=(GROUP.gr_name,)), Callers(frozenset({INJECTOR})))


NOTHING = {Level.ANONYMOUS}
LOOKS = {*NOTHING, Level.OBSERVE}
OPERATES = {*LOOKS, Level.OPERATE, Level.REVERT}
INJECTS = {*LOOKS, Level.CHAOS, Level.REVERT}
ALL: set[Level] = set(Level)


@dataclass(frozen=True)
class Kind:
    """A kind of caller and what it may do through each door. On TCP groups are those of the user database."""

    uid: int | None
    groups: tuple[int, ...]
    unix: set[Level]
    tcp: set[Level]


KINDS = {
    "root": Kind(None, (), ALL, ALL),
    "listed": Kind(LISTED, (), OPERATES, OPERATES),
    "in the group": Kind(DAEMON.pw_uid, (), OPERATES, OPERATES),
    "in the group for now": Kind(STRANGER, (GROUP.gr_gid,), OPERATES, LOOKS),
    "injector": Kind(INJECTOR, (), INJECTS, INJECTS),
    "anybody": Kind(STRANGER, (), LOOKS, LOOKS),
    "nobody known": Kind(65534, (), LOOKS, NOTHING),
}


@contextlib.asynccontextmanager
async def called_by(kind: Kind) -> AsyncIterator[Caller]:
    async with caller(kind.uid, list(kind.groups)) as made:
        yield made


@needs_root
@pytest.mark.parametrize("door", ["unix", "tcp", "tcp6"])
@pytest.mark.parametrize("name", KINDS)
async def test_the_matrix(open_folder: Path, name: str, door: str) -> None:
    kind = KINDS[name]
    allowed = kind.unix if door == "unix" else kind.tcp
    async with running(open_folder, settings=SETTINGS) as agent, called_by(kind) as who:
        agent.systemd.kill("chaos.service")
        (known,) = agent.incidents.book.live()
        for route in ROUTES:
            path = re.sub("{service}", "redis", route.path).replace("{incident}", known.id)
            status, body = await who.ask(route.method, re.sub("{.*}", "12345678", path), agent.doors[door])
            if route.level in allowed:
                assert status in {200, *route.answers}, (route, body)
            else:
                assert (status, body["kind"], body["level"]) == (403, "denied", route.level.value), route
                assert body["message"].startswith(f"cannot {route.method} "), body
        touched = {unit.partition("@")[0] for _, unit in agent.systemd.log}
        assert ("redis.service" in touched) == (Level.OPERATE in allowed)
        injected = [row for row in await agent.rows() if row.action == "incident"]
        assert bool(injected) == (Level.CHAOS in allowed)
        assert touched <= {"redis.service", "chaos.service", "incidentops-fault"}
        if allowed <= LOOKS:
            assert await agent.rows() == []


@needs_root
async def test_the_audit_trail_says_who_it_was(open_folder: Path) -> None:
    async with running(open_folder, settings=SETTINGS) as agent:
        async with called_by(KINDS["in the group"]) as daemon, called_by(KINDS["listed"]) as listed:
            assert (await daemon.ask("POST", "/stop/redis", agent.doors["unix"]))[0] == 200
            assert (await listed.ask("POST", "/start/redis", agent.doors["tcp"]))[0] == 200
            ours = daemon.process.pid
        found = [row for row in await agent.get("/audit?service=redis") if row["phase"] != "noted"]
        start, stop = found[0], found[2]
        assert (start["action"], stop["action"]) == ("start", "stop")
        assert {key: stop["actor"][key] for key in ("uid", "user", "pid", "door")} == {
            "uid": DAEMON.pw_uid,
            "user": "daemon",
            "pid": ours,
            "door": "unix",
        }
        assert stop["actor"]["program"].startswith("python")
        assert isinstance(stop["actor"]["pid_started"], int)
        assert {key: start["actor"][key] for key in ("uid", "user", "pid", "door", "program")} == {
            "uid": LISTED,
            "user": f"uid {LISTED}",
            "pid": None,
            "door": "tcp",
            "program": "",
        }


@needs_root
async def test_a_refusal_says_who_was_refused_what_and_who_may(open_folder: Path) -> None:
    async with running(open_folder, settings=SETTINGS) as agent, called_by(KINDS["anybody"]) as who:
        _, body = await who.ask("POST", "/stop/redis", agent.doors["tcp"])
        assert body == {
            "kind": "denied",
            "message": f"cannot POST /stop/redis: user uid {STRANGER} may not operate;"
            f" members of the group {GROUP.gr_name} and root may",
            "level": "operate",
        }
        _, body = await who.ask("POST", "/faults/panic", agent.doors["tcp"])
        assert "may not revert faults; " in body["message"]
        _, body = await who.ask("POST", "/incident/redis", agent.doors["tcp"])
        assert "may not inject faults; " in body["message"]


def test_every_route_that_changes_something_needs_somebody_who_may() -> None:
    acting = {Level.OPERATE, Level.CHAOS, Level.REVERT}
    assert {route.level for route in ROUTES if route.method != "GET"} == acting
    assert {route.method for route in ROUTES} == {"GET", "POST", "DELETE"}
    assert [route.path for route in ROUTES if route.level is Level.ANONYMOUS] == ["/health"]
