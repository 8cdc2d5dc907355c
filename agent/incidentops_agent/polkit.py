"""The polkit rule, made from the catalogue: user incidentops may control the catalogue's units and faults, no others.

The rule is JavaScript, polkit(8). systemd asks polkit with the action org.freedesktop.systemd1.manage-units and tells
it unit and verb.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .catalogue import Catalogue

USER = "incidentops"
VERBS = ("ref", "reset-failed", "restart", "start", "stop", "thaw")
"""``ref`` holds a unit in memory, so that a stopped one keeps its timestamps."""

FAULTS = r"^incidentops-fault@[0-9a-f]{8,32}\.service$"
FAULT_VERBS = ("ref", "start", "stop")
"""Every fault is an instance of that unit: it reads its request by its id, and root's program judges the request."""

_TEMPLATE = """\
// Made by incidentops-agent from its catalogue when it starts; changes are lost. See incidentops-agent(8).
polkit.addRule(function(action, subject) {{
    if (action.id !== "org.freedesktop.systemd1.manage-units" || subject.user !== "{user}")
        return polkit.Result.NOT_HANDLED;
    var verbs = {verbs};
    var units = {units};
    var patterns = {patterns};
    var unit = String(action.lookup("unit"));
    if ({fault_verbs}.indexOf(String(action.lookup("verb"))) >= 0 && new RegExp({faults}).test(unit))
        return polkit.Result.YES;
    if (verbs.indexOf(String(action.lookup("verb"))) < 0)
        return polkit.Result.NOT_HANDLED;
    if (units.indexOf(unit) >= 0)
        return polkit.Result.YES;
    for (var i = 0; i < patterns.length; i++)
        if (new RegExp(patterns[i]).test(unit))
            return polkit.Result.YES;
    return polkit.Result.NOT_HANDLED;
}});
"""


def expression(pattern: str) -> str:
    """A unit pattern as a regular expression; its * stands for part of an instance's name, never for more."""
    before, _, after = pattern.partition("*")
    return f"^{re.escape(before)}[A-Za-z0-9:_.-]+{re.escape(after)}$"


def rule(catalogue: Catalogue) -> str:
    """The text of the rules file."""
    specs = catalogue.services.values()
    return _TEMPLATE.format(
        user=USER,
        verbs=json.dumps(VERBS),
        fault_verbs=json.dumps(FAULT_VERBS),
        faults=json.dumps(FAULTS),
        units=json.dumps([spec.unit for spec in specs if not spec.is_pattern]),
        patterns=json.dumps([expression(spec.unit) for spec in specs if spec.is_pattern]),
    )
