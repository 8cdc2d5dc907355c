"""The agent's own settings: /etc/incidentops/agent.yaml, read through the same edge as the catalogue."""

from __future__ import annotations

from dataclasses import dataclass, replace

from . import edge


@dataclass(frozen=True, slots=True)
class Settings:
    """Who may operate, beside root: numeric uids, groups by name, and uids of processes outside this machine's PID
    namespace (a lab machine's host), where another numbering holds and groups mean nothing. For how many days the
    audit trail keeps its rows, 0 for ever."""

    operator_uids: frozenset[int] = frozenset()
    outside_uids: frozenset[int] = frozenset()
    operator_groups: tuple[str, ...] = ("incidentops",)
    keep_days: int = 0


def parse(file: str, text: str) -> Settings:
    """Read the settings from a text.

    Raises:
        edge.EdgeError: with every mistake.
    """
    problems: list[edge.Problem] = []
    section = edge.read(file, text, problems)
    settings = Settings()
    if section is not None:
        operators = section.section("operators")
        if operators is not None:
            uids = {key: operators.integers(key) for key in ("uids", "outside_uids")}
            for key, given in uids.items():
                if any(not 0 <= uid < 2**32 - 1 for uid in given):
                    operators.problem(key, "must be numeric user ids from 0 to 4294967294")
            groups = operators.texts("groups") if operators.has("groups") else list(settings.operator_groups)
            operators.close()
            settings = Settings(frozenset(uids["uids"]), frozenset(uids["outside_uids"]), tuple(groups))
        audit = section.section("audit")
        if audit is not None:
            settings = replace(settings, keep_days=audit.integer("keep_days", 0, 1, 36500))
            audit.close()
        section.close()
    if problems:
        raise edge.EdgeError(problems)
    return settings
