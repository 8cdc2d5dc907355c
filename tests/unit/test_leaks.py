"""The checks that every test is under do notice what they are for."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import subprocess
import threading

import pytest
from leaks import Held, LogWatch, check_nothing_left, unfinished_tasks
from waiting import eventually


def test_an_open_descriptor_is_noticed() -> None:
    before = Held.now()
    ends = socket.socketpair()
    assert len(check_nothing_left(before, grace=0)) == 2
    for end in ends:
        end.close()
    assert check_nothing_left(before) == []


def test_a_thread_is_noticed() -> None:
    before = Held.now()
    go = threading.Event()
    thread = threading.Thread(target=go.wait, name="straggler")
    thread.start()
    (left,) = check_nothing_left(before, grace=0)
    assert "the thread straggler" in left
    go.set()
    thread.join()


def test_a_child_process_is_noticed_also_when_only_nobody_waited_for_it() -> None:
    before = Held.now()
    child = subprocess.Popen(["sleep", "60"])
    said = f"the child process {child.pid} is still there: sleep 60"
    eventually(lambda: said in check_nothing_left(before, grace=0))  # once it has become what it is to be
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert any("nobody waited for it" in one for one in check_nothing_left(before, grace=0))
    child.wait()
    assert check_nothing_left(before) == []


async def test_a_task_is_noticed_and_one_that_is_ending_is_not() -> None:
    forever = asyncio.create_task(asyncio.Event().wait(), name="straggler")
    (left,) = await unfinished_tasks()
    assert "straggler" in left
    forever.cancel()
    assert await unfinished_tasks() == []


def test_a_log_line_is_noticed_unless_expected() -> None:
    watch = LogWatch()
    log = logging.Logger("incidentops_agent.test")  # noqa: LOG001 - one that no other handler listens to
    log.addHandler(watch)
    log.info("all is well")
    assert watch.complaints() == []
    log.warning("the %s broke", "bus")
    assert watch.complaints() == ["an unexpected log line: WARNING incidentops_agent.test: the bus broke"]
    watch.expect("the bus broke")
    assert watch.complaints() == []
    watch.expect("something else")
    assert watch.complaints() == ["no log line has 'something else'"]


@pytest.mark.filterwarnings("error")
def test_coroutines_run_with_their_fixtures(tmp_path: object) -> None:
    assert tmp_path
