"""Following: every event after a sequence, in order, once, whatever happens to the connection that brings them."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from core.errors import DrainingError, JobNotFoundError
from core.events import inbox
from core.events.event import Event, LogWritten, ProgressMade, StateChanged
from core.events.feed import Quiet, Snapshot, Thinned
from core.events.inbox import CAPACITY
from core.job import DEFAULT_TENANT, JobId, JobState, Progress
from core.store.attempts import Outcome
from tests.integration.core.engine import RETENTION, Engine, eventually, key_of
from tests.integration.core.following import (
    SECOND,
    Item,
    assert_complete,
    collect,
    follow,
    followed,
    is_followed,
    sequence_of,
    work,
)

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from core.events.hub import Hub
    from core.jobs import Jobs
    from tests.integration.core.engine import Clock


async def test_who_follows_from_the_beginning_sees_everything(jobs: Jobs, engine: Engine) -> None:
    job = await engine.submit()
    following = await followed(jobs, job)

    started = await engine.claim()
    assert started is not None
    last = await work(engine, started, lines=5)

    items = await following
    assert_complete(items, last=last)
    assert [sequence_of(item) for item in items] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert [item.text for item in items if isinstance(item, LogWritten)] == ["0", "1", "2", "3", "4"]


async def test_who_comes_back_gets_what_was_missed_and_what_follows(jobs: Jobs, engine: Engine) -> None:
    job = await engine.started()
    await engine.log(job, "a", "b", "c")
    following = asyncio.create_task(collect(jobs, job, after=2))
    await eventually(lambda: is_followed(engine, job))

    last = await work(engine, job, lines=2)

    items = await following
    assert [sequence_of(item) for item in items] == list(range(3, last + 1))
    assert all(isinstance(item, Event) for item in items)


@pytest.mark.parametrize("outcome", [Outcome.SUCCEEDED, Outcome.FAILED, Outcome.CANCELLED])
async def test_after_the_end_a_snapshot_is_all(jobs: Jobs, engine: Engine, outcome: Outcome) -> None:
    job = await engine.started()
    await engine.finish(job, outcome)

    (item,) = await collect(jobs, job)

    assert isinstance(item, Snapshot)
    assert item.job == await engine.now(job)


async def test_after_the_end_the_missed_events_come_to_the_final_one(jobs: Jobs, engine: Engine) -> None:
    job = await engine.started()
    last = await work(engine, job, lines=600)

    items = await collect(jobs, job, after=2)

    assert [sequence_of(item) for item in items] == list(range(3, last + 1))
    assert isinstance(items[-1], StateChanged)
    assert items[-1].to_state is JobState.SUCCEEDED


async def test_who_has_seen_the_final_event_gets_nothing_more(jobs: Jobs, engine: Engine) -> None:
    job = await engine.started()
    last = await work(engine, job, lines=1)

    assert await collect(jobs, job, after=last) == []


async def test_an_unknown_job_is_not_found(jobs: Jobs, engine: Engine) -> None:
    with pytest.raises(JobNotFoundError):
        await anext(jobs.follow(DEFAULT_TENANT, JobId("none"), after=0, heartbeat=SECOND))


async def test_a_sequence_that_was_never_reached_gives_a_snapshot(jobs: Jobs, engine: Engine) -> None:
    job = await engine.submit()

    async with aclosing(follow(jobs, job, after=99)) as items:
        item = await anext(items)

    assert item == Snapshot(job, history_truncated=True)


async def test_who_comes_back_too_late_gets_a_snapshot_in_place_of_what_is_gone(
    jobs: Jobs, engine_with: Callable[..., Engine]
) -> None:
    engine = engine_with(events=100)
    job = await engine.started()
    await engine.log(job, *["line"] * 500)

    async with aclosing(follow(jobs, job, after=2)) as items:
        item = await anext(items)
        await engine.log(job, "more")
        following = await anext(items)

    assert isinstance(item, Snapshot)
    assert item.history_truncated
    assert item.job.sequence == 502
    assert sequence_of(following) == 503


async def test_a_quiet_job_shows_that_the_watch_lives(jobs: Jobs, engine: Engine) -> None:
    job = await engine.submit()

    async with aclosing(follow(jobs, job, heartbeat=SECOND / 50)) as items:
        heard = [await anext(items) for _ in range(4)]

    assert heard[1:] == [Quiet(1)] * 3


async def test_a_job_forgotten_under_a_slow_watcher_is_not_found(jobs: Jobs, engine: Engine, clock: Clock) -> None:
    job = await engine.started()
    async with aclosing(follow(jobs, job, heartbeat=SECOND / 50)) as items:
        await anext(items)
        await engine.redis.client_kill_filter(_type="pubsub")
        await engine.finish(job, Outcome.SUCCEEDED)
        clock.advance(RETENTION)
        await engine.attempts.expire()

        with pytest.raises(JobNotFoundError):
            await asyncio.wait_for(drain(items), 30)


async def drain(items: AsyncGenerator[Item, None]) -> None:
    async for _ in items:
        pass


async def test_a_hundred_watchers_who_race_the_writer_lose_nothing(jobs: Jobs, engine: Engine) -> None:
    job = await engine.started()
    # With the first one the channel is subscribed to: the others begin when they come.
    followings = [await followed(jobs, job)]
    writing = asyncio.create_task(work(engine, job, lines=200))

    for number in range(99):
        followings.append(asyncio.create_task(collect(jobs, job)))
        if number % 10 == 0:
            await engine.now(job)  # the watchers come while the writer writes

    heard = await asyncio.gather(*followings)
    last = await writing
    assert len({sequence_of(items[0]) for items in heard}) > 1
    for items in heard:
        assert_complete(items, last=last)


async def test_watchers_of_a_hundred_jobs_get_each_their_own(jobs: Jobs, engine: Engine) -> None:
    started = [await engine.started() for _ in range(100)]
    followings = [asyncio.create_task(collect(jobs, job)) for job in started]

    lasts = await asyncio.gather(*(work(engine, job, lines=3) for job in started))

    for items, job, last in zip(await asyncio.gather(*followings), started, lasts, strict=True):
        assert_complete(items, last=last)
        assert isinstance(items[-1], Snapshot | StateChanged)
        assert items[-1].job.id == job.id


async def test_two_watchers_of_one_job_get_the_same(jobs: Jobs, engine: Engine) -> None:
    job = await engine.started()
    followings = [asyncio.create_task(collect(jobs, job, after=1)) for _ in range(2)]

    await work(engine, job, lines=10)

    first, second = await asyncio.gather(*followings)
    assert first == second
    assert len(first) == 12


async def test_nothing_is_lost_while_the_connection_is_killed_again_and_again(jobs: Jobs, engine: Engine) -> None:
    job = await engine.started()
    followings = [asyncio.create_task(collect(jobs, job)) for _ in range(20)]

    for number in range(40):
        await engine.log(job, str(number))
        if number % 10 == 0:
            await eventually(lambda: is_followed(engine, job))
        if number % 5 == 0:
            await engine.redis.client_kill_filter(_type="pubsub")
    last = await work(engine, job, lines=5)

    for items in await asyncio.gather(*followings):
        assert_complete(items, last=last)


async def test_a_slow_watcher_whose_inbox_overflows_gets_everything(
    jobs: Jobs, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox, "SLOW", 600.0)  # not so slow that anything is left out
    job = await engine.started()
    async with aclosing(follow(jobs, job)) as slow:
        items = [await anext(slow)]
        fast = await followed(jobs, job)
        await engine.log(job, *[str(number) for number in range(3 * CAPACITY)])
        last = await work(engine, job, lines=1)
        await fast  # the same events have come to the slow one's inbox by now

        items += [item async for item in slow]

    heard = [item for item in items if isinstance(item, Snapshot | Event)]
    assert_complete(heard, last=last)


async def test_who_is_too_slow_is_spared_old_progress_and_lines_but_no_change_of_state(
    jobs: Jobs, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox, "SLOW", 0)
    job = await engine.started()
    async with aclosing(follow(jobs, job)) as slow:
        items = [await anext(slow)]
        fast = await followed(jobs, job)
        for number in range(4):
            lines = [str(line) for line in range(CAPACITY // 2)]
            await engine.attempts.report(key_of(job), Progress(fraction=number / 10), lines)
        await engine.finish(job, Outcome.RETRY)
        await engine.control.cancel(job.tenant, job.id)
        last = (await engine.now(job)).sequence
        await fast  # the same events have come to the slow one's inbox by now

        items += [item async for item in slow]

    told = [item for item in items if not isinstance(item, Quiet)]
    assert len(told) < CAPACITY
    assert sum(item.omitted for item in told if isinstance(item, Thinned)) == last - sequence_of(told[0]) - len(
        told[1:]
    )
    for before, after in pairwise(told):
        omitted = after.omitted if isinstance(after, Thinned) else 0
        assert sequence_of(after) - omitted == sequence_of(before) + 1
    events = [item.item if isinstance(item, Thinned) else item for item in told]
    states = [event.to_state for event in events if isinstance(event, StateChanged)]
    assert states == [JobState.PENDING, JobState.CANCELLED]
    newest = [event for event in events if isinstance(event, ProgressMade)][-1]
    assert newest.progress.fraction == 0.3


async def test_a_drained_watcher_is_sent_elsewhere_and_so_is_who_still_comes(
    jobs: Jobs, hub: Hub, engine: Engine
) -> None:
    job = await engine.submit()
    async with aclosing(follow(jobs, job)) as items:
        await anext(items)
        hub.drain(SECOND)

        with pytest.raises(DrainingError) as told:
            await anext(items)
    assert timedelta() <= told.value.retry_after <= SECOND

    async with aclosing(follow(jobs, job)) as items:
        assert isinstance(await anext(items), Snapshot)
        with pytest.raises(DrainingError):
            await anext(items)
