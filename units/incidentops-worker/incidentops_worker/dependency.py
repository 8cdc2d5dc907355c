"""Whether a server that the worker needs is there, said once when that changes."""

import logging
import time

from incidentops_worker.metrics import Metrics

log = logging.getLogger(__name__)


class Dependency:
    """What the worker last saw of one server. Several connections may report to one of these."""

    def __init__(self, name: str, title: str, metrics: Metrics) -> None:
        """`name` labels the metrics, `title` names the server in sentences."""
        self.name = name
        self.title = title
        self._metrics = metrics
        self._reason: str | None = "not tried yet"
        self._since = time.monotonic()
        self._told = False

    @property
    def status(self) -> str:
        """ "ok", or a sentence that says what is wrong."""
        return "ok" if self._reason is None else f"{self.title}: {self._reason}"

    def ok(self) -> None:
        """The server answered."""
        if self._reason is None:
            return
        away = time.monotonic() - self._since
        log.info("%s answers%s.", self.title, f" again, after {away:.1f} s" if self._told else "")
        self._reason, self._told = None, False
        self._metrics.up.labels(self.name).set(1)

    def failed(self, reason: str) -> None:
        """The server did not answer, and `reason` says how, without a full stop."""
        if self._reason is None:
            self._since = time.monotonic()
        if not self._told:
            log.warning("%s is away: %s. Trying until it is back.", self.title, reason)
        self._reason, self._told = reason, True
        self._metrics.up.labels(self.name).set(0)

    def reconnected(self) -> None:
        """A connection was established again after a loss."""
        self._metrics.reconnects.labels(self.name).inc()
