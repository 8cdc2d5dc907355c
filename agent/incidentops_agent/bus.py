"""The agent's end of the bus worker: starts it, restarts it, and speaks JSON lines with it."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import itertools
import json
import logging
import os
import socket
import sys
from typing import TYPE_CHECKING, Any

from .model import JobResult, UnitView
from .ports import LATE, BusError, Job

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .ports import BusListener

log = logging.getLogger(__name__)

PING_INTERVAL = 3.0
PING_DEADLINE = 1.0
CALL_DEADLINE = 5.0
"""Seconds; the worker's own calls give up after 2, and one may wait behind another."""
WATCH_DEADLINE = 30.0
"""Seconds for reading all units, which is many calls."""
UNANSWERED_MOST = 3
"""Pings in a row without any answer, good or bad, after which the worker itself is given up."""
RESPAWN_FIRST, RESPAWN_MOST = 0.05, 2.0

_KINDS = {
    "DBusInteractiveAuthorizationRequiredError": "not-permitted",
    "DBusAccessDeniedError": "not-permitted",
    "DBusAuthFailedError": "not-permitted",
}
_NO_REPLY = ("DBusTimeoutError", "DBusTimedOutError", "DBusNoReplyError", "ETIMEDOUT")


class _UnansweredError(BusError):
    """A request was sent and not answered."""

    def __init__(self, sentence: str) -> None:
        super().__init__("systemd-unreachable", sentence)


class _SilentError(_UnansweredError):
    """The worker did not answer at all."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"systemd did not answer within {seconds:g} s")


class BusClient:
    """PID 1 as a port of the engine (ports.Bus). ``run`` keeps a worker alive until it is cancelled."""

    def __init__(self, listener: BusListener, command: Sequence[str] | None = None) -> None:
        self._listener = listener
        self._command = command or [sys.executable, "-P", "-m", "incidentops_agent.bus_worker"]
        self._writer: asyncio.StreamWriter | None = None
        self._ids = itertools.count(1)
        self._replies: dict[int, asyncio.Future[Any]] = {}
        self._job_requests: set[int] = set()
        self._jobs: dict[int, asyncio.Future[JobResult]] = {}
        self._specs: list[str] = []
        self.worker_pid: int | None = None

    async def run(self) -> None:
        """Start a worker, serve it, start the next when it ends."""
        wait = RESPAWN_FIRST
        while True:
            started = asyncio.get_running_loop().time()
            status = await self._serve_one_worker()
            self._listener.on_bus(False)
            log.warning("the bus worker ended (exit status %s); another is started", status)
            lived = asyncio.get_running_loop().time() - started
            wait = RESPAWN_FIRST if lived > RESPAWN_MOST else min(wait * 2, RESPAWN_MOST)
            await asyncio.sleep(wait)

    async def _serve_one_worker(self) -> int | None:
        """Start a worker and serve it to its end; gives its exit status."""
        ours, theirs = socket.socketpair()
        # Bounds every call that the worker makes: sd_bus_set_method_call_timeout(3).
        environment = {**os.environ, "SYSTEMD_BUS_TIMEOUT": "2s"}
        with theirs:
            reader, writer = await asyncio.open_connection(sock=ours, limit=2**22)
            try:
                process = await asyncio.create_subprocess_exec(*self._command, stdin=theirs.fileno(), env=environment)
            except BaseException:
                writer.close()
                raise
        self.worker_pid = process.pid
        self._writer = writer
        tasks: list[asyncio.Task[None]] = []
        try:
            while (line := await reader.readline()).endswith(b"\n"):  # what it did not end, it was killed over
                message = json.loads(line)
                if message.get("event") == "ready":
                    tasks.append(asyncio.create_task(self._keep_alive(process), name="bus-ping"))
                else:
                    self._dispatch(message)
        except ConnectionError:
            pass  # it ended with requests of ours unread
        except (ValueError, KeyError, TypeError):
            log.exception("the bus worker said what can't be understood")
        finally:
            self._writer = None
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._fail_everything()
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()
            # Its end of the socket is closed, so it ends by itself; a call to PID 1 delays that by its time limit.
            try:
                async with asyncio.timeout(CALL_DEADLINE):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()
        return process.returncode

    async def _keep_alive(self, process: asyncio.subprocess.Process) -> None:
        """Watch what is to be watched, then ping PID 1 for ever; says when it stops and starts answering."""
        try:
            await self._request({"op": "watch", "specs": self._specs}, WATCH_DEADLINE)
            self._listener.on_bus(True)
        except BusError as error:
            log.info("systemd did not tell the state of its units: %s", error)
            _kill(process)  # a fresh one begins anew
            return
        unanswered = 0
        while unanswered < UNANSWERED_MOST:
            await asyncio.sleep(PING_INTERVAL)
            ping = asyncio.ensure_future(self._request({"op": "ping"}))
            try:
                done, _ = await asyncio.wait([ping], timeout=PING_DEADLINE)
                if not done:
                    self._listener.on_bus(False)
                await ping
            except BusError as error:
                self._listener.on_bus(False)
                unanswered = unanswered + 1 if isinstance(error, _SilentError) else 0
            else:
                self._listener.on_bus(True)
                unanswered = 0
            finally:
                ping.cancel()
        log.error("the bus worker does not answer and is killed")
        _kill(process)

    def _fail_everything(self) -> None:
        unanswered = _UnansweredError("the connection to systemd was lost")
        unfollowed = BusError(LATE, "systemd took it on, but the connection to systemd was lost before it was done")
        for waiting, error in ((self._replies, unanswered), (self._jobs, unfollowed)):
            for future in waiting.values():
                if not future.done():
                    future.set_exception(error)
                    future.exception()  # whoever waits gets it; nobody waiting is no fault of the loop's
        self._replies.clear()
        self._jobs.clear()
        self._job_requests.clear()

    def _dispatch(self, message: dict[str, Any]) -> None:
        if "reply" in message:
            self._on_reply(message)
        elif message["event"] == "unit":
            self._listener.on_unit(message["spec"], unit_view(message["record"]))
        elif message["event"] == "job-removed":
            future = self._jobs.pop(message["job"], None)
            if future is not None and not future.done():
                future.set_result(JobResult(message["job"], message["result"]))

    def _on_reply(self, message: dict[str, Any]) -> None:
        request_id = message["reply"]
        future = self._replies.pop(request_id, None)
        is_job = request_id in self._job_requests
        self._job_requests.discard(request_id)
        if future is None:
            return
        if "error" in message:
            if not future.done():
                future.set_exception(_refusal(message["error"], message["message"]))
                future.exception()
            return
        value = message["value"]
        if is_job:
            # Made here, not in job(): the line that says that the job is over may already be in the buffer.
            job = Job(value, asyncio.get_running_loop().create_future())
            self._jobs[value] = job.done
            value = job
        if not future.done():
            future.set_result(value)

    async def _request(self, request: dict[str, Any], deadline: float | None = None) -> Any:
        if self._writer is None:
            raise BusError("systemd-unreachable", "there is no connection to systemd at the moment")
        request_id = next(self._ids)
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._replies[request_id] = future
        if request["op"] == "job":
            self._job_requests.add(request_id)
        self._writer.write(json.dumps({"id": request_id, **request}).encode() + b"\n")
        deadline = deadline or CALL_DEADLINE
        try:
            async with asyncio.timeout(deadline):
                return await future
        except TimeoutError:
            raise _SilentError(deadline) from None

    # -- ports.Bus

    async def watch(self, specs: Sequence[str]) -> None:
        self._specs = list(specs)
        if self._writer is not None:
            await self._request({"op": "watch", "specs": self._specs}, WATCH_DEADLINE)

    async def job(self, verb: str, unit: str) -> Job:
        try:
            job: Job = await self._request({"op": "job", "verb": verb, "unit": unit})
        except _UnansweredError as error:
            raise BusError(LATE, f"it was asked for and may still be done, but {error}") from error
        return job

    async def reset_failed(self, unit: str) -> None:
        await self._request({"op": "reset-failed", "unit": unit})

    async def thaw(self, unit: str) -> None:
        await self._request({"op": "thaw", "unit": unit})

    async def triggered_by(self, unit: str) -> list[str]:
        units: list[str] = await self._request({"op": "triggered-by", "unit": unit})
        return units

    async def stops_with(self, unit: str) -> list[str]:
        units: list[str] = await self._request({"op": "stops-with", "unit": unit})
        return units


def _refusal(error: str, sentence: str) -> BusError:
    """What the worker says of a call that did not succeed; ``error`` is the name of its class or of an errno."""
    if error in _NO_REPLY:
        return _UnansweredError("systemd did not answer in time")
    return BusError(_KINDS.get(error, "refused-by-systemd"), sentence or error)


def _kill(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.kill()


_FIELDS = frozenset(field.name for field in dataclasses.fields(UnitView))


def unit_view(record: dict[str, Any]) -> UnitView:
    """The worker's record of a unit as a value; fields that this version does not know are left out."""
    return UnitView(**{key: value for key, value in record.items() if key in _FIELDS})
