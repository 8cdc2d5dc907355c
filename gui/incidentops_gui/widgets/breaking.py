"""Breaking services on purpose, and bringing them back: opens the dialog, reverts, and says what a panic did."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from ..faulting import Faulting
from ..translate import tr
from .popup import Popup

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget

    from ..faults import Panic
    from ..session import Session
    from .inject import InjectDialog


class Breaking(QObject):
    """For one session; its dialogs go with it, what was asked for goes on at the agent."""

    def __init__(self, session: Session, window: QWidget) -> None:
        super().__init__(window)
        self._session = session
        self._window = window
        self.faulting = Faulting(session, self)
        self.faulting.panicked.connect(self._on_panicked)
        self.faulting.panic_failed.connect(self._on_panic_failed)
        self.faulting.chaos_left.connect(self._on_chaos_left)

    def close(self) -> None:
        """Another agent is shown."""
        from .inject import InjectDialog

        for dialog in self._window.findChildren(InjectDialog):
            dialog.close()
        self.deleteLater()

    def inject(self, service: str) -> InjectDialog | None:
        """Ask what to inject into a service; one dialog for each of them."""
        from .inject import InjectDialog

        state = self._session.store.state
        if service not in state.cards or not self.faulting.may_act:
            return None
        for known in self._window.findChildren(InjectDialog):
            if known.service == service and known.isVisible():
                known.raise_()
                known.activateWindow()
                return known
        dialog = InjectDialog(self._session, self.faulting, service, self._window)
        dialog.show()
        dialog.read()
        return dialog

    def revert(self, service: str) -> None:
        """End the fault of a service."""
        card = self._session.store.state.cards.get(service)
        if card is not None and card.service.fault is not None:
            self.faulting.revert(card.service.fault)

    def panic(self) -> None:
        """End all of them."""
        self.faulting.panic()

    def _on_panicked(self, answer: Panic) -> None:
        title = tr("The following faults were reverted:") if answer.reverted else tr("No fault could be reverted.")
        if not answer.reverted and not answer.left:
            title = tr("No fault is injected.")
        left = tr("Not reverted yet, systemd goes on trying:")
        Popup(title, answer.reverted, answer.left, self._window, left=left).show()

    def _on_chaos_left(self, message: str) -> None:
        Popup(tr("The chaos service is not disarmed."), (), (message,), self._window, left=tr("The agent says:")).show()

    def _on_panic_failed(self, message: str) -> None:
        Popup(tr("Nothing was reverted."), (), (message,), self._window, left=tr("The agent says:")).show()
