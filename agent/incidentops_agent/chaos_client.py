"""The chaos service's own API, on its unix socket."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp

from .ports import ChaosError

if TYPE_CHECKING:
    from collections.abc import Mapping

SOCKET = Path("/run/incidentops-chaos/chaos.sock")
LOOKING, PLANNING, DISARMING = 5.0, 75.0, 750.0
"""Seconds that an answer may take: a plan asks what can be injected, disarming waits until all is undone."""


class ChaosClient:
    """ports.Chaos."""

    def __init__(self, socket: Path = SOCKET) -> None:
        self._socket = socket

    async def status(self) -> dict[str, Any]:
        return await self._ask("GET", "/status", LOOKING)

    async def plan(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        return await self._ask("POST", "/plan", PLANNING, settings)

    async def arm(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        return await self._ask("POST", "/arm", PLANNING, settings)

    async def disarm(self) -> dict[str, Any]:
        return await self._ask("POST", "/disarm", DISARMING)

    async def _ask(
        self, method: str, path: str, seconds: float, body: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        # Asked too seldom for a connection to be worth keeping.
        connector = aiohttp.UnixConnector(str(self._socket))
        timeout = aiohttp.ClientTimeout(total=seconds)
        try:
            async with (
                aiohttp.ClientSession(connector=connector, timeout=timeout) as session,
                session.request(method, f"http://localhost{path}", json=body, allow_redirects=False) as response,
            ):
                answer = json.loads(await response.read())
        except aiohttp.ClientConnectorError as error:
            why = error.os_error.strerror or str(error.os_error)
            raise _unreachable(f"{why}; see incidentops status chaos") from error
        except TimeoutError as error:
            raise _unreachable(f"it has not answered within {seconds:g} s") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise _unreachable(str(error) or type(error).__name__) from error
        if not isinstance(answer, dict):
            raise _unreachable("what answers in its place is something else")
        if response.status >= 400:
            kind, message = str(answer.pop("kind", "chaos-refused")), str(answer.pop("message", "it says no"))
            raise ChaosError(response.status, kind, message, answer)
        return answer


def _unreachable(why: str) -> ChaosError:
    return ChaosError(503, "chaos-unreachable", f"cannot reach the chaos service: {why}")
