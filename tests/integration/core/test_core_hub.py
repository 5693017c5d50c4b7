"""The hub: one connection for all who follow, who come, leave, and must not harm each other."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING

import pytest

from core.events import hub as hubs
from core.events.hub import Hub
from core.job import JobKind
from core.jobs import Jobs
from core.store.attempts import KindRule, Policy
from core.store.connection import connect
from core.store.feeds import JobFeed
from devstack.redis import RedisServer
from tests.integration.core.engine import EVENTS, PREFIX, TIMEOUT, Engine, eventually
from tests.integration.core.following import (
    HOUR,
    assert_complete,
    collect,
    follow,
    followed,
    is_followed,
    sequence_of,
    work,
)

if TYPE_CHECKING:
    from pathlib import Path

    from redis.asyncio import Redis

    from core.events.event import Event


@pytest.fixture
def rare_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have hubs look so rarely at what Redis has logged that what comes has come by itself."""
    monkeypatch.setattr(hubs, "RECHECK", 600.0)


@pytest.mark.parametrize("turns", range(0, 12, 2))
async def test_a_hub_closes_whatever_it_is_doing(redis: Redis, engine: Engine, turns: int) -> None:
    job = await engine.submit()
    hub = Hub(redis)
    hub.start()
    with hub.listen(JobFeed(engine.store, redis, job.tenant, job.id), 1):
        for _ in range(turns):
            await asyncio.sleep(0)

        await asyncio.wait_for(hub.close(), 30)


@pytest.mark.usefixtures("rare_looks")
async def test_an_event_that_cannot_be_read_or_prepared_harms_no_other_watch(jobs: Jobs, engine: Engine) -> None:
    def refuse(_event: Event) -> None:
        raise ValueError("as it were a fault of ours")

    odd, other = await engine.submit(), await engine.submit()
    following = jobs.follow(odd.tenant, odd.id, after=0, heartbeat=HOUR, prepare=refuse)
    async with aclosing(following) as of_odd, aclosing(follow(jobs, other)) as of_other:
        await anext(of_odd)
        await anext(of_other)
        await engine.redis.publish(engine.store.keys.channel(odd.tenant, odd.id), b"\xc1")
        await engine.cancel(odd.tenant, odd.id)
        await engine.cancel(other.tenant, other.id)

        # What cannot be prepared is read from the log, and not only when the hub looks again.
        assert sequence_of(await asyncio.wait_for(anext(of_odd), 30)) == 2
        assert sequence_of(await asyncio.wait_for(anext(of_other), 30)) == 2


async def test_the_last_watcher_to_leave_frees_the_channel(jobs: Jobs, engine: Engine) -> None:
    job = await engine.submit()
    async with aclosing(follow(jobs, job)) as first, aclosing(follow(jobs, job)) as second:
        await anext(first)
        await anext(second)
        await first.aclose()
        assert await engine.listeners(job) == 1

    async def is_free() -> bool:
        return await engine.listeners(job) == 0

    await eventually(is_free)


@pytest.mark.usefixtures("rare_looks")
async def test_who_leaves_and_comes_back_at_once_is_heard(jobs: Jobs, engine: Engine) -> None:
    job = await engine.started()
    for _ in range(20):
        async with aclosing(follow(jobs, job)) as items:
            await anext(items)

    following = await followed(jobs, job)
    last = await work(engine, job, lines=3)

    assert_complete(await asyncio.wait_for(following, 30), last=last)


async def test_a_watch_goes_on_after_a_restart_of_redis(tmp_path: Path) -> None:
    server = RedisServer(tmp_path)
    await server.start()
    redis = connect(server.url, timeout=TIMEOUT)
    hub = Hub(redis)
    hub.start()
    try:
        own = Engine(redis, Policy(provider_slots=1, kinds={JobKind.TRANSITION: KindRule()}))
        job = await own.started()
        following = asyncio.create_task(collect(Jobs(redis, hub, prefix=PREFIX, events_per_job=EVENTS), job))
        await eventually(lambda: is_followed(own, job))
        await own.log(job, "before")

        await server.restart()
        last = await work(own, job, lines=3)

        assert_complete(await asyncio.wait_for(following, 30), last=last)
    finally:
        await hub.close()
        await redis.aclose()
        await server.stop()
