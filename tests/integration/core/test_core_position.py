"""The queue position: what it says is the order in which claims come."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from core.job import JobKind, JobState, Tenant
from core.store.attempts import Outcome
from core.store.listing import Filter, JobIndex
from core.store.packing import pack
from tests.integration.core.engine import PREFIX, submission

if TYPE_CHECKING:
    from collections.abc import Callable

    from core.job import Job
    from tests.integration.core.engine import Clock, Engine

WEIGHTS = [1, 1, 1, 2, 3, 0.5, 7, 0.3]


async def places(engine: Engine, job: Job, weights: dict[str, float]) -> tuple[int, int]:
    """Return how many jobs go before one: of its own tenant, and of all."""
    own, everybody, _ = await engine.store._position(job.tenant, job.id, pack(weights))
    return own, everybody


async def submit_some(engine: Engine, clock: Clock, dice: random.Random, tenants: str) -> list[Job]:
    """Submit jobs of all sorts, some of them together and so of one age."""
    jobs: list[Job] = []
    for _ in range(dice.randrange(12)):
        clock.advance(timedelta(milliseconds=dice.choice([0, 1, 5])))
        wanted = [
            submission(kind=dice.choice(list(JobKind)), priority=dice.choice([1, 2, 4, 5, 5, 5, 6, 9]))
            for _ in range(dice.choice([1, 1, 3, 10]))
        ]
        made, _ = await engine.submit_batch(wanted, tenant=dice.choice(tenants))
        jobs += made or []
    return jobs


@pytest.mark.parametrize("seed", range(12))
async def test_the_positions_are_the_order_in_which_claims_come(
    engine_with: Callable[..., Engine], clock: Clock, seed: int
) -> None:
    dice = random.Random(seed)  # noqa: S311 - repeatable on purpose
    tenants = "abcde"[: 1 + seed % 5]
    weights = {tenant: dice.choice(WEIGHTS) for tenant in tenants}
    engine = engine_with(floor=10**9, weights=weights)
    waiting: dict[str, Job] = {}
    for _ in range(3):  # claims before leave tenants with unlike service
        waiting |= {job.id: job for job in await submit_some(engine, clock, dice, tenants)}
        for _ in range(dice.randrange(len(waiting) + 1)):
            job = await engine.claim()
            assert job is not None
            await engine.finish(job, Outcome.SUCCEEDED)
            del waiting[job.id]

    told = {id_: await places(engine, job, weights) for id_, job in waiting.items()}

    order: list[Job] = []
    while (job := await engine.claim()) is not None:
        order.append(job)
    ahead_of_tenant = dict.fromkeys(tenants, 0)
    came = {}
    for ahead, job in enumerate(order):
        came[job.id] = (ahead_of_tenant[job.tenant], ahead)
        ahead_of_tenant[job.tenant] += 1
    assert told == came


async def test_a_tenant_that_a_cap_held_up_is_told_its_true_place(
    engine_with: Callable[..., Engine], clock: Clock
) -> None:
    capped, free = engine_with(tenant_cap=1), engine_with()
    for tenant in "abc":
        await capped.submit_batch([submission()] * 10, tenant=tenant)
    running = await capped.claim()
    assert running is not None
    for _ in range(8):  # the others go on meanwhile
        job = await capped.claim()
        assert job is not None
        assert job.tenant != running.tenant
        await capped.finish(job, Outcome.SUCCEEDED)
    index, pending = JobIndex(capped.redis, prefix=PREFIX), Filter(states=frozenset({JobState.PENDING}))
    waiting: list[Job] = []
    for tenant in map(Tenant, "abc"):
        ids, _ = await index.page(tenant, pending, size=100, before=None)
        waiting += await capped.store.get_many(tenant, ids)
    told = {job.id: (await places(free, job, {}))[1] for job in waiting}

    came: dict[str, int] = {}
    while (job := await free.claim()) is not None:
        came[job.id] = len(came)
    assert told == came


async def test_positions_need_no_more_commands_when_more_jobs_wait(engine: Engine) -> None:
    async def cost() -> int:
        job = await engine.submit(priority=5)
        await engine.store.queue_position(job)
        await engine.redis.config_resetstat()
        await engine.store.queue_position(job)
        stats: dict[str, Any] = await engine.redis.info("commandstats")
        return sum(stat["calls"] for name, stat in stats.items() if name != "cmdstat_config|resetstat")

    for tenant in "abc":
        await engine.submit(tenant)
    few = await cost()
    for tenant in "abc":
        for kind in JobKind:
            for priority in (1, 5, 9):
                await engine.submit_batch([submission(priority=priority, kind=kind)] * 100, tenant=tenant)

    assert await cost() == few


async def test_without_anybody_having_waited_there_is_no_estimate(engine: Engine) -> None:
    await engine.started()
    job = await engine.submit()

    position = await engine.store.queue_position(job)

    assert position is not None
    assert (position.ahead, position.estimated_wait) == (0, None)


async def test_the_estimated_wait_goes_by_the_pace_of_the_claims(engine: Engine, clock: Clock) -> None:
    made, _ = await engine.submit_batch([submission()] * 60)
    assert made is not None
    other = await engine.submit("other")
    for _ in range(30):
        job = await engine.claim()
        assert job is not None
        clock.advance(timedelta(seconds=2))

    position = await engine.store.queue_position(made[-1])

    assert other is not None
    assert position is not None
    assert position.estimated_wait is not None
    assert position.ahead in {30, 31}
    assert position.estimated_wait == timedelta(seconds=2) * (position.ahead + 1)


async def test_the_estimated_wait_follows_a_pace_that_changes(engine: Engine, clock: Clock) -> None:
    made, _ = await engine.submit_batch([submission()] * 200)
    assert made is not None
    for seconds in (1, 4):
        for _ in range(50):
            await engine.claim()
            clock.advance(timedelta(seconds=seconds))
    await engine.claim()

    position = await engine.store.queue_position(made[-1])

    assert position is not None
    assert position.estimated_wait is not None
    assert position.estimated_wait / 99 == pytest.approx(timedelta(seconds=4), rel=0.05)


async def test_a_time_without_jobs_does_not_slow_the_pace(engine: Engine, clock: Clock) -> None:
    await engine.submit_batch([submission()] * 5)
    for _ in range(5):
        await engine.claim()
        clock.advance(timedelta(seconds=1))
    clock.advance(timedelta(hours=5))
    made, _ = await engine.submit_batch([submission()] * 5)
    assert made is not None
    await engine.claim()

    position = await engine.store.queue_position(made[-1])

    assert position is not None
    assert position.estimated_wait == timedelta(seconds=4)


async def test_jobs_of_other_tenants_show_only_in_the_estimate(engine: Engine, clock: Clock) -> None:
    await engine.submit_batch([submission()] * 3)
    for _ in range(3):
        await engine.claim()
        clock.advance(timedelta(seconds=1))
    await engine.submit_batch([submission(priority=1)] * 8, tenant="other")
    job = await engine.submit()

    position = await engine.store.queue_position(job)

    assert position is not None
    assert (position.ahead, position.estimated_wait) == (0, timedelta(seconds=9))
