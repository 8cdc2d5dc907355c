"""Runs the probes: one at a time per service, with a deadline, and a second try when a kept connection was stale."""

from __future__ import annotations

import asyncio
import importlib
import logging
import time
from typing import TYPE_CHECKING

from .model import ProbeOutcome, ProbeResult
from .probes.base import ProbeFailedError, ProbeUnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .model import ServiceSpec
    from .probes.base import Probe

log = logging.getLogger(__name__)

# Kind -> module and class. Imported when first needed: a machine without RabbitMQ need not hold its client in memory.
KINDS = {
    "postgres": ("postgres", "PostgresProbe"),
    "redis": ("redis", "RedisProbe"),
    "rabbitmq": ("rabbitmq", "RabbitmqProbe"),
    "worker": ("worker", "WorkerProbe"),
    "http": ("http", "HttpProbe"),
}


def make(spec: ServiceSpec) -> Probe:
    module, name = KINDS[spec.probe.kind]
    made: Probe = getattr(importlib.import_module(f".probes.{module}", __package__), name)(spec.probe)
    return made


def complaints(detail: dict[str, str]) -> str:
    """What a service that answers has to say of the ones that it needs, as a sentence; empty when all is well."""
    return "; ".join(f"it answers, but says of {name}: {word}" for name, word in detail.items() if word != "ok")


class ServiceProber:
    """ports.Prober."""

    def __init__(self) -> None:
        self._probes: dict[str, Probe] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self._broken: dict[str, str] = {}

    async def probe(self, spec: ServiceSpec, deadline: float) -> ProbeResult:
        if spec.probe.kind == "none":
            return ProbeResult(ProbeOutcome.NONE, message="this service has no probe")
        lock = self._locks.setdefault(spec.name, asyncio.Lock())
        began = time.perf_counter()
        try:
            async with asyncio.timeout(deadline), lock:
                began = time.perf_counter()
                detail = await self._ask(spec)
        except TimeoutError:
            outcome, sentence = ProbeOutcome.FAILED, f"no answer within {deadline:g} s"
        except ProbeFailedError as error:
            outcome, sentence = ProbeOutcome.FAILED, str(error)
        except ProbeUnavailableError as error:
            outcome, sentence = ProbeOutcome.UNAVAILABLE, str(error)
        except Exception as error:  # never let the task end that watches the service
            outcome, sentence = ProbeOutcome.FAILED, f"the agent's probe is broken: {type(error).__name__}: {error}"
            if self._broken.get(spec.name) != sentence:
                log.exception("the probe of %s failed by a mistake of the agent's", spec.name)
            self._broken[spec.name] = sentence
        else:
            return ProbeResult(ProbeOutcome.OK, time.perf_counter() - began, complaints(detail), detail)
        latency = time.perf_counter() - began
        return ProbeResult(outcome, latency, sentence)

    async def _ask(self, spec: ServiceSpec) -> dict[str, str]:
        probe = self._probes.get(spec.name)
        if probe is None:
            probe = self._probes[spec.name] = make(spec)
        was_connected = probe.connected
        try:
            return await probe.ask()
        except ProbeFailedError:
            await probe.close()
            if not was_connected:
                raise
            # The kept connection may only have been older than the service's last restart.
            return await self._ask_afresh(probe)
        except BaseException:
            await probe.close()
            raise

    async def _ask_afresh(self, probe: Probe) -> dict[str, str]:
        try:
            return await probe.ask()
        except BaseException:
            await probe.close()
            raise

    async def forget(self, names: Iterable[str]) -> None:
        for name in names:
            self._locks.pop(name, None)
            self._broken.pop(name, None)
            probe = self._probes.pop(name, None)
            if probe is not None:
                await probe.close()

    async def close(self) -> None:
        await self.forget(list(self._probes))
