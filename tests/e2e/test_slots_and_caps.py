"""Slots are used while jobs wait, and caps hold at every moment, whoever dies."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING

import pytest

from benchmarks.local import counts, submit, until
from benchmarks.makespan import measure
from devstack.settings import Settings
from devstack.stack import Stack
from segue import aio
from segue.v1.job_pb2 import GenerationState
from tests.e2e.conftest import MORTAL, QUICK
from tests.e2e.evidence import FOR_EVER
from tests.quickest import quickest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

#: Generations that may run at once, over all workers.
CAP = 4
#: Slots of two workers together.
SLOTS = 20


@pytest.fixture
async def capped(tmp_path: Path) -> AsyncIterator[Stack]:
    """Redis, an emulator that would run any number at once, and a server; workers share a cap."""
    environment = {**QUICK, "SEGUE_FAL_CONCURRENCY": str(CAP)}
    async with Stack(Settings(dev_dir=tmp_path), environment=environment) as stack:
        await stack.emulator.settings(queue_seconds=0, run_seconds=0.5, concurrency=100, render="tiny")
        await stack.start_server()
        yield stack


@pytest.mark.timeout(240)
async def test_jobs_on_two_workers_take_little_longer_than_their_runs_one_after_the_other(tmp_path: Path) -> None:
    folders = (tmp_path / str(number) for number in range(9))

    async def worst() -> float:
        """Return the worse of its two figures, in shares of what is allowed."""
        async with Stack(Settings(dev_dir=next(folders)), environment=QUICK) as stack:
            figures = await measure(stack, jobs=2 * SLOTS, slots=SLOTS, workers=2, run_seconds=4)
        return max(figures.factor / 1.15, figures.longest_idle / 1.0) if figures.peak == SLOTS else math.inf

    assert await quickest(worst, enough=1) <= 1


async def test_the_cap_of_the_provider_holds_over_two_workers(capped: Stack) -> None:
    await capped.emulator.settings(run_seconds=FOR_EVER)
    await asyncio.gather(*(capped.start_worker(slots=CAP - 1) for _ in range(2)))
    async with aio.Client(capped.address) as client:
        ids = await submit(client, 5 * CAP)
        await _until_at_fal(client, ids, CAP)  # for which it takes both
        await capped.emulator.settings(run_seconds=0.5)
        jobs = await asyncio.gather(*(client.result(job_id, timeout=90) for job_id in ids))

    assert len({attempt.worker for job in jobs for attempt in job.attempts}) == 2
    books = await counts(capped)
    assert (books["submits"], books["peak_in_progress"]) == (5 * CAP, CAP)


async def test_the_cap_of_the_provider_holds_when_a_worker_is_killed(capped: Stack) -> None:
    await capped.emulator.settings(run_seconds=FOR_EVER)
    doomed, survivor = await asyncio.gather(
        *(capped.start_worker(slots=CAP - 1, environment=environment) for environment in (MORTAL, {}))
    )
    async with aio.Client(capped.address) as client:
        ids = await submit(client, 5 * CAP)
        await _until_at_fal(client, ids, CAP)  # and none is on its way: what the dead had begun would be unknown
        await doomed.kill()
        await capped.emulator.settings(run_seconds=0.5)
        await asyncio.gather(*(client.result(job_id, timeout=90) for job_id in ids))

    assert survivor.is_running
    books = await counts(capped)
    assert (books["submits"], books["billed"], books["peak_in_progress"]) == (5 * CAP, 5 * CAP, CAP)


async def _until_at_fal(client: aio.Client, ids: list[str], count: int) -> None:
    """Wait until so many generations are known to be at fal."""

    async def reached() -> bool:
        jobs = await asyncio.gather(*map(client.get, ids))
        rows = [row for job in jobs for row in job.generations]
        return [row.state for row in rows] == [GenerationState.GENERATION_STATE_SUBMITTED] * count

    await until(reached, seconds=60, what=f"{count} generations at fal")
