"""The Inject dialog: what is offered, what is asked for, and what is said when it is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from incidentops_gui import faults
from incidentops_gui.widgets.inject import InjectDialog
from incidentops_gui.widgets.inject_form import DURATION, Form
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QCheckBox, QComboBox, QDoubleSpinBox, QSpinBox, QWidget

from gui.conftest import answer

if TYPE_CHECKING:
    from incidentops_gui import theme
    from pytestqt.qtbot import QtBot

    from gui.conftest import Desk
    from gui.fake_agent import FakeAgent

PREVIEW = {
    "kind": "hang",
    "service": "redis",
    "parameters": {},
    "duration_seconds": 60.0,
    "available": True,
    "reason": "",
    "preview": ["The 1 processes of redis-server.service stand still; their clients wait without an answer."],
}
DONE = {
    "service": "redis",
    "outcome": "ok",
    "reason": "hang of redis is in effect",
    "duration_seconds": 0.7,
    "recorded": True,
    "fault": None,
}


@pytest.fixture
def chaotic(agent: FakeAgent) -> FakeAgent:
    """An agent that knows faults."""
    agent.answers["GET /faults/catalogue"] = (200, answer("faults-catalogue"))
    agent.answers["POST /faults/preview"] = (200, PREVIEW)
    agent.answers["POST /faults"] = (200, DONE)
    return agent


def opened(desk: Desk, agent: FakeAgent, service: str = "redis") -> InjectDialog:
    desk.live()
    desk.until(lambda: agent.readers)
    menu = desk.card(service).menu()
    next(action for action in menu.actions() if action.text() == "Inject a &fault…").trigger()
    menu.close()
    return desk.window.findChildren(InjectDialog)[-1]


def ready(desk: Desk, agent: FakeAgent, kind: str = "hang") -> InjectDialog:
    dialog = opened(desk, agent)
    desk.until(lambda: dialog.kind is not None)
    dialog.kinds.choose(kind)
    desk.until(lambda: dialog.told_before.text().startswith("•"))
    return dialog


def gone(desk: Desk) -> bool:
    return not desk.window.findChildren(InjectDialog)


# -- the form


def test_each_type_of_parameter_has_its_field(qtbot: QtBot, themed: theme.Theme) -> None:
    parent = QWidget()
    qtbot.addWidget(parent)
    form = Form(["postgres", "redis"], parent)
    taken = (
        faults.Parameter("percent", "integer", "how much", 5, "%", 1, 1000),
        faults.Parameter("after", "number", "how long", 2.5, "seconds", 0.1, 600),
        faults.Parameter("signal", "choice", "which", "SIGKILL", choices=("SIGINT", "SIGKILL")),
        faults.Parameter("restart", "flag", "whether", True),
        faults.Parameter("host", "text", "which host", None, pattern="[a-z]+", wanted="lower-case letters"),
        faults.Parameter("other", "service", "towards whom", "redis"),
    )
    form.show_kind(faults.Kind("x", "X", "", "", taken), (1, 86400), 90)
    widgets = [entry.widget for entry in form.entries.values()]
    kinds = (QSpinBox, QDoubleSpinBox, QComboBox, QCheckBox, QWidget, QComboBox, QSpinBox)
    assert all(isinstance(widget, kind) for widget, kind in zip(widgets, kinds, strict=True))
    spin = form.entries["parameters.percent"].widget
    assert isinstance(spin, QSpinBox)
    assert (spin.minimum(), spin.maximum(), spin.suffix()) == (1, 1000, " %")
    assert all(widget.accessibleName() for widget in widgets)
    assert "parameters.host" in form.mistakes()
    host = form.entries["parameters.host"]
    assert host.shown.text() == "must be given"
    host.widget.setText("UPPER")  # type: ignore[attr-defined]
    assert host.shown.text() == "must be lower-case letters"
    host.widget.setText("db")  # type: ignore[attr-defined]
    assert not form.mistakes()
    assert form.values() == {
        "percent": 5,
        "after": 2.5,
        "signal": "SIGKILL",
        "restart": True,
        "host": "db",
        "other": "redis",
    }
    assert form.duration == 90
    assert form.entries[DURATION].hint.text() == "undone after so long at the latest: 1 min · 1 s to 1 d"
    assert form.show_problems({"parameters.percent": "is too much", "kind": "is unknown"}) == ["kind: is unknown"]
    assert form.entries["parameters.percent"].shown.text() == "is too much"


# -- what is offered


def test_what_is_possible_comes_first_and_the_rest_says_why_not(desk: Desk, chaotic: FakeAgent) -> None:
    dialog = opened(desk, chaotic)
    desk.until(lambda: dialog.kind is not None)
    model = dialog.kinds.model
    texts = [model.index(row, 0).data(Qt.ItemDataRole.AccessibleTextRole) for row in range(model.rowCount())]
    blocked = ["Unavailable" in text for text in texts]
    assert blocked == sorted(blocked)
    assert any(blocked)
    assert not all(blocked)
    dialog.kinds.choose("cpu")
    assert "the cpu controller is missing" in dialog.told_before.text()
    assert not dialog.go.isEnabled()
    dialog.kinds.search.setText("frozen")
    assert dialog.kinds.current is not None
    assert dialog.kinds.current.name == "hang"
    dialog.kinds.search.setText("nothing like that")
    assert not dialog.kinds.model.rowCount()
    assert not dialog.go.isVisible()
    assert dialog.kinds.none.isVisible()


def test_while_it_is_looked_what_is_possible_it_says_so(desk: Desk, chaotic: FakeAgent) -> None:
    del chaotic.answers["GET /faults/catalogue"]
    chaotic.answers["GET /faults/catalogue"] = (503, {"kind": "busy", "message": "cannot ask what is possible here"})
    dialog = opened(desk, chaotic)
    assert dialog.told.title.text() == "Looking what is possible here…"
    desk.until(lambda: dialog.told.text.text() == "cannot ask what is possible here")
    chaotic.answers["GET /faults/catalogue"] = (200, {**answer("faults-catalogue"), "kinds": []})
    desk.click(dialog.told.retry)
    desk.until(lambda: dialog.told.title.text() == "No kind of fault is installed there.")
    chaotic.answers["GET /faults/catalogue"] = (404, {"kind": "not-found", "message": "cannot find it"})


def test_an_agent_without_faults_says_so(desk: Desk, agent: FakeAgent) -> None:
    dialog = opened(desk, agent)
    desk.until(lambda: dialog.told.title.text() == "This agent knows no faults.")
    assert not dialog.go.isVisible()


# -- what is asked for


def test_a_hang_is_previewed_and_injected(desk: Desk, chaotic: FakeAgent) -> None:
    dialog = ready(desk, chaotic)
    assert "stand still" in dialog.told_before.text()
    assert "Needs it and will suffer: Job worker (worker)" in dialog.told_before.text()
    assert dialog.go.text() == "Inject hang into redis"
    assert dialog.cancel.isDefault()
    assert not dialog.go.isDefault()
    chaotic.requests.clear()
    desk.click(dialog.go)
    desk.until(lambda: gone(desk))
    (request,) = chaotic.posts()
    assert request.path == "/faults"
    assert request.json == {"kind": "hang", "service": "redis", "parameters": {}, "duration": 60}
    assert request.headers["idempotency-key"]


def test_a_burst_of_changes_is_previewed_once(desk: Desk, chaotic: FakeAgent) -> None:
    dialog = ready(desk, chaotic, "kill")
    chaotic.requests.clear()
    repeat = dialog.form.entries["parameters.repeat"].widget
    assert isinstance(repeat, QSpinBox)
    for value in range(1, 8):
        repeat.setValue(value)
    desk.until(lambda: chaotic.asked("/faults/preview"))
    asked = chaotic.asked("/faults/preview")
    assert [one.json["parameters"]["repeat"] for one in asked] == [7]
    assert asked[0].json["parameters"] == {"signal": "SIGKILL", "whom": "main", "repeat": 7}


def test_enter_is_cancel_and_asks_for_nothing(desk: Desk, chaotic: FakeAgent) -> None:
    dialog = ready(desk, chaotic)
    desk.key(dialog, Qt.Key.Key_Return)
    desk.until(lambda: gone(desk))
    assert not chaotic.asked("/faults")


def test_enter_in_the_search_goes_to_the_list_and_esc_closes(desk: Desk, chaotic: FakeAgent) -> None:
    dialog = ready(desk, chaotic)
    dialog.kinds.search.setFocus()
    desk.key(dialog.kinds.search, Qt.Key.Key_Return)
    assert dialog.isVisible()
    desk.key(dialog, Qt.Key.Key_Escape)
    desk.until(lambda: gone(desk))


# -- what is refused


def test_each_mistake_stands_at_its_field(desk: Desk, chaotic: FakeAgent) -> None:
    problems = [
        {"key": "parameters.signal", "message": "is not for this service"},
        {"key": "duration", "message": "is longer than this machine allows"},
        {"key": "service", "message": "is gone"},
    ]
    refused = {"kind": "malformed", "message": "cannot take the body: ...", "problems": problems}
    dialog = ready(desk, chaotic, "kill")
    chaotic.answers["POST /faults"] = (400, refused)
    desk.click(dialog.go)
    entries = dialog.form.entries
    desk.until(entries[DURATION].shown.isVisible)
    assert entries[DURATION].shown.text() == "is longer than this machine allows"
    assert entries["parameters.signal"].shown.text() == "is not for this service"
    assert entries["parameters.signal"].widget.accessibleDescription().startswith("is not for this service")
    assert dialog.said.text() == "service: is gone"
    assert dialog.go.isEnabled()


@pytest.mark.parametrize("path", ["POST /faults/preview", "POST /faults"])
def test_who_may_not_is_told_who_may(desk: Desk, chaotic: FakeAgent, path: str) -> None:
    message = "cannot inject faults: members of the group incidentops-chaos and root may"
    dialog = ready(desk, chaotic)
    chaotic.answers[path] = (403, {"kind": "denied", "message": message})
    if path == "POST /faults":
        desk.click(dialog.go)
    else:
        dialog.preview()
    desk.until(dialog.warning.isVisible)
    assert dialog.warning.text.text() == message[:1].upper() + message[1:]
    assert not dialog.go.isEnabled()


@pytest.mark.parametrize("status", [409, 503])
def test_a_fault_without_effect_leaves_the_dialog_open(desk: Desk, chaotic: FakeAgent, status: int) -> None:
    dialog = ready(desk, chaotic)
    chaotic.answers["POST /faults"] = (status, {"kind": "no-effect", "message": "cannot inject hang: it answers still"})
    chaotic.hold.clear()
    desk.click(dialog.go)
    desk.until(lambda: dialog.said.text().startswith("Injecting"))
    assert not dialog.form.isEnabled()
    assert not dialog.go.isEnabled()
    chaotic.hold.set()
    desk.until(lambda: dialog.said.text() == "cannot inject hang: it answers still")
    assert dialog.form.isEnabled()


def test_an_answer_to_a_closed_dialog_is_on_the_card(desk: Desk, chaotic: FakeAgent) -> None:
    dialog = ready(desk, chaotic)
    chaotic.answers["POST /faults"] = (503, {"kind": "no-effect", "message": "cannot inject hang: it answers still"})
    chaotic.hold.clear()
    desk.click(dialog.go)
    desk.until(lambda: chaotic.asked("/faults"))
    dialog.reject()
    desk.until(lambda: gone(desk))
    chaotic.hold.set()
    desk.until(lambda: desk.card("redis").message.text() == "cannot inject hang: it answers still")


def test_what_is_broken_already_or_not_connected_is_not_broken_again(desk: Desk, chaotic: FakeAgent) -> None:
    dialog = ready(desk, chaotic)
    chaotic.break_it("redis", kind="stop")
    desk.until(dialog.warning.isVisible)
    assert dialog.warning.text.text() == "stop is injected into it already; revert that first."
    assert not dialog.go.isEnabled()
    chaotic.mend("redis")
    desk.until(dialog.go.isEnabled)
    chaotic.close()
    desk.until(lambda: dialog.warning.text.text() == "Not connected to the agent.")
    assert not dialog.go.isEnabled()
    chaotic.open()
    desk.until(dialog.go.isEnabled)


def test_a_new_host_closes_the_dialog(desk: Desk, chaotic: FakeAgent) -> None:
    ready(desk, chaotic)
    desk.window.use(desk.session)
    desk.until(lambda: gone(desk))


@pytest.mark.parametrize("fields", [{"phase": "active"}, {}])
def test_the_card_offers_what_can_be_done(desk: Desk, chaotic: FakeAgent, fields: dict[str, Any]) -> None:
    desk.live()
    desk.until(lambda: chaotic.readers)
    if fields:
        chaotic.break_it("redis", **fields)
        desk.until(lambda: desk.card("redis").fault.shown)
    menu = desk.card("redis").menu()
    texts = [action.text() for action in menu.actions()]
    assert ("Re&vert the fault" in texts) == bool(fields)
    assert ("Inject a &fault…" in texts) == (not fields)
    menu.close()
