"""Those who follow jobs, for tests."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

from core.events.event import Event
from core.events.feed import Quiet, Snapshot, Thinned
from core.store.attempts import Outcome

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from core.job import Job
    from core.jobs import Jobs
    from tests.integration.core.engine import Engine

Item = Snapshot | Event | Thinned[Event] | Quiet
SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)


async def collect(
    jobs: Jobs, job: Job, *, after: int = 0, begun: asyncio.Event | None = None
) -> list[Snapshot | Event]:
    """Follow a job to its end; set *begun* with the first word."""
    found: list[Snapshot | Event] = []
    async with aclosing(follow(jobs, job, after=after)) as items:
        async for item in items:
            if begun is not None:
                begun.set()
            if isinstance(item, Snapshot | Event):
                found.append(item)
    return found


async def followed(jobs: Jobs, job: Job) -> asyncio.Task[list[Snapshot | Event]]:
    """Begin to follow a job to its end, and return when the snapshot is there."""
    begun = asyncio.Event()
    following = asyncio.create_task(collect(jobs, job, begun=begun))
    await asyncio.wait_for(begun.wait(), 30)
    return following


def follow(jobs: Jobs, job: Job, *, after: int = 0, heartbeat: timedelta = HOUR) -> AsyncGenerator[Item, None]:
    return jobs.follow(job.tenant, job.id, after=after, heartbeat=heartbeat)


def sequence_of(item: Item) -> int:
    return item.job.sequence if isinstance(item, Snapshot) else item.sequence


def assert_complete(items: list[Snapshot | Event], *, last: int) -> None:
    """Check that a snapshot comes first, then every event after it, in order, once, to the last."""
    assert isinstance(items[0], Snapshot)
    assert not items[0].history_truncated
    assert all(isinstance(item, Event) for item in items[1:])
    assert all(before + 1 == after for before, after in pairwise(map(sequence_of, items)))
    assert sequence_of(items[-1]) == last


async def work(engine: Engine, job: Job, *, lines: int) -> int:
    """Log lines, one by one, and end the job; return its last sequence."""
    for number in range(lines):
        await engine.log(job, str(number))
    await engine.finish(job, Outcome.SUCCEEDED)
    return (await engine.now(job)).sequence


async def is_followed(engine: Engine, job: Job) -> bool:
    return await engine.listeners(job) > 0
