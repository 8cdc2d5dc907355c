"""The agent's API as this service needs it, over the agent's unix socket."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import aiohttp

from incidentops_chaos.settings import ITSELF, Offer

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

LOOKING = 10.0
"""Seconds that an answer may take that changes nothing."""
CHECKING = 60.0
"""Seconds that it may take to say what is possible: a unit of root's looks."""
ACTING = 720.0
"""Seconds that injecting or reverting may take; the agent's own deadlines are a little less."""


class AwayError(Exception):
    """The agent does not answer, or not in a way that can be understood. ``sent``: whether it may have got the
    request."""

    def __init__(self, message: str, sent: bool) -> None:
        self.sent = sent
        super().__init__(message)


class RefusedError(Exception):
    """The agent has answered no: ``status`` and ``kind`` say why for programs, the text for people."""

    def __init__(self, status: int, kind: str, message: str) -> None:
        self.status = status
        self.kind = kind
        super().__init__(message)


class Agent:
    """All methods raise AwayError and RefusedError. ``user`` is whom the agent takes this process for."""

    def __init__(self, socket: Path, user: str) -> None:
        self._socket = socket
        self.user = user
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def offer(self) -> Offer:
        """What there is to be planned, possible at this moment or not: a plan must not depend on the moment."""
        catalogue = await self._ask("GET", "/faults/catalogue", CHECKING)
        asking = {
            kind["kind"]
            for kind in catalogue["kinds"]
            if any(parameter["default"] is None for parameter in kind["parameters"])
        }
        pairs = (
            (kind["kind"], about["service"])
            for kind in catalogue["kinds"]
            for about in kind["services"]
            if kind["kind"] not in asking and about["service"] != ITSELF
        )
        bounds = catalogue["duration"]
        return Offer(tuple(sorted(pairs)), float(bounds["low"]), float(bounds["most"]), tuple(sorted(asking)))

    async def faults(self) -> list[dict[str, Any]]:
        """What is injected now, by whomever."""
        return list(await self._ask("GET", "/faults", LOOKING))

    async def open_incidents(self) -> list[dict[str, Any]]:
        return list(await self._ask("GET", "/incidents?state=open", LOOKING))

    async def injecting(self) -> bool:
        """Whether the agent is at work on an injection that this user has asked for."""
        shown = await self._ask("GET", "/services", LOOKING)
        works = (about.get("busy") or {} for about in shown.values())
        return any(busy.get("action") == "inject" and busy.get("user") == self.user for busy in works)

    async def inject(self, kind: str, service: str, duration: float, key: str) -> str:
        """Inject a fault, whose id is returned when its effect was measured."""
        order = {"kind": kind, "service": service, "duration": duration}
        answer = await self._ask("POST", "/faults", ACTING, order, {"Idempotency-Key": key})
        return str(answer["fault"]["id"])

    async def revert(self, fault_id: str) -> None:
        """Revert a fault; returns when the service has recovered. One that nobody knows any more is over."""
        try:
            await self._ask("DELETE", f"/faults/{fault_id}", ACTING)
        except RefusedError as error:
            if error.status != 404:
                raise

    async def _ask(
        self,
        method: str,
        path: str,
        seconds: float,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        if self._session is None:
            # No connection is kept: a request on one that the agent has just closed would be sent twice, or be lost.
            self._session = aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(self._socket), force_close=True))
        timeout = aiohttp.ClientTimeout(total=seconds)
        sent = False
        try:
            async with self._session.request(
                method, f"http://localhost{path}", json=body, headers=headers, timeout=timeout, allow_redirects=False
            ) as response:
                sent = True
                answer = json.loads(await response.read())
        except aiohttp.ClientConnectorError as error:
            raise AwayError(
                f"the agent can't be reached: {error.os_error.strerror or error.os_error}", False
            ) from error
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
            why = str(error) or type(error).__name__
            raise AwayError(f"the agent has not answered {method} {path}: {why}", sent or method != "GET") from error
        if response.status >= 400:
            said = answer if isinstance(answer, dict) else {}
            raise RefusedError(response.status, str(said.get("kind", "")), str(said.get("message", "it says no")))
        return answer
