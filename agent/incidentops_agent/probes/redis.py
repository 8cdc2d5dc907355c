"""Redis: PING over RESP."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, RedisError

from .. import credentials
from .base import ProbeFailedError, ProbeUnavailableError

if TYPE_CHECKING:
    from ..model import ProbeSpec


class RedisProbe:
    def __init__(self, spec: ProbeSpec) -> None:
        self._options = spec.options
        self._client: Redis | None = None

    @property
    def connected(self) -> bool:
        return self._client is not None

    async def ask(self) -> dict[str, str]:
        try:
            if self._client is None:
                self._client = self._connect()
            answer = await self._client.ping()
        except AuthenticationError as error:
            raise ProbeUnavailableError(f"Redis answers but refuses the login: {error}") from error
        except (RedisError, OSError) as error:
            if "NOAUTH" in str(error):
                raise ProbeUnavailableError(f"Redis answers but wants a login: {error}") from error
            raise ProbeFailedError(str(error) or type(error).__name__) from error
        if answer not in (True, b"PONG"):
            raise ProbeFailedError(f"PING gave {answer!r}")
        return {}

    def _connect(self) -> Redis:
        password: str | None = None
        if self._options["credential"]:
            try:
                password = credentials.read(str(self._options["credential"]))
            except credentials.CredentialError as error:
                raise ProbeUnavailableError(str(error)) from error
        client: Redis = Redis(
            host=str(self._options["host"]),
            port=int(self._options["port"]),
            password=password,
            client_name="incidentops-agent",
            single_connection_client=True,
            retry=Retry(NoBackoff(), 0),
        )
        return client

    async def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            with contextlib.suppress(RedisError, OSError):
                await client.aclose()
