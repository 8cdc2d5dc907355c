"""The report of an incident: complete, the same each time, and harmless whatever it is made of."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from incidentops_agent import chart, views
from incidentops_agent.history import Sample
from incidentops_agent.incident import Fact, Incident, Kind, opened
from incidentops_agent.report import Material, duration, html, markdown
from samples import NOW

HOSTILE = st.text(st.sampled_from("<>&\"'`|*_[]()!\\\n\r\t\x00\x1b\u202e\u2028ab~#$@:/")) | st.sampled_from(
    ["<script>alert(1)</script>", "]]></style><img src=x onerror=y>", "```\n# mine", "[x](http://y)", "\ud800"]
)


def an_incident(**detail: Any) -> Incident:
    about = {"cause": "killed", "sentence": "killed", "evidence": ["Result=signal"], "ttd": 0.5, "source": "kernel"}
    return opened(Fact(Kind.OPENED, "ab12cd34", "redis", NOW, {"began": NOW - 0.5, **about, **detail}))


def material(text: str = "fine", one: Incident | None = None) -> Material:
    who = {"user": text, "program": text, "pid": 7, "door": "unix"}
    row = {"at": "2026-11-18T11:06:40.000Z", "action": "start", "service": "redis", "actor": who, "outcome": "ok"}
    entry = {"at": "2026-11-18T11:06:40.000Z", "identifier": text, "pid": 7, "priority": 3, "message": text}
    samples = [Sample(NOW - 60 + at, "healthy", 0.001 * (at + 1)) for at in range(59)]
    return Material(
        incident=views.incident(one or an_incident(sentence=text, evidence=[text])),
        written="2026-11-18T12:00:00.000Z",
        span=(NOW - 30.5, NOW + 20),
        marks=[(NOW - 0.5, "began"), (NOW, "detected")],
        actions=[{**row, "duration_seconds": 0.25, "reason": text}],
        journals={"redis.service": [entry], text: []},
        charts={"redis": [*samples, Sample(NOW, "failed"), Sample(NOW + 10, "healthy", 2.0)], text: samples[:1]},
        problems=[text],
    )


class Tags(HTMLParser):
    """The elements of a page with their attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


PLAIN = Tags(html(material()))


@given(HOSTILE)
def test_a_page_has_the_same_elements_whatever_was_written(text: str) -> None:
    page = html(material(text))
    found = Tags(page).found
    assert {tag for tag, _ in found} <= {tag for tag, _ in PLAIN.found}
    for tag, attributes in found:
        assert not {name for name in attributes if name.startswith("on")}, tag
        assert not {"src", "href", "srcset", "style", "action"} & set(attributes), tag
    assert not re.search("[\x00\x1b\u202e\u2028\ud800]", page)


def test_a_page_needs_nothing_from_elsewhere() -> None:
    page = html(material())
    assert "http" not in page.replace("http-equiv", "").replace("http://www.w3.org/2000/svg", "")
    assert "url(" not in page
    assert "@import" not in page
    assert {"script", "link", "img", "iframe"}.isdisjoint(tag for tag, _ in PLAIN.found)
    assert "prefers-color-scheme: dark" in page
    ids = [attributes["id"] for _, attributes in PLAIN.found if "id" in attributes]
    svg = next(attributes for tag, attributes in PLAIN.found if tag == "svg")
    assert (svg["role"], (svg["aria-labelledby"] or "").split()) == ("img", ids)


@given(HOSTILE)
def test_markdown_keeps_its_shape_whatever_was_written(text: str) -> None:
    made, plain = markdown(material(text)), markdown(material())
    outside = re.sub(r"(?ms)^(`{3,})text$.*?^\1$", "", made)
    heads = [line for line in outside.splitlines() if line.startswith("#")]
    assert len(heads) == len([line for line in plain.splitlines() if line.startswith("#")])
    for line in outside.splitlines():
        if line.startswith("|"):
            cells = len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) - 1
            assert cells in (2, 4, 5, 7), line
        assert not re.search(r"(?<!\\)(?:\\\\)*[<\[`]", line), line


def test_both_say_what_there_is() -> None:
    for text in (markdown(material()), html(material())):
        for part in (
            "ab12cd34",
            "Result=signal" if "signal" in text else "fine",
            "500 ms",
            "still open",
            "began",
            "detected",
        ):
            assert part in text
        assert "2026-11-18T11:06:40.000Z" in text


def test_what_is_not_there_is_said() -> None:
    bare = replace(material(), actions=[], journals={}, charts={}, problems=[])
    text = markdown(bare)
    assert "Nothing was done by anybody." in text
    assert "Nothing was recorded." in text
    assert "<svg" not in html(bare)


def test_bands_are_the_states_in_their_order() -> None:
    samples = [Sample(0, "healthy", 0.1), Sample(2, "healthy", 0.3), Sample(3, "failed"), Sample(7, "healthy", 0.2)]
    assert chart.bands(samples, 9) == [
        chart.Band("healthy", 0, 3, (0.1, 0.3)),
        chart.Band("failed", 3, 7, ()),
        chart.Band("healthy", 7, 9, (0.2,)),
    ]


@given(
    st.lists(st.tuples(st.floats(-1e4, 1e4), st.none() | st.floats(0, 100)), max_size=30),
    st.floats(0, 1e5),
    st.lists(st.floats(-1e4, 1e5), max_size=5),
)
def test_a_chart_stays_inside_its_frame(
    given_samples: list[tuple[float, float | None]], length: float, moments: list[float]
) -> None:
    samples = [
        Sample(at, "healthy" if latency is not None else "failed", latency)
        for at, latency in sorted(given_samples, key=lambda one: one[0])
    ]
    made = chart.svg({"redis": samples}, (0, length), [(at, "began") for at in moments], str)
    frame = re.search(r'viewBox="0 0 ([0-9.]+) ([0-9.]+)"', made)
    assert frame is not None
    width, height = map(float, frame.groups())
    for x, y in re.findall(r"([0-9.-]+),([0-9.-]+)", " ".join(re.findall(r'points="([^"]+)"', made))):
        assert 0 <= float(x) <= width
        assert 0 <= float(y) <= height
    for x in re.findall(r' x1?="([0-9.-]+)"', made):
        assert 0 <= float(x) <= width


def test_durations() -> None:
    made = [duration(seconds) for seconds in (None, 0.0123, 2.34, 59.94, 59.96, 250.0, 7500.0, 90000.0)]
    assert made == ["-", "12 ms", "2.3 s", "59.9 s", "1 min", "4 min 10 s", "2 h 5 min", "1 d 1 h"]
