"""Following all jobs of a tenant: from a bounded log, sifted by owner and labels."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from datetime import timedelta
from typing import TYPE_CHECKING

from core.events.event import LogWritten, ProgressMade, StateChanged
from core.events.feed import JobsSnapshot, Quiet, TenantEvent
from core.job import DEFAULT_TENANT, JobState, Progress, Tenant
from core.store.attempts import Outcome
from tests.integration.core.engine import eventually, key_of, submission

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping

    from core.job import Job
    from core.jobs import Jobs
    from tests.integration.core.engine import Clock, Engine

SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
Item = JobsSnapshot | TenantEvent | Quiet


def follow(
    jobs: Jobs,
    *,
    tenant: str = DEFAULT_TENANT,
    owner: str = "",
    labels: Mapping[str, str] | None = None,
    after: int = 0,
    heartbeat: timedelta = HOUR,
) -> AsyncGenerator[Item, None]:
    return jobs.follow_jobs(Tenant(tenant), owner=owner, labels=labels or {}, after=after, heartbeat=heartbeat)


async def take(items: AsyncGenerator[Item, None], count: int) -> list[TenantEvent]:
    """Return the next so many events."""
    found: list[TenantEvent] = []
    async with asyncio.timeout(30):
        while len(found) < count:
            item = await anext(items)
            if isinstance(item, TenantEvent):
                found.append(item)
    return found


def told(event: TenantEvent) -> object:
    match event.event:
        case StateChanged():
            return event.event.to_state
        case ProgressMade():
            return event.event.progress.fraction
        case LogWritten():
            return event.event.text
    return None


async def lead(engine: Engine) -> Job:
    """Lead the next job through its life: started, half done, two lines, ended."""
    job = await engine.claim()
    assert job is not None
    await engine.attempts.report(key_of(job), Progress(fraction=0.5), ["a", "b"])
    await engine.finish(job, Outcome.SUCCEEDED)
    return job


async def listens(engine: Engine) -> bool:
    ((_, count),) = await engine.redis.pubsub_numsub(engine.store.keys.tenant_channel(DEFAULT_TENANT))
    return int(count) > 0


async def attend(engine: Engine) -> int:
    """Have the tenant's log written, as its first watcher does, and return where it then stands."""
    await engine.store.attend(DEFAULT_TENANT, None, lasting=HOUR)
    return int(await engine.redis.hget(engine.store.keys.tenant(DEFAULT_TENANT), "sequence") or 0)


LIFE = [JobState.PENDING, JobState.STARTED, 0.5, JobState.SUCCEEDED]


async def test_all_jobs_of_a_tenant_are_told_from_acceptance_to_end_but_no_lines(jobs: Jobs, engine: Engine) -> None:
    async with aclosing(follow(jobs)) as items:
        first = await anext(items)
        job = await engine.submit(owner="o", labels={"a": "b"})
        await lead(engine)
        events = await take(items, 4)

    assert first == JobsSnapshot(1, [])
    assert [told(event) for event in events] == LIFE
    assert [event.sequence for event in events] == [2, 3, 4, 5]
    assert [event.event.sequence for event in events if event.event] == [1, 2, 3, 6]
    assert {(event.job_id, event.owner, event.labels["a"]) for event in events} == {(job.id, "o", "b")}
    accepted = events[0].event
    assert isinstance(accepted, StateChanged)
    assert (accepted.job.id, accepted.job.owner, accepted.job.state) == (job.id, "o", JobState.PENDING)
    assert accepted.job.create_time == job.create_time


async def test_what_was_missed_is_read_from_the_log(jobs: Jobs, engine: Engine) -> None:
    begun = await attend(engine)
    for _ in range(3):
        await engine.submit()
    for _ in range(3):
        await lead(engine)

    async with aclosing(follow(jobs, after=begun + 1)) as items:
        events = await take(items, 11)

    assert [event.sequence for event in events] == list(range(begun + 2, begun + 13))
    assert [told(event) for event in events] == LIFE[:1] * 2 + LIFE[1:] * 3


async def test_a_tenant_whom_nobody_follows_has_no_log(jobs: Jobs, engine: Engine, clock: Clock) -> None:
    log = engine.store.keys.tenant_log(DEFAULT_TENANT)
    await engine.submit()
    assert not await engine.redis.exists(log)
    left = await attend(engine)
    await lead(engine)
    assert await engine.redis.xlen(log) == 3
    clock.advance(HOUR)
    await engine.submit()
    assert await engine.redis.xlen(log) == 3

    async with aclosing(follow(jobs, after=left)) as items:
        snapshot = await anext(items)

    assert isinstance(snapshot, JobsSnapshot)
    assert (snapshot.history_truncated, len(snapshot.jobs)) == (True, 2)
    assert snapshot.sequence > left + 3


async def test_a_snapshot_shows_the_newest_jobs_and_what_follows_is_told(jobs: Jobs, engine: Engine) -> None:
    submitted = [await engine.submit(owner="o" if number % 2 else "p") for number in range(6)]

    async with aclosing(follow(jobs, owner="o")) as items:
        first = await anext(items)
        await engine.cancel(submitted[0].tenant, submitted[0].id)
        await engine.cancel(submitted[1].tenant, submitted[1].id)
        (event,) = await take(items, 1)

    assert isinstance(first, JobsSnapshot)
    assert [job.id for job in first.jobs] == [submitted[number].id for number in (5, 3, 1)]
    assert (event.sequence, event.job_id, told(event)) == (first.sequence + 2, submitted[1].id, JobState.CANCELLED)


async def test_labels_sift_live_and_missed_events_alike(jobs: Jobs, engine: Engine) -> None:
    async with aclosing(follow(jobs, labels={"env": "prod", "team": "a"})) as items:
        begun = (await anext(items)).sequence
        await eventually(lambda: listens(engine))
        await engine.submit(labels={"env": "prod"})
        wanted = await engine.submit(labels={"env": "prod", "team": "a", "more": "x"})
        await engine.submit(labels={"env": "prod", "team": "b"})
        live = await take(items, 1)

    async with aclosing(follow(jobs, labels={"env": "prod", "team": "a"}, after=begun)) as items:
        missed = await take(items, 1)

    assert [event.job_id for event in [*live, *missed]] == [wanted.id] * 2
    assert live[0].sequence == missed[0].sequence == begun + 2


async def test_a_watcher_of_few_among_many_hears_how_far_it_is(jobs: Jobs, engine: Engine) -> None:
    async with aclosing(follow(jobs, owner="nobody", heartbeat=SECOND / 20)) as items:
        await anext(items)
        await eventually(lambda: listens(engine))
        for _ in range(5):
            await engine.submit()
        async with asyncio.timeout(30):
            while (await anext(items)).sequence < 5:
                pass


async def test_a_batch_is_told_job_by_job(jobs: Jobs, engine: Engine) -> None:
    async with aclosing(follow(jobs)) as items:
        await anext(items)
        await engine.submit_batch([submission(hold=number == 1) for number in range(3)])
        events = await take(items, 3)

    assert [told(event) for event in events] == [JobState.PENDING, JobState.HELD, JobState.PENDING]


async def test_other_tenants_are_not_heard(jobs: Jobs, engine: Engine) -> None:
    async with aclosing(follow(jobs)) as items:
        begun = (await anext(items)).sequence
        await engine.submit("other")
        own = await engine.submit()
        (event,) = await take(items, 1)

    assert (event.job_id, event.sequence) == (own.id, begun + 1)


async def test_the_log_is_bounded_and_who_comes_too_late_gets_a_snapshot(
    jobs: Jobs, engine_with: Callable[..., Engine]
) -> None:
    engine = engine_with(events=10)  # ten times as many are kept, and what a node of the stream holds beyond
    begun = await attend(engine)
    job = await engine.started()
    for number in range(500):
        await engine.attempts.report(key_of(job), Progress(fraction=number / 1000), [])

    async with aclosing(follow(jobs, after=begun + 1)) as items:
        item = await anext(items)

    assert isinstance(item, JobsSnapshot)
    assert (item.history_truncated, item.sequence) == (True, begun + 502)
    assert await engine.redis.xlen(engine.store.keys.tenant_log(DEFAULT_TENANT)) < 250
