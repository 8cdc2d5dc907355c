"""Who may do what, and what is refused whoever asks."""

from __future__ import annotations

import grp
import pwd
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from incidentops_agent import access
from incidentops_agent.access import Access
from incidentops_agent.model import Level, Peer
from incidentops_agent.settings import Callers, Settings
from multidict import CIMultiDict

if TYPE_CHECKING:
    from pathlib import Path

GROUP = grp.getgrgid(pwd.getpwnam("daemon").pw_gid).gr_name
DAEMON = pwd.getpwnam("daemon")
SETTINGS = Settings(
    Callers(frozenset({777}), frozenset({888}), ("no-such-group", GROUP)),
    Callers(frozenset({999}), frozenset({888}), ()),
)
NOBODY_KNOWN = 54321


NOTHING = {Level.ANONYMOUS}
LOOKS = {*NOTHING, Level.OBSERVE}
OPERATES = {*LOOKS, Level.OPERATE, Level.REVERT}
INJECTS = {*LOOKS, Level.CHAOS, Level.REVERT}
ALL: set[Level] = set(Level)


def allowed(judge: Access, peer: Peer) -> set[Level]:
    return {level for level in Level if judge.allows(peer, level)}


@pytest.mark.parametrize(
    ("peer", "levels"),
    [
        (Peer("unix", 0, 10, groups=(0,)), ALL),
        (Peer("tcp", 0), ALL),
        (Peer("unix", 0, 0), ALL),
        (Peer("unix", 777, 10), OPERATES),
        (Peer("unix", 777, 0), LOOKS),
        (Peer("unix", 888, 0), ALL),
        (Peer("unix", 888, 10), LOOKS),
        (Peer("tcp", 888), LOOKS),
        (Peer("tcp", 777), OPERATES),
        (Peer("unix", 999, 10), INJECTS),
        (Peer("tcp", 999), INJECTS),
        (Peer("unix", 999, 0), LOOKS),
        (Peer("unix", NOBODY_KNOWN, 10, groups=(5000, DAEMON.pw_gid)), OPERATES),
        (Peer("unix", NOBODY_KNOWN, 10, groups=(5000,)), LOOKS),
        (Peer("unix", DAEMON.pw_uid, 10, groups=()), LOOKS),
        (Peer("unix", NOBODY_KNOWN, 0, groups=(DAEMON.pw_gid,)), LOOKS),
        (Peer("tcp", DAEMON.pw_uid), OPERATES),
        (Peer("tcp", NOBODY_KNOWN), LOOKS),
        (Peer("tcp", NOBODY_KNOWN, groups=(DAEMON.pw_gid,)), LOOKS),
        (Peer("tcp"), NOTHING),
        (Peer("unix"), NOTHING),
        (Peer("unknown"), NOTHING),
    ],
)
def test_what_a_caller_may(peer: Peer, levels: set[Level]) -> None:
    assert allowed(Access(SETTINGS), peer) == levels


@pytest.mark.parametrize(
    ("groups", "pid", "said"),
    [
        (("incidentops",), 10, "members of the group incidentops and root may"),
        (("incidentops", "oncall"), None, "members of the groups incidentops and oncall and root may"),
        ((), 10, "root may"),
        (("incidentops",), 0, "the uids in operators.outside_uids of agent.yaml here"),
    ],
)
def test_a_refusal_names_what_would_help_where_the_caller_is(
    groups: tuple[str, ...], pid: int | None, said: str
) -> None:
    judge = Access(Settings(Callers(groups=groups)))
    assert judge.who_may(Peer("unix", NOBODY_KNOWN, pid), Level.OPERATE).endswith(said)


def test_on_wsl_the_root_of_tcp_is_nobody() -> None:
    judge = Access(SETTINGS, wsl=True)
    assert allowed(judge, Peer("tcp", 0)) == NOTHING
    assert allowed(judge, Peer("unix", 0, 10)) == ALL
    assert allowed(judge, Peer("tcp", 777)) == OPERATES


@pytest.mark.parametrize(
    ("text", "expected"), [("5.15.90.1-microsoft-standard-WSL2", True), ("6.1.0-18-amd64", False), (None, False)]
)
def test_wsl_is_known_by_its_kernel(tmp_path: Path, text: str | None, expected: bool) -> None:
    if text is not None:
        (tmp_path / "osrelease").write_text(text)
    assert access.on_wsl(tmp_path / "osrelease") is expected


@pytest.mark.parametrize(
    ("peer", "user"),
    [
        (Peer("unix", 0, 10), "root"),
        (Peer("unix", DAEMON.pw_uid, 10), "daemon"),
        (Peer("unix", NOBODY_KNOWN, 10), f"uid {NOBODY_KNOWN}"),
        (Peer("unix", DAEMON.pw_uid, 0), f"uid {DAEMON.pw_uid}"),
        (Peer("unix", 0, 0), "root"),
        (Peer("tcp"), ""),
    ],
)
def test_the_name_of_an_actor_is_only_given_where_it_means_somebody(peer: Peer, user: str) -> None:
    assert access.actor(peer).user == user


def verdict(hosts: list[str], port: int | None = 8000, headers: dict[str, str] | None = None) -> str:
    return access.foreign(hosts, CIMultiDict(headers or {}), port)


@pytest.mark.parametrize("host", ["localhost:8000", "127.0.0.1:8000", "[::1]:8000", "LocalHost:8000"])
def test_our_own_names_are_taken(host: str) -> None:
    assert verdict([host]) == ""
    assert verdict([host], None) == ""


@pytest.mark.parametrize("host", ["localhost", "[::1]", "localhost:80", "127.0.0.1"])
def test_a_host_without_a_port_means_80(host: str) -> None:
    assert verdict([host], 80) == ""
    assert "names another port than 8000" in verdict([host], 8000)
    assert verdict([host], None) == ""


@pytest.mark.parametrize(
    "hosts",
    [
        *([], ["localhost:8000", "localhost:8000"], [""], [":"], [":8000"], ["[::1"], ["::1"], ["[::2]:8000"]),
        *(["evil.example"], ["evil.example:8000"], ["localhost.evil.example:8000"], ["127.0.0.1.nip.io:8000"]),
        *(
            ["localhost:8000.evil.example"],
            ["evil.example#localhost:8000"],
            ["user@localhost:8000"],
            ["localhost.:8000"],
        ),
        *(
            ["localhost:8000:8000"],
            ["localhost:+8000"],
            ["localhost: 8000"],
            ["localhost:\u0668000"],
            ["localhost:8001"],
        ),
        *(["127.1:8000"], ["2130706433:8000"], ["0.0.0.0:8000"], ["[::ffff:127.0.0.1]:8000"], ["localhost:x"]),
        *(["localhost:" + "9" * 5000], ["localhost:" + "0" * 5000 + "8000"]),
    ],
    ids=lambda hosts: repr(hosts)[:40],
)
def test_other_names_are_refused(hosts: list[str]) -> None:
    assert verdict(hosts) != ""


@pytest.mark.parametrize(
    "headers",
    [
        *(
            {"Origin": "http://localhost:8000"},
            {"origin": "null"},
            {"Referer": "http://localhost:8000/"},
            {"Origin": ""},
        ),
        *({"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": ""}),
    ],
    ids=str,
)
def test_what_only_web_pages_send_is_refused(headers: dict[str, str]) -> None:
    assert "the API is not for web pages" in verdict(["localhost:8000"], 8000, headers)
    assert "the API is not for web pages" in verdict(["localhost"], None, headers)


def test_an_address_that_was_typed_into_a_browser_is_not_a_page() -> None:
    assert verdict(["localhost:8000"], 8000, {"Sec-Fetch-Site": "none", "User-Agent": "Mozilla/5.0"}) == ""


@given(st.text(), st.sampled_from([None, 80, 8000]))
def test_no_host_crashes_the_judgement(host: str, port: int | None) -> None:
    allowed = {f"{name}{suffix}" for name in access.LOCAL_NAMES for suffix in ("", ":", ":80", ":8000")}
    if not verdict([host], port):
        assert host.lower() in allowed
