"""Following a batch: one sequence for all its jobs, the aggregate after each event, an end when all have ended."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from core.errors import BatchNotFoundError
from core.events.event import LogWritten, StateChanged
from core.events.feed import BatchEvent, BatchSnapshot, Quiet, Thinned
from core.job import DEFAULT_TENANT, BatchId, JobState, Progress, Tenant
from core.store.attempts import Outcome
from tests.integration.core.engine import RETENTION, eventually, key_of, submission

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from core.job import Job
    from core.jobs import Jobs
    from tests.integration.core.engine import Clock, Engine

SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)


async def batch_of(engine: Engine, count: int) -> BatchId:
    jobs, batch_id = await engine.submit_batch([submission() for _ in range(count)])
    assert jobs is not None
    return batch_id


def follow(
    jobs: Jobs, batch_id: BatchId, *, after: int = 0, heartbeat: timedelta = HOUR
) -> AsyncGenerator[BatchSnapshot | BatchEvent | Thinned[BatchEvent] | Quiet, None]:
    return jobs.follow_batch(DEFAULT_TENANT, batch_id, after=after, heartbeat=heartbeat)


async def collect(
    jobs: Jobs, batch_id: BatchId, *, after: int = 0, begun: asyncio.Event | None = None
) -> list[BatchSnapshot | BatchEvent]:
    """Follow a batch to its end; set *begun* with the first word."""
    found = []
    async with aclosing(follow(jobs, batch_id, after=after)) as items:
        async for item in items:
            if begun is not None:
                begun.set()
            if isinstance(item, BatchSnapshot | BatchEvent):
                found.append(item)
    return found


async def followed(jobs: Jobs, batch_id: BatchId) -> asyncio.Task[list[BatchSnapshot | BatchEvent]]:
    """Begin to follow a batch to its end, and return when the snapshot is there."""
    begun = asyncio.Event()
    following = asyncio.create_task(collect(jobs, batch_id, begun=begun))
    await asyncio.wait_for(begun.wait(), 30)
    return following


async def is_followed(engine: Engine, batch_id: BatchId) -> bool:
    ((_, count),) = await engine.redis.pubsub_numsub(engine.store.keys.batch_channel(DEFAULT_TENANT, batch_id))
    return int(count) > 0


async def lead(engine: Engine, outcome: Outcome = Outcome.SUCCEEDED) -> Job:
    """Lead the next job through its life: started, two lines, half of it done, ended."""
    job = await engine.claim()
    assert job is not None
    await engine.attempts.report(key_of(job), Progress(fraction=0.5), ["a", "b"])
    await engine.finish(job, outcome)
    return job


async def attend(engine: Engine, batch_id: BatchId) -> int:
    """Have the batch's log written, as its first watcher does, and return where it then stands."""
    await engine.store.attend(DEFAULT_TENANT, batch_id, lasting=HOUR)
    return (await engine.store.get_batch(DEFAULT_TENANT, batch_id)).sequence


def assert_gap_free(items: list[BatchSnapshot | BatchEvent]) -> None:
    assert all(before.sequence + 1 == after.sequence for before, after in pairwise(items))


async def test_who_follows_a_batch_sees_every_event_of_every_job_and_the_aggregate(jobs: Jobs, engine: Engine) -> None:
    batch_id = await batch_of(engine, 3)
    following = await followed(jobs, batch_id)

    led = [await lead(engine) for _ in range(3)]

    snapshot, *events = await following
    assert isinstance(snapshot, BatchSnapshot)
    assert {job.id for job in snapshot.jobs} == {job.id for job in led}
    assert_gap_free([snapshot, *events])
    assert len(events) == 3 * 5
    for job in led:
        own = [event for event in events if isinstance(event, BatchEvent) and event.job_id == job.id]
        assert [event.event.sequence for event in own if event.event] == [2, 3, 4, 5, 6]
    assert [event.batch.state_counts.get(JobState.SUCCEEDED, 0) for event in events if isinstance(event, BatchEvent)][
        ::5
    ] == [0, 1, 2]
    fractions = [round(event.batch.fraction, 3) for event in events if isinstance(event, BatchEvent)]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1
    last = events[-1]
    assert isinstance(last, BatchEvent)
    assert last.batch == await engine.store.get_batch(DEFAULT_TENANT, batch_id)


async def test_what_was_missed_is_read_from_the_logs_as_it_was_told(jobs: Jobs, engine: Engine) -> None:
    batch_id = await batch_of(engine, 3)
    following = await followed(jobs, batch_id)
    for _ in range(3):
        await lead(engine)
    told = await following

    live = {event.sequence: event for event in told[1:]}
    for after in range(told[0].sequence, told[-1].sequence, 5):
        items = await collect(jobs, batch_id, after=after)
        assert [item.sequence for item in items] == list(range(after + 1, told[-1].sequence + 1))
        assert all(live.get(item.sequence, item) == item for item in items)
    assert await collect(jobs, batch_id, after=told[-1].sequence) == []


async def test_an_ended_batch_is_a_snapshot(jobs: Jobs, engine: Engine) -> None:
    batch_id = await batch_of(engine, 2)
    await lead(engine)
    await lead(engine, Outcome.FAILED)

    (only,) = await collect(jobs, batch_id)

    assert isinstance(only, BatchSnapshot)
    assert [job.state for job in only.jobs] == [JobState.SUCCEEDED, JobState.FAILED]
    assert only.batch.is_ended


async def test_a_retry_opens_an_ended_batch_again(jobs: Jobs, engine: Engine) -> None:
    batch_id = await batch_of(engine, 2)
    begun = await attend(engine, batch_id)
    await lead(engine)
    failed = await lead(engine, Outcome.FAILED)
    await engine.retry(failed)
    following = asyncio.create_task(collect(jobs, batch_id, after=begun))
    await eventually(lambda: is_followed(engine, batch_id))

    await lead(engine)

    items = await following
    assert_gap_free(items)
    changes = [item.event for item in items if isinstance(item, BatchEvent) and isinstance(item.event, StateChanged)]
    assert [change.to_state for change in changes if change.job.id == failed.id] == [
        *(JobState.STARTED, JobState.FAILED, JobState.PENDING, JobState.STARTED, JobState.SUCCEEDED)
    ]
    assert isinstance(items[-1], BatchEvent)
    assert items[-1].batch.is_ended


async def test_cancelling_a_whole_batch_is_told_job_by_job(jobs: Jobs, engine: Engine) -> None:
    batch_id = await batch_of(engine, 1000)
    following = await followed(jobs, batch_id)

    await jobs.cancel_batch(DEFAULT_TENANT, batch_id)

    items = await following
    assert_gap_free(items)
    assert len(items) == 1001
    assert isinstance(items[-1], BatchEvent)
    assert items[-1].batch.state_counts == {JobState.CANCELLED: 1000}


async def test_a_job_that_is_gone_leaves_its_place_in_the_history(jobs: Jobs, engine: Engine) -> None:
    batch_id = await batch_of(engine, 2)
    begun = await attend(engine, batch_id)
    gone = await lead(engine)
    await lead(engine)
    await engine.control.delete(gone.tenant, gone.id)

    items = await collect(jobs, batch_id, after=begun)

    assert [item.sequence for item in items] == list(range(begun + 1, begun + 11))
    assert {item.job_id for item in items if isinstance(item, BatchEvent) and item.event is None} == {gone.id}
    assert any(isinstance(item, BatchEvent) and isinstance(item.event, LogWritten) for item in items)


async def test_a_batch_forgotten_under_its_watcher_is_not_found(jobs: Jobs, engine: Engine, clock: Clock) -> None:
    batch_id = await batch_of(engine, 1)
    async with aclosing(follow(jobs, batch_id, heartbeat=SECOND / 50)) as items:
        await anext(items)
        await engine.redis.client_kill_filter(_type="pubsub")
        await lead(engine)
        clock.advance(RETENTION)
        await engine.attempts.expire()

        with pytest.raises(BatchNotFoundError):
            await asyncio.wait_for(_drain(items), 30)


async def _drain(items: AsyncGenerator[object, None]) -> None:
    async for _ in items:
        pass


async def test_a_batch_of_nobody_or_of_another_tenant_is_not_found(jobs: Jobs, engine: Engine) -> None:
    batch_id = await batch_of(engine, 1)

    for tenant, wanted in ((DEFAULT_TENANT, BatchId("none")), (Tenant("other"), batch_id)):
        with pytest.raises(BatchNotFoundError):
            await anext(jobs.follow_batch(tenant, wanted, after=0, heartbeat=SECOND))


async def test_who_comes_back_too_late_gets_a_snapshot_of_the_batch(
    jobs: Jobs, engine_with: Callable[..., Engine]
) -> None:
    engine = engine_with(events=10)  # a batch keeps ten times as many
    batch_id = await batch_of(engine, 1)
    begun = await attend(engine, batch_id)
    job = await engine.claim()
    assert job is not None
    await engine.log(job, *["line"] * 500)

    async with aclosing(follow(jobs, batch_id, after=begun + 1)) as items:
        item = await anext(items)

    assert isinstance(item, BatchSnapshot)
    assert (item.history_truncated, item.sequence) == (True, begun + 501)


async def test_who_comes_back_when_nobody_has_followed_for_long_gets_a_snapshot(
    jobs: Jobs, engine: Engine, clock: Clock
) -> None:
    batch_id = await batch_of(engine, 2)
    left = await attend(engine, batch_id)
    clock.advance(HOUR)
    await lead(engine)

    async with aclosing(follow(jobs, batch_id, after=left)) as items:
        snapshot = await anext(items)
        await lead(engine)
        rest = [item async for item in items if isinstance(item, BatchSnapshot | BatchEvent)]

    assert isinstance(snapshot, BatchSnapshot)
    assert snapshot.history_truncated
    assert snapshot.sequence > left
    assert snapshot.batch.state_counts[JobState.SUCCEEDED] == 1
    assert_gap_free([snapshot, *rest])
    assert rest[-1].is_final


async def test_a_batch_that_nobody_follows_has_no_log(jobs: Jobs, engine: Engine) -> None:
    batch_id = await batch_of(engine, 2)
    log = engine.store.keys.batch_log(DEFAULT_TENANT, batch_id)
    await lead(engine)
    assert not await engine.redis.exists(log)

    following = await followed(jobs, batch_id)
    await lead(engine)

    events = (await following)[1:]
    assert await engine.redis.xlen(log) == len(events) == 5


async def test_watchers_of_a_batch_who_race_its_writers_lose_nothing(jobs: Jobs, engine: Engine) -> None:
    batch_id = await batch_of(engine, 20)
    working = asyncio.gather(*(lead(engine) for _ in range(20)))

    followings = []
    for _ in range(30):
        followings.append(asyncio.create_task(collect(jobs, batch_id)))
        await asyncio.sleep(0)
        await engine.redis.client_kill_filter(_type="pubsub")

    await working
    whole = await asyncio.gather(*followings)
    for items in whole:
        assert_gap_free(items)
        assert items[-1].sequence == whole[0][-1].sequence
        assert items[-1].is_final
