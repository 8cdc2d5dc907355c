"""How the bus worker speaks of units: which properties it tells, and their values as JSON knows them."""

from __future__ import annotations

import re
import sys
from typing import Any

# D-Bus property -> field of model.UnitView.
FIELDS = {
    b"Id": "unit",
    b"LoadState": "load_state",
    b"ActiveState": "active_state",
    b"SubState": "sub_state",
    b"Result": "result",
    b"MainPID": "main_pid",
    b"ExecMainCode": "exec_main_code",
    b"ExecMainStatus": "exec_main_status",
    b"NRestarts": "n_restarts",
    b"Restart": "restart_policy",
    b"InvocationID": "invocation_id",
    b"UnitFileState": "unit_file_state",
    b"ActiveEnterTimestamp": "active_enter_usec",
    b"InactiveExitTimestamp": "inactive_exit_usec",
    b"StateChangeTimestamp": "state_change_usec",
    b"ActiveExitTimestamp": "active_exit_usec",
    b"ExecMainExitTimestamp": "exec_main_exit_usec",
    b"ConditionResult": "condition_result",
    b"ConditionTimestamp": "condition_usec",
    b"FreezerState": "freezer_state",
    b"ControlGroup": "control_group",
    b"Description": "description",
}

Record = dict[str, str | int | bool]


def plain(field: str, value: Any) -> str | int | bool:
    """A D-Bus value as JSON knows it; an invocation id is sixteen bytes, given as hex."""
    if field == "invocation_id":
        return bytes(value).hex()
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, bool):
        return value
    return int(value)


def text(value: bytes | str) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else value


def log(sentence: str) -> None:
    """A notice to the journal, by the priority prefix of sd-daemon(3)."""
    sys.stderr.write(f"<5>{sentence}\n")


def version_key(name: str) -> list[tuple[int, int, str]]:
    """Sorts postgresql@9-main before postgresql@17-main."""
    parts = re.findall(r"\d+|\D+", name)
    return [(1, int(part), "") if part.isdigit() else (0, 0, part) for part in parts]
