"""The polkit rule gives exactly the catalogue's units and nothing that only looks like them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess

import pytest
from golden import hold_text
from hypothesis import given
from hypothesis import strategies as st
from incidentops_agent import catalogue, polkit
from lint.files import TOP
from samples import catalogue_of, spec

PATTERN = polkit.expression("postgresql@*-main.service")


def matches(unit: str, pattern: str = PATTERN) -> bool:
    """As JavaScript's RegExp.test does it: anywhere, with $ at the very end only."""
    return re.search(pattern.removesuffix("$") + r"\Z", unit) is not None


@pytest.mark.parametrize("instance", ["17", "9.6", "a-b", "a_b:c"])
def test_what_the_pattern_means(instance: str) -> None:
    assert matches(f"postgresql@{instance}-main.service")


@pytest.mark.parametrize(
    "unit",
    [
        *("postgresql@-main.service", "postgresql@17-main.socket", "postgresql.service", "postgresql@17-other.service"),
        *("postgresql@17-main.service\n", "xpostgresql@17-main.service", "postgresql@17-main.servicex"),
        *("postgresql@a@b-main.service", "postgresql@../../x-main.service", "postgresql@17 -main.service"),
        *("sshd.service postgresql@17-main.service", "postgresql@17-mainXservice", "postgresql@\n-main.service"),
    ],
)
def test_what_the_pattern_does_not_mean(unit: str) -> None:
    assert not matches(unit)


PIECES = st.text("abcXYZ019:_.\\-", min_size=1, max_size=8)
PATTERNS = st.builds(lambda a, b, c: f"{a}@{b}*{c}.service", PIECES, st.just("") | PIECES, st.just("") | PIECES)


@given(PATTERNS, st.text())
def test_the_star_never_reaches_beyond_an_instance(pattern: str, middle: str) -> None:
    assert re.fullmatch(catalogue.UNIT_PATTERN, pattern)
    unit = pattern.replace("*", middle)
    plain = re.fullmatch(r"[A-Za-z0-9:_.-]+", middle) is not None
    assert matches(unit, polkit.expression(pattern)) == plain
    assert not matches(unit.replace("@", "", 1), polkit.expression(pattern))


@given(PATTERNS, st.sampled_from(["@", "/", " ", "\n", "\0", "\u00e9", "*", "\\", ";"]), st.integers(0, 30))
def test_no_foreign_character_gets_through(pattern: str, foreign: str, place: int) -> None:
    unit = pattern.replace("*", "17")
    place %= len(unit) + 1
    injected = unit[:place] + foreign + unit[place:]
    assert not matches(injected, polkit.expression(pattern))


def test_the_rule_of_the_catalogue_that_is_shipped() -> None:
    files = sorted((TOP / "agent" / "services.d").glob("*.yaml"))
    shipped = catalogue.parse((path.name, path.read_text()) for path in files)
    hold_text("polkit.rules", polkit.rule(shipped))


# polkitd as far as a rule sees it: what it asks, and what it gets.
POLKITD = """
var answers = [];
var polkit = {Result: {YES: "yes", NOT_HANDLED: "not handled"}, addRule: function (rule) { polkit.rule = rule; }};
%s
%s.forEach(function (asked) {
    var action = {id: asked[0], lookup: function (key) { return {unit: asked[2], verb: asked[3]}[key]; }};
    answers.push(polkit.rule(action, {user: asked[1]}));
});
console.log(JSON.stringify(answers));
"""
MANAGE = "org.freedesktop.systemd1.manage-units"


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node to run the rule's JavaScript")
def test_the_rule_itself_says_yes_and_no() -> None:
    rule = polkit.rule(catalogue_of(spec("redis"), spec("postgres", unit="postgresql@*-main.service")))
    asked = [
        (MANAGE, "incidentops", "redis.service", "start", "yes"),
        (MANAGE, "incidentops", "postgresql@17-main.service", "stop", "yes"),
        (MANAGE, "incidentops", "redis.service", "ref", "yes"),
        (MANAGE, "somebody", "redis.service", "start", "not handled"),
        (MANAGE, "incidentops", "redis.service", "set-property", "not handled"),
        (MANAGE, "incidentops", "redis.service", None, "not handled"),
        (MANAGE, "incidentops", None, "start", "not handled"),
        (MANAGE, "incidentops", "ssh.service", "start", "not handled"),
        (MANAGE, "incidentops", "postgresql@17-main.service\n", "start", "not handled"),
        (MANAGE, "incidentops", "postgresql@17-main.service\nssh.service", "start", "not handled"),
        (MANAGE, "incidentops", "ssh.service\npostgresql@17-main.service", "start", "not handled"),
        (MANAGE, "incidentops", "postgresql@a@b-main.service", "start", "not handled"),
        (MANAGE + "-x", "incidentops", "redis.service", "start", "not handled"),
        ("org.freedesktop.systemd1.manage-unit-files", "incidentops", "redis.service", "start", "not handled"),
    ]
    program = POLKITD % (rule, json.dumps(asked))
    done = subprocess.run(["node", "-"], input=program, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [one[-1] for one in asked]


def test_the_lists_in_the_rule_are_the_catalogue() -> None:
    text = polkit.rule(catalogue_of(spec("a"), spec("b", unit="b@*.service"), spec("c", unit="c\\x2d.service")))
    found = dict(re.findall(r"var (\w+) = (\[.*\]);", text))
    assert json.loads(found["units"]) == ["a.service", "c\\x2d.service"]
    assert json.loads(found["patterns"]) == ["^b@[A-Za-z0-9:_.-]+\\.service$"]
    assert json.loads(found["verbs"]) == ["ref", "reset-failed", "restart", "start", "stop", "thaw"]
    assert 'subject.user !== "incidentops"' in text


def test_an_empty_catalogue_gives_nothing() -> None:
    text = polkit.rule(catalogue_of())
    assert "var units = [];" in text
    assert "var patterns = [];" in text
