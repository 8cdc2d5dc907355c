"""The plan of a remediation: what would be done, in which order and why; run as it is shown, or not at all."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from .. import plans, wording
from ..asking import Asking
from ..translate import tr
from .button import Button
from .pane import Pane, Strip
from .steps import Steps
from .text import ink, label

if TYPE_CHECKING:
    from ..answers import Problem, Remediation
    from ..plans import Plan
    from ..reducer import Changes
    from ..session import Session
    from ..state import State


class PlanWindow(Pane):
    """Shows the plan that ``GET /remediate/plan`` gives and asks for exactly that one to be run."""

    def __init__(self, session: Session, parent: QWidget) -> None:
        super().__init__(tr("Remediation plan"), parent)
        self._session = session
        self._asking = Asking(session.target, self)
        self._known: frozenset[str] = frozenset()
        self._ours = False
        self.plan: Plan | None = None
        self.outdated = Strip("warn", tr("Read it anew"), self)
        self.outdated.pressed.connect(self.read)
        self.changed = Strip("warn", "", self)
        self.steps = Steps(self.turns, self)
        self.status = label(self, 0.96)
        self.status.setWordWrap(True)
        self.cancel = Button(tr("&Cancel"), "plain", self)
        self.cancel.setDefault(True)
        self.cancel.setAutoDefault(True)
        self.cancel.clicked.connect(self.close)
        self.run = Button(tr("&Run this plan"), "primary", self)
        self.run.setAutoDefault(False)
        self.run.clicked.connect(self._on_run)
        self._build()
        self.reread.connect(self.read)
        session.commands.remediated.connect(self._on_remediated)
        session.commands.refused.connect(self._on_refused)
        self.resize(680, 600)
        self.recolour()
        self.cancel.setFocus()

    def _build(self) -> None:
        row = QHBoxLayout()
        row.addWidget(self.status, 1)
        row.addWidget(self.cancel)
        row.addWidget(self.run)
        column = QVBoxLayout(self.body)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.outdated)
        column.addWidget(self.changed)
        column.addWidget(self.steps, 1)
        self.column.addLayout(row)
        # A window is no dialog: Enter is the default button's all the same.
        for key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            QShortcut(QKeySequence(key), self, self._on_enter)

    def _on_enter(self) -> None:
        focused = self.focusWidget()
        (focused if isinstance(focused, Button) and focused.isEnabled() else self.cancel).click()

    # -- reading

    def read(self, difference: tuple[str, ...] = ()) -> None:
        """Ask for the plan as it is now; ``difference`` is what has changed since the one that was shown."""
        if not self.has_body:
            self.tell(tr("Reading the plan…"))
        self._difference = difference
        self._asking.get("/remediate/plan", plans.plan, self._on_plan, self._on_problem)

    def _on_plan(self, plan: Plan) -> None:
        self._show(plan)
        lines = [tr("The plan has changed, nothing was done. This is the new one; what is different:")]
        self.changed.say("\n".join([*lines, *(f"•  {line}" for line in self._difference)]) if self._difference else "")

    def _on_problem(self, problem: Problem) -> None:
        self.plan = None
        self.tell_problem(problem, tr("This agent knows no plans."))
        self._show_buttons()

    def show_done(self, answer: Remediation) -> None:
        """Show what a remediation did instead of what one would do."""
        self.changed.say("")
        self._show(plans.ran(answer))
        self.heading.setText(tr("What remediation did"))
        partial = tr("Not everything could be recovered.")
        self._say(tr("Everything is recovered.") if answer.status == "completed" else partial,
                  "good" if answer.status == "completed" else "bad")  # fmt: skip

    def _show(self, plan: Plan) -> None:
        self.plan = plan
        self._known = down(self._session.store.state)
        self.outdated.say("")
        self.heading.setText(tr("Remediation plan"))
        about = [tr("plan {id}").format(id=plan.id) if plan.id else ""]
        about += [wording.clock(plan.at)] if plan.at is not None else []
        self.about.setText("  ·  ".join(part for part in about if part))
        self._say("", "muted")
        if plan.steps:
            titles = {name: card.service.title for name, card in self._session.store.state.cards.items()}
            self.steps.show_plan(plan, titles)
            self.show_body()
        else:
            self.tell(plan.message or wording.NOTHING_POPUP, "", "good")
        self._show_buttons()

    # -- running

    def _on_run(self) -> None:
        if self.plan is not None and self.run.isEnabled():
            self._ours = True
            self._session.commands.remediate(self.plan.id)

    def _on_remediated(self, answer: Remediation) -> None:
        if self._ours:
            self._ours = False
            self.show_done(answer)

    def _on_refused(self, _service: str, action: str, problem: Problem) -> None:
        if not self._ours or action != "remediate":
            return
        self._ours = False
        if problem.kind == "plan-changed":
            self.read(problem.difference or (problem.message,))
        else:
            self._say(problem.message, "bad")
        self._show_buttons()

    # -- showing

    def show_state(self, state: State, changes: Changes | None = None) -> None:
        self.show_connection(state)
        if changes is None or changes.connection:
            back = state.connection.live and changes is not None
            if back and self.plan is None and not self._asking.busy:
                self.read()
        open_plan = self.plan is not None and not self.plan.done and state.remediating is None
        if open_plan and self.plan is not None and self.plan.steps and down(state) != self._known:
            self.outdated.say(tr("Services have gone down or come back since this plan was made."))
        elif open_plan and self.plan is not None and not self.plan.steps and down(state) - self._known:
            self.read()
        self._show_buttons()

    def show_times(self, state: State) -> None:
        if state.remediating is not None:
            self._show_buttons()

    def _show_buttons(self) -> None:
        state, plan = self._session.store.state, self.plan
        pending = state.remediating
        may = not self._session.commands.read_only
        fresh = plan is not None and bool(plan.steps) and not plan.done
        self.run.setVisible(fresh or pending is not None)
        self.run.setEnabled(fresh and may and state.connection.live and pending is None)
        self.run.setToolTip("" if may else tr("This window is read only."))
        self.cancel.setText(tr("&Cancel") if fresh and pending is None else tr("&Close"))
        if pending is not None:
            took = wording.seconds(time.time() - pending.since)
            self._say(tr("Bringing back what is down… {time}").format(time=took), "warn")

    def _say(self, text: str, role: str) -> None:
        self.status.setText(text)
        self.status.setProperty("tone", role)
        ink(self.status, role)

    def recolour(self) -> None:
        super().recolour()
        for strip in (self.outdated, self.changed):
            strip.recolour()
        self.steps.recolour()
        ink(self.status, str(self.status.property("tone") or "muted"))


def down(state: State) -> frozenset[str]:
    return frozenset(name for name, card in state.cards.items() if not card.service.up)
