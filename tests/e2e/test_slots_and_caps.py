"""Slots are used while jobs wait, and caps hold at every moment, whoever dies."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from benchmarks.local import counts, submit, until
from benchmarks.makespan import measure
from devstack.settings import Settings
from devstack.stack import Stack
from segue import aio
from tests.e2e.conftest import QUICK

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

#: Generations that may run at once, over all workers.
CAP = 4


@pytest.fixture
async def capped(tmp_path: Path) -> AsyncIterator[Stack]:
    """Redis, an emulator that would run any number at once, and a server; workers share a cap."""
    environment = {**QUICK, "SEGUE_FAL_CONCURRENCY": str(CAP)}
    async with Stack(Settings(dev_dir=tmp_path), environment=environment) as stack:
        await stack.emulator.settings(queue_seconds=0, run_seconds=0.5, concurrency=100, render="tiny")
        await stack.start_server()
        yield stack


async def test_jobs_on_two_workers_take_little_longer_than_their_runs_one_after_the_other(stack: Stack) -> None:
    figures = await measure(stack, jobs=40, slots=20, workers=2, run_seconds=4)

    assert figures.peak == 20
    assert figures.factor <= 1.15
    assert figures.longest_idle <= 1.0


async def test_the_cap_of_the_provider_holds_over_two_workers(capped: Stack) -> None:
    await asyncio.gather(*(capped.start_worker(slots=CAP - 1) for _ in range(2)))
    async with aio.Client(capped.address) as client:
        ids = await submit(client, 5 * CAP)
        jobs = await asyncio.gather(*(client.result(job_id, timeout=30) for job_id in ids))

    assert len({attempt.worker for job in jobs for attempt in job.attempts}) == 2
    books = await counts(capped)
    assert (books["submits"], books["peak_in_progress"]) == (5 * CAP, CAP)


async def test_the_cap_of_the_provider_holds_when_a_worker_is_killed(capped: Stack) -> None:
    doomed, survivor = await asyncio.gather(*(capped.start_worker(slots=CAP - 1) for _ in range(2)))
    await capped.emulator.settings(run_seconds=1.5)
    async with aio.Client(capped.address) as client:
        ids = await submit(client, 5 * CAP)

        async def all_slots_are_taken() -> bool:
            return (await counts(capped))["in_progress"] == CAP

        await until(all_slots_are_taken, seconds=10, what="the cap is reached")
        await doomed.kill()
        await asyncio.gather(*(client.result(job_id, timeout=60) for job_id in ids))

    assert survivor.is_running
    books = await counts(capped)
    assert (books["submits"], books["billed"], books["peak_in_progress"]) == (5 * CAP, 5 * CAP, CAP)
