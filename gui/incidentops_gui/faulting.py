"""What the operator asks for about faults: injecting, reverting, and reverting all of them at once."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from PySide6.QtCore import QObject, Signal

from . import facts, faults, wording
from .asking import Asking, unknown_route
from .state import Tone
from .translate import tr

if TYPE_CHECKING:
    from collections.abc import Callable

    from .answers import Problem
    from .faults import Catalogue, Done, Fault
    from .session import Session

APPLYING, UNDOING = 340.0, 720.0
"""Seconds to wait for an answer: until an effect is measured, and until a service has recovered."""
LOOKING = 60.0
"""Seconds to wait for what is possible on the machine: all of it is tried."""
PARTIAL = (503,)
"""Codes of answers to a panic that say what is undone and what is not."""


class Faulting(QObject):
    """Each request is one of its own, and outlives the window that it was asked in: its end is said on the card.

    ``panicked`` carries faults.Panic; ``panic_failed`` a sentence, and ``chaos_left`` one of why chaos is armed still.
    """

    panicked = Signal(object)
    panic_failed = Signal(str)
    chaos_left = Signal(str)

    def __init__(self, session: Session, parent: QObject) -> None:
        super().__init__(parent)
        self._session = session
        self.known: Catalogue | None = None
        """What was possible on the machine when somebody looked last."""

    @property
    def may_act(self) -> bool:
        return not self._session.commands.read_only and self._session.store.state.connection.live

    def _ask(self, patience: float) -> Asking:
        return Asking(self._session.target, self, patience)

    # -- injecting

    def read_catalogue(
        self, asking: Asking, done: Callable[[Catalogue], None], refused: Callable[[Problem], None]
    ) -> None:
        """Ask what there is and what is possible; remembered for who asks next."""

        def took(catalogue: Catalogue) -> None:
            self.known = catalogue
            done(catalogue)

        asking.get("/faults/catalogue", faults.catalogue, took, refused)

    def inject(
        self, order: dict[str, Any], done: Callable[[Done], None], refused: Callable[[Problem], bool | None]
    ) -> None:
        """``refused`` answers whether somebody could be told; else the card tells it."""
        asking = self._ask(APPLYING)
        service = str(order["service"])

        def on_done(answer: Done) -> None:
            asking.deleteLater()
            if not answer.recorded:
                self._tell(service, wording.sentence(wording.not_recorded()), Tone.BAD)
            done(answer)

        def on_refused(problem: Problem) -> None:
            asking.deleteLater()
            if not refused(problem):
                self._tell(service, problem.message, Tone.BAD)

        asking.act("POST", "/faults", order, faults.done, on_done, on_refused)

    # -- reverting

    def revert(self, fault: Fault) -> None:
        """End one fault; the card says what came of it."""
        store = self._session.store
        if not self.may_act or fault.id in store.state.reverting:
            return
        ids = frozenset((fault.id,))
        asking = self._ask(UNDOING)

        def on_done(answer: Done) -> None:
            asking.deleteLater()
            store.apply(facts.RevertAnswered(ids))
            text = tr("{kind} reverted in {time}").format(kind=fault.kind, time=wording.latency(answer.took))
            if answer.outcome == "unchanged":
                text = tr("{kind} was over already").format(kind=fault.kind)
            if not answer.recorded:
                text = f"{text} — {wording.not_recorded()}"
            self._tell(fault.service, text, Tone.GOOD)

        def on_refused(problem: Problem) -> None:
            asking.deleteLater()
            store.apply(facts.RevertAnswered(ids))
            self._tell(fault.service, problem.message, Tone.BAD)

        store.apply(facts.RevertAsked(ids))
        asking.act("DELETE", f"/faults/{quote(fault.id, safe='')}", None, faults.done, on_done, on_refused)

    def panic(self) -> None:
        """Revert everything, at once and without a question; an armed chaos service is disarmed too."""
        store = self._session.store
        if not self.may_act or store.state.panicking:
            return
        ids = frozenset(one.id for one in store.state.faults)
        asking = self._ask(UNDOING)

        def on_done(answer: faults.Panic) -> None:
            asking.deleteLater()
            store.apply(facts.RevertAnswered(ids, panic=True))
            self.panicked.emit(answer)

        def on_refused(problem: Problem) -> None:
            asking.deleteLater()
            store.apply(facts.RevertAnswered(ids, panic=True))
            unknown = tr("This agent knows no faults.")
            self.panic_failed.emit(unknown if unknown_route(problem) else problem.message)

        if store.state.chaos is not None and store.state.chaos.armed:
            self._disarm()
        store.apply(facts.RevertAsked(ids, panic=True))
        asking.act("POST", "/faults/panic", None, faults.panic, on_done, on_refused, PARTIAL)

    def _disarm(self) -> None:
        """What is armed would inject again what a panic reverts; neither waits for the other."""
        asking = self._ask(UNDOING)

        def on_refused(problem: Problem) -> None:
            asking.deleteLater()
            self.chaos_left.emit(problem.message)

        asking.act("POST", "/chaos/disarm", None, dict, lambda _: asking.deleteLater(), on_refused)

    def _tell(self, service: str, text: str, tone: Tone) -> None:
        self._session.store.apply(facts.Told(service, text, tone, time.time()))
