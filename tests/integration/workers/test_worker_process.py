"""P7: `python -m workers` as it runs in production, stopped in order and killed."""

from __future__ import annotations

import os
import re
import signal
import sys
import time
from typing import TYPE_CHECKING

import pytest

from core.job import ErrorReason, JobState
from devstack.process import ChildProcess
from emulator.faults import Fault
from emulator.records import Status
from tests.integration.workers.rig import KEY, PREFIX, eventually
from tests.quickest import quickest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from tests.integration.workers.rig import Rig

    Start = Callable[..., Awaitable[ChildProcess]]

READY = re.compile(r"^worker ready as (\S+)$", re.MULTILINE)


@pytest.fixture
async def start(rig: Rig, redis_url: str, tmp_path: Path) -> AsyncIterator[Start]:
    """Start worker processes; they are gone after the test."""
    started: list[ChildProcess] = []
    environment = {
        **os.environ,  # noqa: TID251 - for the child, as a shell would
        "SEGUE_REDIS_URL": redis_url,
        "SEGUE_KEY_PREFIX": PREFIX,
        "SEGUE_FAL_BASE_URL": rig.fal.url,
        "FAL_KEY": KEY,
        "SEGUE_LEASE_SECONDS": "30",
        # A worker that waited for what runs or for what was submitted, a minute, would be seen to.
        "SEGUE_GRACE_SECONDS": "60",
        "SEGUE_POLL_SECONDS": "0.05",
        "SEGUE_POLL_MAX_SECONDS": "0.1",
        "SEGUE_QUEUE_POLL_MILLISECONDS": "50",
        "SEGUE_WORKER_NAME": "tested",
    }

    async def start(**settings: str) -> ChildProcess:
        process = ChildProcess(
            "worker",
            [sys.executable, "-m", "workers"],
            log_path=tmp_path / f"worker-{len(started)}.log",
            environment={**environment, **settings},
        )
        started.append(process)

        async def ready() -> bool:
            return READY.search(process.output()) is not None

        await process.start(ready)
        return process

    yield start
    for process in started:
        await process.kill()


async def test_a_stopped_worker_hands_its_job_to_another_and_exits_with_0(rig: Rig, start: Start) -> None:
    rig.behave(run_seconds=60)
    first = await start()
    job = await rig.submit()
    await eventually(lambda: bool(rig.requests) and rig.requests[0].status is Status.IN_PROGRESS)
    await rig.until(job, JobState.PROCESSING)
    second = await start()
    began = time.monotonic()

    os.kill(first.pid, signal.SIGTERM)
    await eventually(lambda: not first.is_running)

    assert (first.returncode, second.is_running) == (0, True)
    assert time.monotonic() - began < 20  # the model takes a minute
    rig.behave(run_seconds=0)
    done = await rig.until(job)
    assert (done.state, done.attempt, done.tries) == (JobState.SUCCEEDED, 2, 1)
    assert rig.books == (1, 1)


async def test_a_killed_workers_job_is_finished_by_another_soon_after_its_lease(rig: Rig, start: Start) -> None:
    async def finished() -> float:
        rig.behave(run_seconds=60)
        before = len(rig.requests)
        first = await start(SEGUE_LEASE_SECONDS="1")
        job = await rig.submit()
        await eventually(lambda: len(rig.requests) > before and rig.requests[-1].status is Status.IN_PROGRESS)
        await rig.until(job, JobState.PROCESSING)
        second = await start()
        rig.behave(run_seconds=0)
        began = time.monotonic()

        os.kill(first.pid, signal.SIGKILL)

        done = await rig.until(job)
        took = time.monotonic() - began
        assert done.state is JobState.SUCCEEDED
        assert rig.books == (before + 1, before + 1)
        await second.kill()
        return took

    assert await quickest(finished, enough=3) < 3  # the lease is 1 s


async def test_a_worker_says_when_it_is_ready_and_an_idle_one_stops_at_once(start: Start) -> None:
    async def stopped() -> float:
        process = await start()
        (worker,) = READY.findall(process.output())
        assert worker.startswith("tested-")
        began = time.monotonic()

        os.kill(process.pid, signal.SIGTERM)
        await eventually(lambda: not process.is_running)

        took = time.monotonic() - began
        assert process.returncode == 0
        assert "Traceback" not in process.output()
        return took

    assert await quickest(stopped, enough=1.5) < 1.5


async def test_a_submit_that_does_not_end_within_the_grace_is_left_behind_as_unknown(rig: Rig, start: Start) -> None:
    rig.order(Fault.SLOW_SUBMIT, seconds=60)
    first = await start(SEGUE_GRACE_SECONDS="0.3", SEGUE_LEASE_SECONDS="1")
    job = await rig.submit()
    await eventually(lambda: bool(rig.requests))
    began = time.monotonic()

    os.kill(first.pid, signal.SIGTERM)
    await eventually(lambda: not first.is_running)

    assert (first.returncode, "Traceback" in first.output()) == (0, False), first.output()[-3000:]
    assert time.monotonic() - began < 20  # the submit takes a minute
    await start()
    done = await rig.until(job)
    assert done.error is not None
    assert done.error.reason is ErrorReason.SUBMISSION_UNKNOWN
    assert rig.books[0] == 1
