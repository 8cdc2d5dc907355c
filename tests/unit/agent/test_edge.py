"""Every mistake in a configuration file is said with file, line and key path, all of them at once, and none crashes."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from incidentops_agent import catalogue, edge, settings

Found = list[tuple[int, str, str]]


def mistakes(text: str, name: str = "redis") -> Found:
    """Line, key and message of each mistake in one service file."""
    try:
        catalogue.parse([(f"d/{name}.yaml", text)])
    except edge.EdgeError as error:
        return [(problem.line, problem.key, problem.message) for problem in error.problems]
    return []


GOOD = "unit: redis-server.service\nprobe: {kind: redis}\n"


@pytest.mark.parametrize(
    ("text", "line", "key", "message"),
    [
        ("probe: {kind: none}", 1, "unit", "is missing; it has no default"),
        ("unit: a.service", 1, "probe", "is missing; say `probe: {kind: none}`"),
        (
            GOOD + "colour: red",
            3,
            "colour",
            "is not a known key; known here: auto, depends_on",
        ),
        (GOOD + "title: ''", 3, "title", "is '' but must be a non-empty text"),
        (GOOD + "title: 7", 3, "title", "must be a non-empty text"),
        (GOOD + "title: [a]", 3, "title", "must be a non-empty text"),
        (GOOD + "optional: perhaps", 3, "optional", "must be true or false"),
        (GOOD + "optional: !!bool perhaps", 3, "optional", "is 'perhaps' but must be true or false"),
        (GOOD + "auto: {budget: 0}", 3, "auto.budget", "is 0 but must be a whole number from 1 to 100"),
        (GOOD + "auto: {jitter: 51}", 3, "auto.jitter", "is 51 but must be a number of percent from 0 to 50"),
        (GOOD + "auto: {backoff: 5, backoff_most: 2}", 3, "auto.backoff_most", "is 2 but must be at least backoff, 5"),
        (
            GOOD + "auto: {half_open_most: 2}",
            3,
            "auto.half_open_most",
            "is 2 but must be at least half_open_after",
        ),
        (GOOD + "auto: {speed: 5}", 3, "auto.speed", "is not a known key; known here: backoff, backoff_most, budget"),
        (GOOD + "recovery: magic", 3, "recovery", "is 'magic' but must be one of auto, manual"),
        (GOOD + "start_deadline: soon", 3, "start_deadline", "must be a number of seconds from 0.1 to 3600"),
        (GOOD + "start_deadline: 0", 3, "start_deadline", "is 0 but must be a number of seconds from 0.1 to 3600"),
        (GOOD + "stop_deadline: .nan", 3, "stop_deadline", "is .nan but must be a number"),
        (GOOD + "stop_deadline: !!int x", 3, "stop_deadline", "is x but must be a number"),
        (GOOD + "stop_deadline: 0x_", 3, "stop_deadline", "is 0x_ but must be a number"),
        (GOOD + f"stop_deadline: {'9' * 5000}", 3, "stop_deadline", "but must be a number"),
        (GOOD + f"stop_deadline: {'9' * 400}", 3, "stop_deadline", "but must be a number"),
        (GOOD + "depends_on: postgres", 3, "depends_on", "must be a list"),
        (GOOD + "depends_on: [postgres, 5]", 3, "depends_on", "names 'postgres', which is no service"),
        (GOOD + "depends_on:\n- 5", 4, "depends_on[0]", "must be a text"),
        (GOOD + "depends_on: [redis]", 3, "depends_on", "goes round in a circle: redis needs redis"),
        (GOOD + "unit: b.service", 3, "unit", "is given twice"),
        (GOOD + "? {a: b}\n: c", 3, "?", "is not a known key"),
        (GOOD + "? &x {*x : b}\n: c", 3, "?", "is not a known key"),
        ("unit: a.service\nprobe: redis", 2, "probe", "must be a mapping of keys to values"),
        (
            "unit: a.service\nprobe:\n  kind: gopher",
            3,
            "probe.kind",
            "is 'gopher' but must be one of http, none, postg",
        ),
        ("unit: a.service\nprobe:\n  port: 1", 3, "probe.kind", "is missing"),
        (
            "unit: a.service\nprobe:\n  kind: redis\n  port: 0",
            4,
            "probe.port",
            "must be a whole number from 1 to 65535",
        ),
        ("unit: a.service\nprobe:\n  kind: redis\n  port: 1.5", 4, "probe.port", "must be a whole number"),
        ("unit: a.service\nprobe:\n  kind: redis\n  port: '80'", 4, "probe.port", "must be a whole number"),
        ("unit: a.service\nprobe:\n  kind: redis\n  port: !!int '[1]'", 4, "probe.port", "must be a whole number"),
        ("unit: a.service\nprobe:\n  kind: redis\n  path: /", 4, "probe.path", "is not a known key"),
        ("unit: a.service\nprobe:\n  kind: redis\n  interval: 0.1", 4, "probe.interval", "from 0.2 to 3600"),
        ("unit: a.service\nprobe:\n  kind: redis\n  credential: ../key", 4, "probe.credential", "the name of a crede"),
        ("unit: a.service\nprobe:\n  kind: http\n  path: up", 4, "probe.path", "must be a path that begins with /"),
        ("unit: a.service\nprobe:\n  kind: http\n  socket: run/x", 4, "probe.socket", "must be an absolute path"),
        ("- a\n- b", 1, "", "must be a mapping of keys to values"),
        ("unit: [", 1, "", "is not valid YAML: "),
        ("a: 1\nb: : 2", 2, "", "is not valid YAML: mapping values are not allowed here"),
        ("a: 1\n---\nb: 2", 2, "", "is not valid YAML: but found another document"),
        ("a: *b", 1, "", "is not valid YAML: found undefined alias"),
        ("a: \0", 1, "", "is not valid YAML: "),
        ('a: "\\U00110000"', 1, "", "is not valid YAML: "),
        ("[" * 700, 1, "", "is nested too deeply"),
        ("%YAML " + "1" * 5000 + ".1\n---\na: 1", 1, "", "is not valid YAML: "),
    ],
    ids=lambda value: str(value)[-40:],
)
def test_each_kind_of_mistake(text: str, line: int, key: str, message: str) -> None:
    found = mistakes(text)
    assert any((at, where) == (line, key) and message in what for at, where, what in found), found


@pytest.mark.parametrize(
    "unit",
    [
        *("redis", "redis.socket", "a b.service", "../a.service", "a/b.service", ".service", "é.service"),
        *("*.service", "s*.service", "incidentops-*.service", "a@*-*.service", "*@a.service", "a@b*@.service"),
    ],
)
def test_what_is_no_unit_or_too_wide_a_pattern(unit: str) -> None:
    found = mistakes(f"unit: '{unit}'\nprobe: {{kind: none}}")
    assert [(line, key) for line, key, _ in found] == [(1, "unit")], found


@pytest.mark.parametrize(
    "unit",
    [
        *("incidentops-agent.service", "incidentops-fault@x.service", "incidentops-fault@*.service", "dbus.service"),
        *("systemd-journald.service", "polkit.service", "ssh.service", "ssh@*.service", "user@1000.service"),
        *("getty@tty1.service", "getty@*.service", "init.service", "incidentops-setup.service"),
    ],
)
def test_units_that_must_stay_out_of_reach(unit: str) -> None:
    ((line, key, message),) = mistakes(f"unit: {unit}\nprobe: {{kind: none}}")
    assert (line, key) == (1, "unit")
    assert "this machine needs to stay under control" in message


@pytest.mark.parametrize("name", ["Redis", "9redis", "re dis", "a.b", "x" * 33, "é"])
def test_what_can_not_name_a_service(name: str) -> None:
    ((line, key, message),) = mistakes(GOOD, name)
    assert (line, key) == (1, "")
    assert "can't name a service" in message


def test_all_mistakes_of_all_files_come_at_once_in_order() -> None:
    with pytest.raises(edge.EdgeError) as caught:
        catalogue.parse([
            ("d/b.yaml", "unit: x.service\nprobe: {kind: nun}\ndepends_on: [c]\n"),
            ("d/a.yaml", "unit: x.service\nprobe: {kind: none, speed: 3}\ncolour: red\n"),
            ("d/c.yaml", "unit: c.service\nprobe: {kind: none}\ndepends_on: [b, d]\n"),
            ("d/broken.yaml", "{"),
        ])  # fmt: skip
    assert [line.split(": ")[0:2] for line in str(caught.value).splitlines()] == [
        ["d/a.yaml:2", "probe.speed"],
        ["d/a.yaml:3", "colour"],
        ["d/b.yaml:1", "unit"],
        ["d/b.yaml:2", "probe.kind"],
        ["d/b.yaml:3", "depends_on"],
        ["d/broken.yaml:1", "is not valid YAML"],
        ["d/c.yaml:3", "depends_on"],
    ]


def test_a_cycle_is_said_once_and_in_words() -> None:
    files = [
        (f"{name}.yaml", f"unit: {name}.service\nprobe: {{kind: none}}\ndepends_on: [{needs}]\n")
        for name, needs in (("a", "b"), ("b", "c"), ("c", "a"), ("d", "a"))
    ]
    with pytest.raises(edge.EdgeError) as caught:
        catalogue.parse(files)
    (problem,) = caught.value.problems
    assert str(problem) == "a.yaml:3: depends_on: goes round in a circle: a needs b needs c needs a"


def test_a_service_that_can_not_be_read_is_still_known_to_those_that_need_it() -> None:
    with pytest.raises(edge.EdgeError) as caught:
        catalogue.parse([("a.yaml", "unit: ["), ("b.yaml", GOOD + "depends_on: [a]")])
    assert [problem.file for problem in caught.value.problems] == ["a.yaml"]


def test_a_good_file_with_everything_in_it() -> None:
    text = """
title: Web
unit: web@*.service
optional: yes
recovery: manual
start_deadline: 1_0
stop_deadline: 2.5
depends_on: [db, db]
probe: {kind: http, host: "::1", port: 0x1F90, path: /up, interval: 1, deadline: 0.5}
"""
    found = catalogue.parse([("web.yaml", text), ("db.yaml", "unit: db.service\nprobe: {kind: none}")])
    web = found.services["web"]
    assert list(found.services) == ["db", "web"]
    assert (web.title, web.unit, web.is_pattern, web.optional) == ("Web", "web@*.service", True, True)
    assert (web.start_deadline, web.stop_deadline, web.depends_on) == (10.0, 2.5, ("db",))
    assert (web.probe.kind, web.probe.interval, web.probe.deadline) == ("http", 1.0, 0.5)
    assert web.probe.options == {"host": "::1", "port": 8080, "socket": "", "path": "/up"}
    assert found.dependants("db") == ("web",)
    assert found.services["db"].title == "db"


# Texts that look like the real thing are more likely to reach deep than any text.
WORDS = st.sampled_from([
    *("unit", "probe", "kind", "redis", "http", "title", "depends_on", "optional", "interval", "port"),
    *(":", "-", "[", "]", "{", "}", ",", "&", "*", "!", "!!int", "!!float"),
    *("!!bool", "!!null", "?", "|", ">", "%", "@", "'", '"', "#", "0x_", "0b_"),
    *("0o8", "1e999", ".inf", ".nan", "1_000", "190:20:30", "<<:", "---", "...", "~", "\\U00110000", "é"),
    *(" ", "\n", "\t", "\u2028"),
])  # fmt: skip
TEXTS = st.one_of(
    st.text(),
    st.lists(WORDS, max_size=30).map(" ".join),
    st.lists(WORDS, max_size=30).map("".join),
    st.lists(WORDS, max_size=10).map(lambda words: GOOD + " ".join(words)),
)


@given(TEXTS)
def test_no_text_crashes_the_catalogue(text: str) -> None:
    for line, _, message in mistakes(text):
        assert 1 <= line <= len(text.splitlines()) + 2
        assert message


@given(TEXTS)
def test_no_text_crashes_the_settings(text: str) -> None:
    with contextlib.suppress(edge.EdgeError):
        settings.parse("agent.yaml", text)


def test_settings_of_all_kinds() -> None:
    assert settings.parse("a", "") == settings.Settings()
    listed = settings.Callers(frozenset({5}), groups=("incidentops",))
    assert settings.parse("a", "operators: {uids: [5]}") == settings.Settings(listed)
    assert settings.parse("a", "operators: {groups: []}") == settings.Settings(settings.Callers())
    assert settings.parse("a", "audit: {keep_days: 90}") == settings.Settings(keep_days=90)
    with pytest.raises(edge.EdgeError) as caught:
        settings.parse("a", "operators:\n  uids: [a, -1, 4294967295]\n  groups: [7]\n  who: me\nport: 1\n")
    assert [(problem.line, problem.key) for problem in caught.value.problems] == [
        (2, "operators.uids"),
        (2, "operators.uids[0]"),
        (3, "operators.groups[0]"),
        (4, "operators.who"),
        (5, "port"),
    ]
