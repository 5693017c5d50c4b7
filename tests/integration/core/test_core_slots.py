"""Provider slots belong to jobs: they stay while a generation runs on, and fall back when it cannot."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, cast

import pytest

from core.errors import FencedError
from core.job import GenerationState, JobKind, JobState
from core.store.attempts import KindRule, Outcome
from tests.integration.core.engine import LEASE, PREFIX, generation, key_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from core.job import Job
    from tests.integration.core.engine import Clock, Engine

DELAY = timedelta(seconds=60)


async def running(engine: Engine) -> set[str]:
    """Return the jobs in the running sets."""
    of_tenant = cast("set[bytes]", await engine.redis.smembers(f"{PREFIX}:running:tenant:default"))
    of_kind = cast("set[bytes]", await engine.redis.smembers(f"{PREFIX}:running:kind:transition"))
    assert {f"default/{id_.decode()}" for id_ in of_tenant} == {member.decode() for member in of_kind}
    return {id_.decode() for id_ in of_tenant}


@pytest.fixture
async def job(engine: Engine) -> Job:
    """A job with two generations, of which one has ended."""
    job = await engine.started()
    await engine.generate(job, "first")
    await engine.complete(job, "first")
    await engine.generate(job, "second")
    return job


def slot(job: Job, step: str = "second") -> set[str]:
    return {f"default/{job.id}/{step}"}


class TestAttached:
    """A job that waits while its generation runs."""

    async def test_an_interrupted_job_keeps_the_slot_and_the_place_of_what_runs_on(
        self, engine: Engine, job: Job
    ) -> None:
        await engine.finish(job, Outcome.INTERRUPTED)

        assert (await engine.now(job)).state is JobState.PENDING
        assert (await engine.slots(), await running(engine)) == (slot(job), {job.id})

    async def test_a_job_that_lost_its_worker_keeps_them_too(self, engine: Engine, clock: Clock, job: Job) -> None:
        clock.advance(LEASE)

        assert await engine.attempts.sweep() == [("returned", f"default/{job.id}")]

        assert (await engine.slots(), await running(engine)) == (slot(job), {job.id})

    async def test_it_goes_before_all_others_and_past_every_cap(
        self, engine_with: Callable[..., Engine], clock: Clock
    ) -> None:
        engine = engine_with(provider_slots=1, tenant_cap=1, kinds={kind: KindRule(cap=1) for kind in JobKind})
        job = await engine.started(priority=10)
        await engine.generate(job)
        await engine.submit(priority=1)
        await engine.finish(job, Outcome.INTERRUPTED)

        again, more = await engine.claim(), await engine.claim()

        assert again is not None
        assert (again.id, again.attempt, more) == (job.id, 2, None)
        assert await engine.slots() == slot(job, "video")
        assert await engine.attempts.take_slot(key_of(again), "video")

    async def test_the_oldest_of_the_highest_priority_goes_first(self, engine: Engine, clock: Clock) -> None:
        jobs = []
        for priority in (5, 1, 1):
            jobs.append(await engine.started(priority=priority))
            await engine.generate(jobs[-1])
            clock.advance(timedelta(milliseconds=1))
        for job in reversed(jobs):
            await engine.finish(job, Outcome.INTERRUPTED)

        order = [await engine.claim() for _ in range(3)]

        assert [job and job.id for job in order] == [jobs[1].id, jobs[2].id, jobs[0].id]

    async def test_it_is_left_to_a_worker_that_knows_its_kind(self, engine_with: Callable[..., Engine]) -> None:
        both, old = engine_with(), engine_with(kinds={JobKind.MODEL: KindRule()})
        job = await both.started()
        await both.generate(job)
        await both.finish(job, Outcome.INTERRUPTED)
        other = await both.submit(kind=JobKind.MODEL)

        found, none = await old.claim(), await old.claim()

        assert found is not None
        assert (found.id, none) == (other.id, None)
        again = await both.claim()
        assert again is not None
        assert again.id == job.id

    async def test_it_is_cancelled_by_a_worker_that_tells_the_provider(self, engine: Engine, job: Job) -> None:
        await engine.finish(job, Outcome.INTERRUPTED)
        before = await engine.tickets()

        assert (await engine.cancel(job.tenant, job.id)).state is JobState.CANCELLING

        assert await engine.tickets() == before + 1
        assert (await engine.slots(), await running(engine)) == (slot(job), set())
        orphan = await engine.claim()
        assert orphan is not None
        assert (orphan.id, orphan.state) == (job.id, JobState.CANCELLING)
        assert await engine.finish(orphan, Outcome.CANCELLED) is JobState.CANCELLED
        assert await engine.slots() == set()

    async def test_a_job_whose_submit_may_have_been_accepted_keeps_its_slot(self, engine: Engine, clock: Clock) -> None:
        job = await engine.started()
        await engine.intend(job)
        clock.advance(LEASE)
        await engine.attempts.sweep()
        assert await engine.slots() == slot(job, "video")

        with pytest.raises(FencedError):  # it was accepted, and its worker lives after all
            await engine.attempts.record(
                key_of(job), generation(GenerationState.SUBMITTED), replaces=[GenerationState.INTENDED]
            )

        assert await engine.slots() == slot(job, "video")
        again = await engine.claim()
        assert again is not None
        assert again.generations[0].state is GenerationState.SUBMITTED

    async def test_a_job_whose_submit_may_have_been_accepted_is_cancelled_by_a_worker(
        self, engine: Engine, clock: Clock
    ) -> None:
        job = await engine.started()
        await engine.intend(job)
        clock.advance(LEASE)
        await engine.attempts.sweep()

        assert (await engine.cancel(job.tenant, job.id)).state is JobState.CANCELLING


class TestRetried:
    """A job that waits for its next attempt."""

    async def test_it_keeps_the_slot_of_what_runs_on(self, engine: Engine, clock: Clock, job: Job) -> None:
        await engine.finish(job, Outcome.RETRY, delay=DELAY)
        assert (await engine.slots(), await running(engine)) == (slot(job), {job.id})
        assert await engine.claim() is None

        clock.advance(DELAY)

        assert await engine.attempts.sweep() == [("promoted", f"default/{job.id}")]
        assert await engine.slots() == slot(job)
        again = await engine.claim()
        assert again is not None
        assert (again.id, await running(engine)) == (job.id, {job.id})
        assert await engine.redis.exists(f"{PREFIX}:attached") == 0

    async def test_it_gives_back_the_slots_of_what_has_ended(self, engine: Engine, job: Job) -> None:
        await engine.complete(job, "second")

        await engine.finish(job, Outcome.RETRY, delay=DELAY)

        assert (await engine.slots(), await running(engine)) == (set(), set())

    async def test_cancelled_while_something_runs_on_it_waits_for_a_worker(
        self, engine: Engine, clock: Clock, job: Job
    ) -> None:
        await engine.finish(job, Outcome.RETRY, delay=DELAY)

        assert (await engine.cancel(job.tenant, job.id)).state is JobState.CANCELLING

        clock.advance(DELAY)
        assert await engine.attempts.sweep() == []
        assert await engine.claim() is not None
        assert await engine.claim() is None


class TestCancelling:
    """A job that nobody has while it is cancelled."""

    @pytest.mark.parametrize("lost", [False, True])
    async def test_its_slots_fall_back_when_the_provider_was_told(
        self, engine: Engine, clock: Clock, job: Job, lost: bool
    ) -> None:
        await engine.cancel(job.tenant, job.id)
        if lost:
            clock.advance(LEASE)
            await engine.attempts.sweep()
        else:
            await engine.finish(job, Outcome.INTERRUPTED)
        assert await engine.slots() == slot(job)

        orphan = await engine.claim()
        assert orphan is not None
        await engine.finish(orphan, Outcome.CANCELLED)

        assert (await engine.slots(), await running(engine)) == (set(), set())


class TestEnds:
    """An attempt that ends for good, or late."""

    @pytest.mark.parametrize("outcome", [Outcome.SUCCEEDED, Outcome.FAILED, Outcome.CANCELLED])
    async def test_an_end_gives_everything_back(self, engine: Engine, job: Job, outcome: Outcome) -> None:
        await engine.finish(job, outcome)

        assert (await engine.slots(), await running(engine)) == (set(), set())

    async def test_the_failure_of_a_job_that_loses_its_workers_gives_everything_back(
        self, engine: Engine, clock: Clock
    ) -> None:
        job = await engine.started(max_attempts=1)
        await engine.generate(job)
        clock.advance(LEASE)

        assert await engine.attempts.sweep() == [("failed", f"default/{job.id}")]

        assert (await engine.slots(), await running(engine)) == (set(), set())

    async def test_a_late_worker_does_not_give_back_what_its_successor_holds(
        self, engine: Engine, clock: Clock, job: Job
    ) -> None:
        clock.advance(LEASE)
        await engine.attempts.sweep()
        await engine.attempts.free_slot(key_of(job), "second")
        assert await engine.slots() == slot(job)
        await engine.claim()

        await engine.attempts.free_slot(key_of(job), "second")

        assert await engine.slots() == slot(job)

    async def test_a_retried_job_takes_a_slot_with_its_claim_again(self, engine: Engine, job: Job) -> None:
        await engine.finish(job, Outcome.FAILED)
        await engine.retry(job)
        assert await engine.slots() == set()

        again = await engine.claim()

        assert again is not None
        assert await engine.slots() == {f"default/{job.id}"}
        assert await engine.attempts.take_slot(key_of(again), "second")
        assert await engine.slots() == slot(job)

    async def test_a_retried_job_whose_generation_was_left_running_is_cancelled_by_a_worker(
        self, engine: Engine, job: Job
    ) -> None:
        await engine.finish(job, Outcome.FAILED)
        await engine.retry(job)

        assert (await engine.cancel(job.tenant, job.id)).state is JobState.CANCELLING

        assert await engine.redis.zcard(f"{PREFIX}:orphans") == 1

    async def test_a_slot_of_an_unknown_attempt_is_refused(self, engine: Engine, job: Job) -> None:
        with pytest.raises(FencedError):
            await engine.attempts.take_slot(replace(key_of(job), attempt=7), "third")


class TestSlot:
    """One slot at a time."""

    async def test_slots_are_taken_until_the_provider_is_full(self, engine_with: Callable[..., Engine]) -> None:
        engine = engine_with(provider_slots=2)
        job = await engine.started()

        # The first step has the slot that the claim took.
        assert await engine.attempts.take_slot(key_of(job), "first")
        assert await engine.attempts.take_slot(key_of(job), "second")
        assert not await engine.attempts.take_slot(key_of(job), "third")
        await engine.attempts.free_slot(key_of(job), "first")
        assert await engine.attempts.take_slot(key_of(job), "third")

    async def test_a_slot_that_is_held_may_be_taken_again(self, engine_with: Callable[..., Engine]) -> None:
        engine = engine_with(provider_slots=1)
        job = await engine.started()

        assert await engine.attempts.take_slot(key_of(job), "first")
        assert await engine.attempts.take_slot(key_of(job), "first")

    async def test_a_slot_that_a_step_gives_back_may_be_taken_by_another_job(
        self, engine_with: Callable[..., Engine]
    ) -> None:
        engine = engine_with(provider_slots=1)
        job = await engine.started()
        await engine.attempts.take_slot(key_of(job), "first")
        await engine.submit()
        assert await engine.claim() is None

        await engine.attempts.free_slot(key_of(job), "first")

        assert await engine.claim() is not None
        assert not await engine.attempts.take_slot(key_of(job), "second")

    @pytest.mark.parametrize("cut_off", ["lost", "interrupted"])
    async def test_a_slot_stays_with_its_job_while_the_generation_runs_on_at_the_provider(
        self, engine_with: Callable[..., Engine], clock: Clock, cut_off: str
    ) -> None:
        engine = engine_with(provider_slots=1, tenant_cap=1)
        job = await engine.started()
        await engine.generate(job)
        await engine.submit(priority=1)
        if cut_off == "lost":
            clock.advance(LEASE)
            await engine.attempts.sweep()
        else:
            await engine.finish(job, Outcome.INTERRUPTED)

        assert len(await engine.slots()) == 1
        # Though the other is more urgent: this one needs no slot, and there is none.
        again = await engine.claim()
        assert again is not None
        assert again.id == job.id
        assert await engine.claim() is None
        await engine.finish(again, Outcome.SUCCEEDED)
        assert await engine.claim() is not None

    async def test_a_slot_without_a_generation_falls_back_with_the_attempt(
        self, engine_with: Callable[..., Engine], clock: Clock
    ) -> None:
        engine = engine_with(provider_slots=2)
        job = await engine.started()
        await engine.attempts.take_slot(key_of(job), "first")
        await engine.attempts.take_slot(key_of(job), "second")
        clock.advance(LEASE)

        await engine.attempts.sweep()

        assert await engine.slots() == set()

    async def test_a_job_that_waits_while_its_generation_runs_is_cancelled_at_the_provider(
        self, engine: Engine, clock: Clock
    ) -> None:
        job = await engine.started()
        await engine.generate(job)
        clock.advance(LEASE)
        await engine.attempts.sweep()

        cancelled = await engine.cancel(job.tenant, job.id)

        assert cancelled.state is JobState.CANCELLING
        holder = await engine.claim()
        assert holder is not None
        assert (holder.id, holder.state) == (job.id, JobState.CANCELLING)

    async def test_a_stale_attempt_is_fenced(self, engine: Engine, stale: Job) -> None:
        with pytest.raises(FencedError):
            await engine.attempts.take_slot(key_of(stale), "second")
