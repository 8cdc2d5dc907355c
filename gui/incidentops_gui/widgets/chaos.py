"""The chaos service: its plan is shown before it is armed, then what comes of each step, and the way to end it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from PySide6.QtWidgets import QFrame, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from .. import chaos, faults, wording
from ..asking import Asking
from ..faulting import LOOKING, UNDOING
from ..translate import tr
from .box import Box
from .button import Button
from .chaos_steps import StepList
from .inject_form import Form
from .pane import Pane, Strip
from .steps import Pill
from .text import ink, label, write

if TYPE_CHECKING:
    from ..answers import Problem
    from ..chaos import Plan, Run
    from ..reducer import Changes
    from ..session import Session
    from ..state import State

AGAIN = 3.0
"""Seconds between two readings of a run that is under way; its faults are on the stream at once."""
ROLES = {"armed": "bad", "disarming": "warn"}


class ChaosWindow(Pane):
    """Armed is exactly the plan that is shown: its seed goes with it."""

    def __init__(self, session: Session, parent: QWidget) -> None:
        super().__init__(tr("Chaos run"), parent)
        self._session = session
        self._asking = Asking(session.target, self, LOOKING)
        self._acting = Asking(session.target, self, UNDOING)
        self._read_at = 0.0
        self.run: Run | None = None
        self.plan: Plan | None = None
        self.pill = Pill("", "muted", self)
        self.pill.hide()
        self.head.addWidget(self.pill)
        self.denied = Strip("warn", "", self)
        self.form = Form((), self.body)
        self.title = label(self.body, 0.85, bold=True)
        self.note = label(self.body, 0.95)
        self.note.setWordWrap(True)
        self.steps = StepList(self.body)
        self.status = label(self, 0.96)
        self.status.setWordWrap(True)
        self.show_plan = Button(tr("Show &plan"), "primary", self)
        self.show_plan.clicked.connect(self.ask_plan)
        self.arm = Button(tr("&Arm"), "danger", self)
        self.arm.clicked.connect(self._on_arm)
        self.disarm = Button(tr("&Disarm and revert"), "danger", self)
        self.disarm.clicked.connect(self._on_disarm)
        self._build()
        self.reread.connect(self.read)
        self.resize(880, 640)
        self.recolour()

    def _build(self) -> None:
        self.form.show_kind(chaos.settings_kind(), (1, 86_400), 30, "", tr("how long each fault lasts"))
        self.form.changed.connect(self._on_changed)
        left, right = Box(self.body), Box(self.body)
        self._left = left
        area = QScrollArea(left)
        inner = QWidget(area)
        column = QVBoxLayout(inner)
        column.addWidget(self.form)
        column.addStretch(1)
        area.setWidget(inner)
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.viewport().setAutoFillBackground(False)
        inner.setAutoFillBackground(False)
        QVBoxLayout(left).addWidget(area)
        told = QVBoxLayout(right)
        told.setContentsMargins(14, 12, 10, 8)
        for part in (self.title, self.note):
            told.addWidget(part)
        told.addWidget(self.steps, 1)
        row = QHBoxLayout(self.body)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(12)
        row.addWidget(left, 1)
        row.addWidget(right, 1)
        buttons = QHBoxLayout()
        buttons.addWidget(self.status, 1)
        for button in (self.disarm, self.show_plan, self.arm):
            buttons.addWidget(button)
        self.column.insertWidget(1, self.denied)
        self.column.addLayout(buttons)

    # -- reading

    def read(self) -> None:
        """Ask what it does."""
        if self.run is None:
            self.tell(tr("Asking the chaos service…"))
        self._read_at = time.time()
        self._asking.get("/chaos", chaos.run, self._on_run, self._on_unread)

    def _on_run(self, run: Run) -> None:
        self.run = run
        self.show_body()
        self._show()

    def _on_unread(self, problem: Problem) -> None:
        if self.run is None:
            self.tell_problem(problem, tr("This agent can't arm the chaos service."))
        else:
            self._say(problem.message, "bad")
        self._show()

    def ask_plan(self) -> None:
        """Ask what would be done by what the form says."""
        self._say(tr("Planning…"), "muted")
        order = chaos.settings(self.form.values(), self.form.duration)
        self._acting.act("POST", "/chaos/plan", order, chaos.plan, self._on_plan, self._on_refused)
        self._show()

    def _on_plan(self, plan: Plan) -> None:
        self.plan = plan
        self.form.show_problems({})
        self._say("", "muted")
        self._show()

    def _on_changed(self) -> None:
        self.plan = None  # it was made of other settings
        self._acting.drop()
        self._show()

    # -- acting

    def _on_arm(self) -> None:
        if self.plan is not None:
            self._ask("/chaos/arm", dict(self.plan.settings), tr("Arming…"))

    def _on_disarm(self) -> None:
        self._ask("/chaos/disarm", None, tr("Disarming; the answer comes when everything is undone…"))

    def _ask(self, path: str, body: dict[str, Any] | None, said: str) -> None:
        self._say(said, "warn")
        self._acting.act("POST", path, body, chaos.run, self._on_acted, self._on_refused)
        self._show()

    def _on_acted(self, run: Run) -> None:
        self.plan = None
        self._say("", "muted")
        self._on_run(run)
        self.read()

    def _on_refused(self, problem: Problem) -> None:
        if problem.status == 403:
            self.denied.say(problem.message[:1].upper() + problem.message[1:])
            self._say("", "muted")
        elif problem.problems:
            at_fields = {key.partition("[")[0]: text for key, text in problem.problems}  # of a list, at the list
            self._say("\n".join(self.form.show_problems(at_fields)), "bad")
        else:
            self._say(problem.message, "bad")
        self._show()

    # -- showing

    def show_state(self, state: State, changes: Changes | None = None) -> None:
        self.show_connection(state)
        if changes is not None and (changes.chaos or changes.connection) and state.connection.live:
            self.read()
        self._show()

    def show_times(self, state: State) -> None:
        if self.armed and state.connection.live and not self._asking.busy and time.time() - self._read_at >= AGAIN:
            self.read()
        self._show_pill(state)

    @property
    def armed(self) -> bool:
        return self.run is not None and self.run.brief.armed

    def _show(self) -> None:
        state = self._session.store.state
        may = not self._session.commands.read_only and state.connection.live and self.has_body
        idle = may and not self._acting.busy and not self.denied.isVisibleTo(self)
        self._left.setVisible(not self.armed)
        self.disarm.setVisible(self.armed)
        self.disarm.setEnabled(may and not self._acting.busy)
        for button in (self.show_plan, self.arm):
            button.setVisible(not self.armed and self.has_body)
        self.show_plan.setEnabled(idle)
        self.show_plan.set_kind("plain" if self.plan is not None else "primary")
        self.arm.setEnabled(idle and self.plan is not None and bool(self.plan.steps))
        lasts = wording.seconds(float(self.form.values()["seconds"]))
        write(self.arm, tr("&Arm for {time}").format(time=lasts))
        self.arm.setToolTip("" if self.plan is not None else tr("Its plan is shown first"))
        self._show_steps()
        self._show_pill(state)

    def _show_steps(self) -> None:
        """The plan, else the run that there is or was."""
        run, plan = self.run, self.plan
        if plan is not None and not self.armed:
            write(self.title, tr("WHAT WOULD HAPPEN"))
            seed = tr("seed {seed}").format(seed=plan.settings.get("seed", ""))
            many = tr("{n} faults").format(n=len(plan.steps))
            write(self.note, plan.message or f"{many} · {seed}")
            self.steps.show_steps(plan.steps)
            return
        following = run.following if run is not None else None
        steps = run.steps if run is not None else ()
        write(self.title, tr("WHAT HAPPENS") if self.armed else tr("THE LAST RUN") if steps else tr("THE PLAN"))
        if run is None or not run.id:
            write(self.note, tr("Choose how, and have the plan shown: it can be armed then."))
        else:
            parts = [tr("seed {seed}").format(seed=run.seed), tr("{n} faults planned").format(n=run.planned)]
            parts += [tr("ended by {why}").format(why=run.ended_by)] if run.ended_by else []
            parts += [run.waiting] if run.waiting else []
            parts += [tr("not undone: {names}").format(names=", ".join(run.left))] if run.left else []
            write(self.note, " · ".join(parts))
        self.steps.show_steps((*steps, *((following,) if following is not None else ())))

    def _show_pill(self, state: State) -> None:
        if self.run is None:
            return
        brief = self.run.brief
        text = chaos.state(brief.status)
        if brief.status == "armed" and brief.until is not None:
            left = max(brief.until - time.time() - state.clock_offset, 0.0)
            text = f"{text} · {faults.countdown(left)}"
        self.pill.say(text, ROLES.get(brief.status, "muted") if state.connection.live else "muted")

    def _say(self, text: str, role: str) -> None:
        write(self.status, text)
        self.status.setProperty("tone", role)
        ink(self.status, role)

    def recolour(self) -> None:
        super().recolour()
        for part in (self.title, self.note):
            ink(part, "muted")
        ink(self.status, str(self.status.property("tone") or "muted"))
        self.denied.recolour()
        self.form.recolour()
