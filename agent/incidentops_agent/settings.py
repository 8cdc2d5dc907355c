"""The agent's own settings: /etc/incidentops/agent.yaml, read through the same edge as the catalogue."""

from __future__ import annotations

from dataclasses import dataclass, replace

from . import edge


@dataclass(frozen=True, slots=True)
class Callers:
    """Numeric uids, groups by name, and uids of processes outside this machine's PID namespace (a lab machine's host),
    where another numbering holds and groups mean nothing."""

    uids: frozenset[int] = frozenset()
    outside_uids: frozenset[int] = frozenset()
    groups: tuple[str, ...] = ()


OPERATORS = Callers(groups=("incidentops",))
CHAOS = Callers(groups=("incidentops-chaos",))


@dataclass(frozen=True, slots=True)
class Settings:
    """Who may operate and who may inject faults, beside root; for how many days the audit trail keeps its rows, 0 for
    ever."""

    operators: Callers = OPERATORS
    chaos: Callers = CHAOS
    keep_days: int = 0


def _callers(section: edge.Section | None, default: Callers) -> Callers:
    if section is None:
        return default
    uids = {key: section.integers(key) for key in ("uids", "outside_uids")}
    for key, given in uids.items():
        if any(not 0 <= uid < 2**32 - 1 for uid in given):
            section.problem(key, "must be numeric user ids from 0 to 4294967294")
    groups = section.texts("groups") if section.has("groups") else list(default.groups)
    section.close()
    return Callers(frozenset(uids["uids"]), frozenset(uids["outside_uids"]), tuple(groups))


def parse(file: str, text: str) -> Settings:
    """Read the settings from a text.

    Raises:
        edge.EdgeError: with every mistake.
    """
    problems: list[edge.Problem] = []
    section = edge.read(file, text, problems)
    settings = Settings()
    if section is not None:
        settings = Settings(
            _callers(section.section("operators"), settings.operators),
            _callers(section.section("chaos"), settings.chaos),
        )
        audit = section.section("audit")
        if audit is not None:
            settings = replace(settings, keep_days=audit.integer("keep_days", 0, 1, 36500))
            audit.close()
        section.close()
    if problems:
        raise edge.EdgeError(problems)
    return settings
