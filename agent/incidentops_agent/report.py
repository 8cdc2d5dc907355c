"""Pure: the report of one incident, as Markdown and as HTML that stands by itself.

What services and people wrote is hostile until it is escaped: journal lines, notes, reasons, names of programs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Any

from . import chart

if TYPE_CHECKING:
    from .history import Sample

Json = Mapping[str, Any]

# Control characters, and those that make text read in another direction than it is written in.
_HARMFUL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2028\u2029\u2066-\u2069\ud800-\udfff]"
)


@dataclass(frozen=True, slots=True)
class Material:
    """What a report is made of. ``incident``, ``actions`` and ``journals`` (by unit) are the API's JSON; ``span`` is
    the time that is shown and ``marks`` are its moments, in seconds since the epoch; ``charts`` are by service;
    ``problems`` are sentences that say what is missing."""

    incident: Json
    written: str
    span: tuple[float, float]
    marks: Sequence[tuple[float, str]] = ()
    actions: Sequence[Json] = ()
    journals: Mapping[str, Sequence[Json]] = field(default_factory=dict)
    charts: Mapping[str, Sequence[Sample]] = field(default_factory=dict)
    problems: Sequence[str] = ()


def clean(text: object) -> str:
    """A text on one line, without what a reader could be deceived by."""
    return _HARMFUL.sub("\N{REPLACEMENT CHARACTER}", re.sub(r"[\t\n\r]+", " ", str(text)))


def duration(seconds: float | None) -> str:
    """Seconds as a person says it: 12 ms, 2.3 s, 4 min 10 s, 2 h 5 min, 3 d 4 h; a dash for None."""
    if seconds is None:
        return "-"
    if seconds < 0.9995:
        return f"{seconds * 1e3:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    for size, unit, smaller, small in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= size:
            rest = whole % size // smaller
            return f"{whole // size} {unit}" + (f" {rest} {small}" if rest else "")
    return f"{seconds:.1f} s"


# -- what it says, the same for every format


def _title(about: Json) -> str:
    return f"Incident {about['id']}: {about['root']}"


def _summary(about: Json) -> list[str]:
    """The first sentences."""
    others = [name for name in about["services"] if name != about["root"]]
    lines = [f"{about['root']}: {about['sentence']}"]
    if others:
        lines.append(f"Down with it: {', '.join(others)}.")
    if about["state"] == "open":
        lines.append("The incident is still open: not every service is healthy again.")
    elif about["state"] == "recovered":
        lines.append("Every service is healthy again; the incident is still open until that has lasted.")
    if about["deliberate"]:
        lines.append("An operator stopped it deliberately.")
    if about["fault"] is not None:
        lines.append(f"A fault had been injected: {about['fault']['kind']} ({about['fault']['id']}).")
    return lines


def _measures(about: Json) -> list[tuple[str, str]]:
    not_yet = "not yet: healthy, but not for long enough" if about["recovered"] else "not yet"
    return [
        ("State", "still open" if about["state"] == "open" else about["state"]),
        ("Cause", about["cause"]),
        ("Services", ", ".join(about["services"])),
        ("Began", f"{about['began']} ({about['began_source']})"),
        ("Detected", about["detected"]),
        ("Acknowledged", _acknowledged(about)),
        ("First action", about["first_action"] or "none"),
        ("Recovered", about["recovered"] or "not yet"),
        ("Closed", about["closed"] or not_yet),
        ("Time to detect", duration(about["ttd_seconds"])),
        ("Time to acknowledge", duration(about["tta_seconds"])),
        ("Time to recover", duration(about["ttr_seconds"]) if about["recovered"] else "still open"),
    ]


def _acknowledged(about: Json) -> str:
    if not about["acknowledged"]:
        return "nobody has acknowledged it"
    note = f": {about['note']}" if about["note"] else ""
    return f"{about['acknowledged']} by {about['acknowledged_by'] or 'nobody known'}{note}"


_TIMELINE = ("Time (UTC)", "What", "Service", "", "Source")
_ACTIONS = ("Time (UTC)", "Action", "Service", "By", "Outcome", "Took", "Reason")
_STATES = ("From (UTC, seconds after the beginning)", "Service", "State", "Slowest answer")


def _timeline(about: Json) -> list[tuple[str, ...]]:
    return [(on["at"], on["what"], on["service"], on["text"], on["source"]) for on in about["timeline"]]


def _actions(rows: Iterable[Json]) -> list[tuple[str, ...]]:
    return [
        (
            row["at"],
            row["action"],
            row["service"],
            _author(row["actor"]),
            row["outcome"],
            duration(row["duration_seconds"]),
            row["reason"],
        )
        for row in rows
    ]


def _author(who: Json) -> str:
    name = who["user"] or "nobody known"
    through = ", ".join(filter(None, (who["program"], f"pid {who['pid']}" if who["pid"] else "", who["door"])))
    return f"{name} ({through})" if through else name


def _states(material: Material) -> list[tuple[str, ...]]:
    """What the chart shows, in words: the states of each service in their order, and the slowest answer in each."""
    rows: list[tuple[str, ...]] = []
    origin = material.marks[0][0] if material.marks else material.span[0]
    for name, samples in material.charts.items():
        for band in chart.bands(samples, material.span[1]):
            slowest = max((one for one in band.latencies), default=None)
            rows.append((f"{band.begin - origin:+.3f} s", name, band.state, duration_short(slowest)))
    return rows


def duration_short(seconds: float | None) -> str:
    """A probe's latency: 0.12 ms, 83 ms, 2.3 s."""
    return "-" if seconds is None else f"{seconds * 1e3:.2f} ms" if seconds < 0.01 else duration(seconds)


def _journal_line(entry: Json) -> str:
    pid = f"[{entry['pid']}]" if entry["pid"] else ""
    return clean(f"{entry['at']} {entry['identifier'] or '?'}{pid}: {entry['message']}")


# -- Markdown


def _md(text: object) -> str:
    """A text inside a line of Markdown that stays one: what has a meaning there is escaped with a backslash, and so is
    what GitHub makes links and mentions of."""
    return re.sub(r"([\\`*_\[\]<>#|~&$@]|:(?=//)|(?<=www)\.)", r"\\\1", clean(text))


def _md_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = ["| " + " | ".join(map(_md, head)) + " |", "|" + " --- |" * len(head)]
    return [*lines, *("| " + " | ".join(map(_md, row)) + " |" for row in rows)]


def _md_block(lines: Sequence[str]) -> list[str]:
    """Lines as they are, in a fence that none of them can end."""
    longest = max((len(run) for line in lines for run in re.findall("`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    return [f"{fence}text", *lines, fence]


def markdown(material: Material) -> str:
    """The report in CommonMark with tables (GitHub's)."""
    about = material.incident
    parts = [f"# {_md(_title(about))}", "", *(f"{_md(line)}  " for line in _summary(about)), ""]
    parts += ["## Measures", "", *_md_table(("", ""), _measures(about)), ""]
    parts += ["## Timeline", "", *_md_table(_TIMELINE, _timeline(about)), ""]
    evidence = [f"- {_md(one)}" for one in about["evidence"]]
    parts += ["## Evidence", "", *(evidence or ["None was found."]), ""]
    done = _md_table(_ACTIONS, _actions(material.actions)) if material.actions else ["Nothing was done by anybody."]
    parts += ["## Actions", "", *done, ""]
    shown = _states(material)
    parts += ["## States and probes", "", *(_md_table(_STATES, shown) if shown else ["Nothing was recorded."]), ""]
    parts += ["## Journals", ""]
    for unit, entries in material.journals.items():
        parts += [f"### {_md(unit)}", ""]
        parts += [*_md_block([_journal_line(entry) for entry in entries]), ""] if entries else ["No lines.", ""]
    parts += [f"- {_md(problem)}" for problem in material.problems]
    parts += ["", f"Written {_md(material.written)} by the IncidentOps agent. Times are UTC."]
    return "\n".join(parts) + "\n"


# -- HTML

_STYLE = """
:root { color-scheme: light dark; --back: #ffffff; --text: #1c2024; --soft: #5a636c; --line: #d5dadf; --box: #f4f6f8; }
@media (prefers-color-scheme: dark) {
  :root { --back: #16191d; --text: #e4e8ec; --soft: #9ba5af; --line: #363d45; --box: #1f2429; }
}
body { background: var(--back); color: var(--text); font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto;
  max-width: 68rem; padding: 0 1rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2rem; } h3 { font-size: 1rem; }
table { border-collapse: collapse; width: 100%; }
th, td { border-bottom: 1px solid var(--line); padding: .3rem .6rem .3rem 0; text-align: left; vertical-align: top; }
td { overflow-wrap: anywhere; } th { color: var(--soft); font-weight: 600; } tbody th { width: 12rem; }
pre { background: var(--box); border-radius: 4px; font-size: 13px; overflow-x: auto; padding: .8rem; }
.open { background: var(--box); border-left: 4px solid #c4830a; padding: .5rem .8rem; }
footer { color: var(--soft); margin-top: 2rem; } figure { margin: 0; overflow-x: auto; }
"""


def _h(text: object) -> str:
    return escape(clean(text), quote=True)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    top = "".join(f'<th scope="col">{_h(one)}</th>' for one in head)
    body = "".join("<tr>" + "".join(f"<td>{_h(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"


def _facts(rows: Iterable[tuple[str, str]]) -> str:
    body = "".join(f'<tr><th scope="row">{_h(name)}</th><td>{_h(value)}</td></tr>' for name, value in rows)
    return f"<table><tbody>{body}</tbody></table>"


def html(material: Material) -> str:
    """The report as one page that needs nothing but itself: no script, nothing from elsewhere."""
    about = material.incident
    state = ' class="open"' if about["state"] != "closed" else ""
    evidence = "".join(f"<li>{_h(one)}</li>" for one in about["evidence"])
    sections: list[tuple[str, str]] = [
        ("Measures", _facts(_measures(about))),
        ("Timeline", _table(_TIMELINE, _timeline(about))),
        ("Evidence", f"<ul>{evidence}</ul>" if evidence else "<p>None was found.</p>"),
        (
            "Actions",
            _or(material.actions, lambda rows: _table(_ACTIONS, _actions(rows)), "Nothing was done by anybody."),
        ),
        ("States and probes", _chart(material)),
        ("Journals", "".join(_journal(unit, entries) for unit, entries in material.journals.items()) or "<p>None.</p>"),
    ]
    if material.problems:
        sections.append(("What is missing", "".join(f"<p>{_h(problem)}</p>" for problem in material.problems)))
    body = "".join(f"<section><h2>{_h(name)}</h2>{text}</section>\n" for name, text in sections)
    summary = "<br>".join(map(_h, _summary(about)))
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        # Should anything slip through after all, it may still load and run nothing.
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{_h(_title(about))}</title>\n<style>{_STYLE}{chart.STYLE}</style>\n</head>\n<body>\n"
        f"<h1>{_h(_title(about))}</h1>\n<p{state}>{summary}</p>\n{body}"
        f"<footer>Written {_h(material.written)} by the IncidentOps agent. Times are UTC.</footer>\n</body>\n</html>\n"
    )


def _or(rows: Sequence[Json], show: Callable[[Sequence[Json]], str], nothing: str) -> str:
    return show(rows) if rows else f"<p>{_h(nothing)}</p>"


def _journal(unit: str, entries: Sequence[Json]) -> str:
    lines = escape("\n".join(_journal_line(entry) for entry in entries), quote=False)
    return f"<h3>{_h(unit)}</h3>" + (f"<pre>{lines}</pre>" if entries else "<p>No lines.</p>")


def _chart(material: Material) -> str:
    if not any(material.charts.values()):
        return "<p>Nothing was recorded.</p>"
    drawn = chart.svg(material.charts, material.span, material.marks, _h)
    return f"<figure>{drawn}</figure>{_table(_STATES, _states(material))}"
