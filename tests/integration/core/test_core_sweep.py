"""Sweeping: what crashes and time have broken is mended; what is forgotten leaves nothing behind."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from core.errors import JobNotFoundError
from core.job import DEFAULT_TENANT, ErrorReason, Generation, GenerationState, JobState
from core.store.attempts import BATCH, Outcome
from tests.integration.core.engine import EVENTS, LEASE, PREFIX, RETENTION, eventually, key_of, submission

if TYPE_CHECKING:
    from tests.integration.core.engine import Clock, Engine

QUEUE = f"{PREFIX}:dramatiq:segue"
TOPPED_UP = f"{PREFIX}:topped-up"
HEARTBEATS = f"{PREFIX}:dramatiq:__heartbeats__"
#: What remains of an installation when all of its jobs are gone: counters.
LASTING = {
    *(f"{PREFIX}:{name}" for name in ("tickets", "claims", "clock:1", "clock:2", "clock:3", "waiting", "pace")),
    *(f"{PREFIX}:tenant:{tenant}" for tenant in (DEFAULT_TENANT, "a", "b", "c")),
}


async def test_nothing_is_mended_while_leases_hold(engine: Engine, clock: Clock) -> None:
    await engine.started()
    clock.advance(LEASE - timedelta(milliseconds=1))

    assert await engine.attempts.sweep() == []


async def test_a_job_whose_lease_was_lost_is_returned_with_a_ticket(engine: Engine, clock: Clock) -> None:
    job = await engine.started()
    await engine.redis.delete(QUEUE)
    clock.advance(LEASE)

    assert await engine.attempts.sweep() == [("returned", f"default/{job.id}")]
    assert (await engine.now(job)).state is JobState.PENDING
    assert await engine.tickets() == 1


async def test_a_job_fails_after_it_lost_its_worker_in_each_attempt(engine: Engine, clock: Clock) -> None:
    job = await engine.started(max_attempts=2)
    clock.advance(LEASE)
    await engine.attempts.sweep()
    await engine.claim()
    clock.advance(LEASE)

    assert await engine.attempts.sweep() == [("failed", f"default/{job.id}")]

    now = await engine.now(job)
    assert now.state is JobState.FAILED
    assert now.error is not None
    assert now.error.reason is ErrorReason.WORKER_LOST
    assert now.expire_time is not None
    assert await engine.claim() is None


async def test_interruptions_do_not_bring_a_job_nearer_to_its_failure(engine: Engine, clock: Clock) -> None:
    job = await engine.started(max_attempts=2)
    await engine.finish(job, Outcome.INTERRUPTED)
    await engine.claim()
    clock.advance(LEASE)

    assert await engine.attempts.sweep() == [("returned", f"default/{job.id}")]


async def test_a_cancellation_that_lost_its_worker_is_orphaned_with_a_ticket(engine: Engine, clock: Clock) -> None:
    job = await engine.started()
    await engine.cancel(job.tenant, job.id)
    await engine.redis.delete(QUEUE)
    clock.advance(LEASE)

    assert await engine.attempts.sweep() == [("orphaned", f"default/{job.id}")]
    assert (await engine.now(job)).state is JobState.CANCELLING
    assert await engine.tickets() == 1


async def test_one_sweep_mends_a_bounded_number(engine: Engine, clock: Clock) -> None:
    await engine.submit_batch([submission()] * (BATCH + 1))
    for _ in range(BATCH + 1):
        await engine.claim()
    clock.advance(LEASE)

    assert len(await engine.attempts.sweep()) == BATCH
    assert len(await engine.attempts.sweep()) == 1


async def test_lost_tickets_are_topped_up_once_a_second(engine: Engine) -> None:
    await engine.submit()

    async def topped_up() -> bool:
        await engine.redis.delete(QUEUE)
        await engine.attempts.sweep()
        return await engine.tickets() > 0

    async def second_stands_still() -> bool:
        """Keep the mark that was set with the tickets, unless its second has passed meanwhile."""
        assert await topped_up()
        assert await engine.redis.pttl(TOPPED_UP) <= 1000
        return bool(await engine.redis.persist(TOPPED_UP))

    await eventually(second_stands_still)
    assert not await topped_up()

    await engine.redis.pexpire(TOPPED_UP, 1)
    await eventually(topped_up)


async def test_no_tickets_are_made_while_nothing_waits(engine: Engine) -> None:
    await engine.submit(hold=True)

    await engine.attempts.sweep()

    assert await engine.tickets() == 0


async def test_the_traces_of_dead_dramatiq_processes_go(engine: Engine, clock: Clock) -> None:
    for process, seen in (("dead", clock.now - 60_001), ("live", clock.now - 1000)):
        await engine.redis.zadd(HEARTBEATS, {process: seen})
        await engine.redis.sadd(f"{PREFIX}:dramatiq:__acks__.{process}.segue", f"ticket of {process}")
        await engine.redis.hset(f"{QUEUE}.msgs", f"ticket of {process}", "{}")

    await engine.attempts.sweep()

    assert await engine.redis.zrange(HEARTBEATS, 0, -1) == [b"live"]
    assert await engine.redis.hkeys(f"{QUEUE}.msgs") == [b"ticket of live"]
    assert await engine.redis.keys(f"{PREFIX}:dramatiq:__acks__*") == [
        f"{PREFIX}:dramatiq:__acks__.live.segue".encode()
    ]


async def test_jobs_are_forgotten_when_their_retention_has_passed(engine: Engine, clock: Clock) -> None:
    job = await engine.started()
    await engine.finish(job, Outcome.SUCCEEDED)
    clock.advance(RETENTION - timedelta(milliseconds=1))
    assert await engine.attempts.expire() == 0

    clock.advance(timedelta(milliseconds=1))

    assert await engine.attempts.expire() == 1
    with pytest.raises(JobNotFoundError):
        await engine.now(job)


@pytest.mark.parametrize("hold", [False, True])
async def test_jobs_that_have_not_ended_are_never_forgotten(engine: Engine, clock: Clock, hold: bool) -> None:
    job = await engine.submit(hold=hold)
    clock.advance(RETENTION * 100)

    assert await engine.attempts.expire() == 0
    assert (await engine.now(job)).state is job.state


async def test_a_forgotten_job_leaves_nothing_behind(engine: Engine, clock: Clock) -> None:
    for number in range(3):
        await engine.submit(
            owner="ann", labels={"a": "b"}, request_id=f"r{number}", digest="d", priority=1 + 4 * number
        )
    await engine.submit_batch([submission(owner="ann", labels={"n": str(i)}) for i in range(4)], request_id="batch")
    while (job := await engine.claim()) is not None:
        row = Generation(
            step="s",
            endpoint="e",
            state=GenerationState.COMPLETED,
            intent="1",
            input_digest="d",
            submit_time=job.create_time,
        )
        await engine.attempts.record(key_of(job), row, replaces=["absent"], output=b"{}")
        await engine.attempts.report(key_of(job), None, ["line"] * EVENTS)
        await engine.finish(job, Outcome.SUCCEEDED)
    await engine.redis.delete(QUEUE, f"{QUEUE}.msgs")
    clock.advance(RETENTION)

    assert await engine.attempts.expire() == 7

    assert set(await engine.dump()) <= LASTING


async def test_a_batch_stays_until_the_last_of_its_jobs_is_forgotten(engine: Engine, clock: Clock) -> None:
    made, batch_id = await engine.submit_batch([submission(), submission()], request_id="r", digest="d")
    assert made is not None
    await engine.cancel(DEFAULT_TENANT, made[0].id)
    clock.advance(RETENTION)
    await engine.attempts.expire()

    batch = await engine.store.get_batch(DEFAULT_TENANT, batch_id)
    assert batch.job_count == 2
    assert [job.id for job in await engine.store.jobs_of_batch(DEFAULT_TENANT, batch_id)] == [made[1].id]
    assert (await engine.submit_batch([submission()], request_id="r", digest="d")) == (None, batch_id)


async def test_a_request_id_may_be_used_again_when_its_job_is_forgotten(engine: Engine, clock: Clock) -> None:
    job = await engine.submit(request_id="r", digest="d")
    await engine.cancel(job.tenant, job.id)
    clock.advance(RETENTION)
    await engine.attempts.expire()

    again = await engine.submit(request_id="r", digest="other")
    assert again.id != job.id


async def test_a_job_of_a_batch_does_not_take_anothers_request_id_with_it(engine: Engine, clock: Clock) -> None:
    kept = await engine.submit(request_id="r", digest="d")
    made, _ = await engine.submit_batch([submission(request_id="r")])
    assert made is not None
    await engine.cancel(DEFAULT_TENANT, made[0].id)
    clock.advance(RETENTION)
    await engine.attempts.expire()

    again, job_id = await engine.store.submit(DEFAULT_TENANT, made[0].id, submission(request_id="r", digest="d"))
    assert (again, job_id) == (None, kept.id)
