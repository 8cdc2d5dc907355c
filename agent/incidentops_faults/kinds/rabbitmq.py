"""What the faults inside RabbitMQ have in common: a connection with the broker."""

from __future__ import annotations

import contextlib
from abc import abstractmethod
from typing import TYPE_CHECKING

from .. import rabbitmqctl
from ..amqp import Broker
from ..errors import FaultError
from .base import Fault

if TYPE_CHECKING:
    from ..waiting import Hold


class Rabbitmq(Fault):
    probes = ("rabbitmq",)
    needs = "rabbitmqctl, and the login of the service's probe"

    def check(self) -> str:
        if lacking := rabbitmqctl.missing():
            return lacking
        try:
            Broker.of(self.order.target).close()
        except FaultError as error:
            return f"the broker does not let the probe's user in: {error}"
        return ""


class Connected(Rabbitmq):
    """A fault that is a connection, and ends with it."""

    broker: Broker | None = None

    @abstractmethod
    def begin(self) -> None:
        """Make the connection."""

    @abstractmethod
    def keep(self) -> None:
        """What is to be done a few times each second in a connection that works.

        Raises:
            FaultError: it works no longer.
        """

    def hold(self, hold: Hold) -> None:
        while not hold.wait(0.3):
            # a broker that is down will be connected to when it is up again
            with contextlib.suppress(FaultError):
                self._keep()
        if self.broker is not None:
            self.broker.close()

    def _keep(self) -> None:
        if self.broker is None:
            self.begin()
        try:
            self.keep()
        except FaultError:
            if self.broker is not None:
                self.broker.close()
            self.broker = None
            raise
