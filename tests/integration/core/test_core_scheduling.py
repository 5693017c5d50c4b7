"""Who is next: classes, then tenants by service, then priority and age; caps pass over without delaying others."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from core.job import JobKind, JobState, Tenant
from core.store.attempts import KindRule, Outcome
from tests.integration.core.engine import LEASE, submission

if TYPE_CHECKING:
    from collections.abc import Callable

    from core.job import Job
    from tests.integration.core.engine import Clock, Engine


async def drain(engine: Engine, most: int = 10_000) -> list[Job]:
    """Claim and finish jobs one after another; return them in that order."""
    done: list[Job] = []
    while len(done) < most and (job := await engine.claim()) is not None:
        await engine.finish(job, Outcome.SUCCEEDED)
        done.append(job)
    return done


async def test_a_higher_class_goes_first_and_a_lower_one_gets_one_claim_in_twenty(engine: Engine) -> None:
    await engine.submit_batch([submission(priority=5)] * 100)
    await engine.submit_batch([submission(priority=1)] * 100)

    order = [job.priority for job in await drain(engine, 100)]

    assert [place for place, priority in enumerate(order, 1) if priority == 5] == [20, 40, 60, 80, 100]


async def test_each_of_the_lower_classes_gets_one_claim_in_twenty(engine: Engine) -> None:
    for priority in (1, 5, 9):
        await engine.submit_batch([submission(priority=priority)] * 100)

    order = [job.priority for job in await drain(engine, 80)]

    assert [place for place, priority in enumerate(order, 1) if priority == 5] == [20, 40, 60, 80]
    assert [place for place, priority in enumerate(order, 1) if priority == 9] == [10, 30, 50, 70]


async def test_the_lowest_class_gets_its_claims_also_when_the_highest_has_none(engine: Engine) -> None:
    for priority in (5, 9):
        await engine.submit_batch([submission(priority=priority)] * 100)

    order = [job.priority for job in await drain(engine, 80)]

    assert [place for place, priority in enumerate(order, 1) if priority == 9] == [20, 40, 60, 80]


async def test_the_floor_can_be_set(engine_with: Callable[..., Engine]) -> None:
    engine = engine_with(floor=3)
    await engine.submit_batch([submission(priority=5)] * 10)
    await engine.submit_batch([submission(priority=1)] * 10)

    assert [job.priority for job in await drain(engine, 6)] == [1, 1, 5, 1, 1, 5]


async def test_inside_a_class_priority_goes_before_age(engine: Engine, clock: Clock) -> None:
    for priority in (7, 4, 6, 4, 5):
        await engine.submit(priority=priority, owner=str(clock.now))
        clock.advance(timedelta(milliseconds=1))

    order = await drain(engine)

    assert [job.priority for job in order] == [4, 4, 5, 6, 7]
    assert order[0].create_time < order[1].create_time


async def test_age_decides_between_kinds_too(engine: Engine, clock: Clock) -> None:
    kinds = [JobKind.MODEL, JobKind.TRANSITION, JobKind.SCRIPT_VIDEO, JobKind.COMPOSITION, JobKind.MODEL]
    for kind in kinds:
        await engine.submit(kind=kind)
        clock.advance(timedelta(milliseconds=1))

    assert [job.kind for job in await drain(engine)] == kinds


async def test_a_backlog_of_one_tenant_does_not_delay_the_first_job_of_another(engine: Engine) -> None:
    await engine.submit_batch([submission()] * 1000, tenant="a")
    await drain(engine, 50)
    await engine.submit("b")

    first_two = await drain(engine, 2)

    assert "b" in [job.tenant for job in first_two]


async def test_the_first_job_of_a_tenant_is_next_though_a_thousand_of_another_wait(engine: Engine) -> None:
    await engine.submit_batch([submission()] * 1000, tenant="a")
    for _ in range(20):
        assert await engine.claim() is not None
    await engine.submit("b")

    following = await engine.claim()

    assert following is not None
    assert following.tenant == "b"


@pytest.mark.parametrize("shares", [{"a": 3, "b": 1}, {"a": 1, "b": 3}, {"a": 0.3, "b": 0.1}])
async def test_tenants_get_slots_by_their_weights(engine_with: Callable[..., Engine], shares: dict[str, float]) -> None:
    engine = engine_with(weights=shares)
    for tenant in shares:
        await engine.submit_batch([submission()] * 400, tenant=tenant)

    order = [job.tenant for job in await drain(engine, 400)]

    most = max(shares, key=lambda tenant: shares[tenant])
    for upto in (40, 200, 400):  # all along, not only in the end
        assert order[:upto].count(Tenant(most)) == pytest.approx(upto * 3 / 4, abs=max(1, upto * 0.01))


async def test_a_tenant_that_comes_back_early_has_not_forgotten_its_service(engine: Engine) -> None:
    await engine.submit_batch([submission()] * 50, tenant="a")
    for _ in range(10):  # b submits one at a time, and waits for each: no way around its share
        await engine.submit("b")
        while (job := await engine.claim()) is not None:
            await engine.finish(job, Outcome.SUCCEEDED)
            if job.tenant == "b":
                break

    assert await engine.redis.zcard("{test}:pending:2:a:transition") in range(38, 43)


async def test_tenants_with_backlogs_share_the_slots(engine: Engine) -> None:
    for tenant in "abc":
        await engine.submit_batch([submission()] * 20, tenant=tenant)

    order = [job.tenant for job in await drain(engine, 30)]

    assert all(set(order[at : at + 3]) == {"a", "b", "c"} for at in range(0, 30, 3))


async def test_an_idle_tenant_earns_no_credit(engine: Engine) -> None:
    await engine.submit("b")
    await engine.submit_batch([submission()] * 100, tenant="a")
    await drain(engine, 60)
    await engine.submit_batch([submission()] * 100, tenant="b")

    order = [job.tenant for job in await drain(engine, 20)]

    assert order.count(Tenant("b")) in {10, 11}


async def test_a_tenant_held_up_by_a_cap_earns_no_credit(engine_with: Callable[..., Engine]) -> None:
    kinds = {kind: KindRule(cap=int(kind is JobKind.MODEL)) for kind in JobKind}
    engine = engine_with(kinds=kinds)
    await engine.submit_batch([submission(kind=JobKind.MODEL)] * 50, tenant="b")
    running = await engine.claim()
    assert running is not None
    await engine.submit_batch([submission()] * 200, tenant="a")
    await drain(engine, 100)  # b waits for its kind meanwhile
    await engine.finish(running, Outcome.SUCCEEDED)

    order = [job.tenant for job in await drain(engine, 20)]

    assert order.count(Tenant("b")) in {10, 11}


async def test_the_service_of_tenants_without_jobs_is_not_kept_for_ever(engine: Engine) -> None:
    for number in range(20):
        await engine.submit(f"tenant {number}")
        await drain(engine)

    assert await engine.redis.zcard("{test}:service:2") <= 1


async def test_a_tenant_at_its_cap_is_passed_over(engine_with: Callable[..., Engine]) -> None:
    engine = engine_with(tenant_cap=2)
    await engine.submit_batch([submission()] * 5, tenant="a")
    await engine.submit_batch([submission()] * 5, tenant="b")

    claimed = [await engine.claim() for _ in range(5)]

    assert sorted(job.tenant for job in claimed if job) == ["a", "a", "b", "b"]
    assert claimed[0] is not None
    await engine.finish(claimed[0], Outcome.SUCCEEDED)
    following = await engine.claim()
    assert following is not None
    assert following.tenant == claimed[0].tenant


async def test_a_kind_at_its_cap_is_passed_over(engine_with: Callable[..., Engine], clock: Clock) -> None:
    engine = engine_with(kinds={**{kind: KindRule() for kind in JobKind}, JobKind.MODEL: KindRule(cap=1)})
    for kind in (JobKind.MODEL, JobKind.MODEL, JobKind.TRANSITION):
        await engine.submit(kind=kind)
        clock.advance(timedelta(milliseconds=1))

    claimed = [await engine.claim() for _ in range(3)]

    assert [job and job.kind for job in claimed] == [JobKind.MODEL, JobKind.TRANSITION, None]


async def test_a_kind_that_this_worker_has_no_rule_for_is_left_to_others(engine_with: Callable[..., Engine]) -> None:
    engine = engine_with(kinds={JobKind.MODEL: KindRule()})
    await engine.submit(kind=JobKind.TRANSITION)
    await engine.submit(kind=JobKind.MODEL)

    claimed = [await engine.claim() for _ in range(2)]

    assert [job and job.kind for job in claimed] == [JobKind.MODEL, None]


async def test_a_full_provider_holds_back_only_kinds_that_need_it(engine_with: Callable[..., Engine]) -> None:
    kinds = {kind: KindRule(needs_provider=kind is not JobKind.COMPOSITION) for kind in JobKind}
    engine = engine_with(provider_slots=2, kinds=kinds)
    for kind in (JobKind.MODEL, JobKind.TRANSITION, JobKind.SCRIPT_VIDEO, JobKind.COMPOSITION):
        await engine.submit(kind=kind)

    claimed = [await engine.claim() for _ in range(4)]

    assert [job.kind for job in claimed if job].count(JobKind.COMPOSITION) == 1
    assert sum(job is not None for job in claimed) == 3
    first = next(job for job in claimed if job and job.kind is not JobKind.COMPOSITION)
    await engine.finish(first, Outcome.SUCCEEDED)
    assert await engine.claim() is not None


async def test_a_claim_in_vain_costs_no_more_when_more_tenants_wait(engine_with: Callable[..., Engine]) -> None:
    engine = engine_with(provider_slots=1)
    await engine.started()

    async def cost() -> int:
        await engine.redis.config_resetstat()
        assert await engine.claim() is None
        stats: dict[str, dict[str, int]] = await engine.redis.info("commandstats")
        return sum(stat["calls"] for stat in stats.values())

    await engine.submit("tenant")
    few = await cost()
    for number in range(30):
        await engine.submit(f"tenant {number}")

    assert await cost() == few


async def test_a_provider_slot_whose_holder_died_falls_back(engine_with: Callable[..., Engine], clock: Clock) -> None:
    engine = engine_with(provider_slots=1)
    await engine.started()
    waiting = await engine.submit(priority=1)
    assert await engine.claim() is None

    clock.advance(LEASE)
    await engine.attempts.sweep()
    following = await engine.claim()

    assert following is not None
    assert following.id == waiting.id


async def test_a_job_whose_lease_was_lost_goes_back_to_its_old_place(engine: Engine, clock: Clock) -> None:
    first = await engine.started()
    clock.advance(timedelta(milliseconds=1))
    await engine.submit_batch([submission()] * 10)
    clock.advance(LEASE)
    await engine.attempts.sweep()

    again = await engine.claim()

    assert again is not None
    assert (again.id, again.state) == (first.id, JobState.STARTED)


async def test_an_interrupted_job_goes_back_to_its_old_place(engine: Engine, clock: Clock) -> None:
    first = await engine.started()
    clock.advance(timedelta(milliseconds=1))
    await engine.submit_batch([submission()] * 10)
    await engine.finish(first, Outcome.INTERRUPTED)

    again = await engine.claim()

    assert again is not None
    assert again.id == first.id


async def test_the_queue_position_counts_the_jobs_of_the_tenant_that_go_first(engine: Engine, clock: Clock) -> None:
    await engine.submit(priority=1, kind=JobKind.MODEL)
    await engine.submit(priority=4)
    clock.advance(timedelta(milliseconds=1))
    await engine.submit(priority=5, kind=JobKind.COMPOSITION)
    clock.advance(timedelta(milliseconds=1))
    job = await engine.submit(priority=5)
    await engine.submit(priority=6)
    await engine.submit("another", priority=1)

    position = await engine.store.queue_position(job)
    assert position is not None
    assert position.ahead == 3


async def test_a_job_that_waits_for_its_next_attempt_has_no_queue_position(engine: Engine) -> None:
    job = await engine.started()
    await engine.finish(job, Outcome.RETRY, delay=timedelta(minutes=1))

    assert await engine.store.queue_position(await engine.now(job)) is None
