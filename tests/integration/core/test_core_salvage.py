"""What a job had paid for is not lost with its failure; and how long things take is remembered."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from core.errors import FencedError
from core.job import ErrorReason, GenerationState, JobError, JobKind, JobState
from core.store.attempts import Outcome, Take
from core.store.durations import Durations
from tests.integration.core.engine import LEASE, PREFIX, generation, key_of, submission

if TYPE_CHECKING:
    from collections.abc import Callable

    from redis.asyncio import Redis

    from tests.integration.core.engine import Clock, Engine

FAILURE = JobError(reason=ErrorReason.MEDIA_FAILED, message="no")


@pytest.fixture
def durations(redis: Redis, engine: Engine) -> Durations:
    """A reader that asks anew each time."""
    return Durations(redis, engine.store.keys, good_for=timedelta())


class TestSalvage:
    """The result of a failed job."""

    async def test_a_failed_job_carries_what_was_salvaged_last(self, engine: Engine) -> None:
        job = await engine.started()
        await engine.attempts.salvage(key_of(job), b"the picture")
        await engine.attempts.salvage(key_of(job), b"the picture and the sound")

        await engine.finish(job, Outcome.FAILED, error=FAILURE)

        assert (await engine.now(job)).result == b"the picture and the sound"

    async def test_what_an_attempt_salvages_is_its_successors_too(self, engine: Engine, clock: Clock) -> None:
        job = await engine.started()

        await engine.finish(job, Outcome.RETRY, result=b"paid", error=FAILURE, delay=timedelta(seconds=1))

        assert (await engine.now(job)).result is None  # it may still succeed
        clock.advance(timedelta(seconds=1))
        await engine.attempts.sweep()
        again = await engine.claim()
        assert again is not None
        await engine.finish(again, Outcome.FAILED, error=FAILURE)
        assert (await engine.now(job)).result == b"paid"

    async def test_a_job_that_lost_its_worker_carries_it_too(self, engine: Engine, clock: Clock) -> None:
        job = await engine.started(max_attempts=1)
        await engine.attempts.salvage(key_of(job), b"paid")
        clock.advance(LEASE)

        await engine.attempts.sweep()

        failed = await engine.now(job)
        assert (failed.state, failed.result) == (JobState.FAILED, b"paid")

    @pytest.mark.parametrize(
        ("outcome", "result"), [(Outcome.SUCCEEDED, b"all"), (Outcome.CANCELLED, None)], ids=["succeeded", "cancelled"]
    )
    async def test_other_ends_drop_it(self, engine: Engine, outcome: Outcome, result: bytes | None) -> None:
        job = await engine.started()
        await engine.attempts.salvage(key_of(job), b"paid")
        if outcome is Outcome.CANCELLED:
            await engine.cancel(job.tenant, job.id)

        await engine.finish(job, outcome, result=result or b"")

        assert (await engine.now(job)).result == result
        record = (await engine.dump())[f"{PREFIX}:job:{job.tenant}:{job.id}"]
        assert b"salvage" not in record

    async def test_a_retry_begins_without_it(self, engine: Engine) -> None:
        job = await engine.started()
        await engine.attempts.salvage(key_of(job), b"paid")
        await engine.finish(job, Outcome.FAILED, error=FAILURE)

        await engine.retry(job)

        assert (await engine.now(job)).result is None
        again = await engine.claim()
        assert again is not None
        await engine.finish(again, Outcome.FAILED, error=FAILURE)
        assert (await engine.now(job)).result is None

    async def test_a_stale_attempt_salvages_nothing(self, engine: Engine) -> None:
        job = await engine.started()
        await engine.finish(job, Outcome.INTERRUPTED)

        with pytest.raises(FencedError):
            await engine.attempts.salvage(key_of(job), b"late")

    async def test_watchers_do_not_get_it_with_each_change(self, engine: Engine) -> None:
        job = await engine.started()
        await engine.attempts.salvage(key_of(job), b"S" * 1000)
        await engine.generate(job)

        log = (await engine.dump())[f"{PREFIX}:log:{job.tenant}:{job.id}"]
        assert not any(b"S" * 1000 in fields[b"e"] for _, fields in log)


class TestDurations:
    """How long jobs and generations usually take."""

    async def test_the_usual_time_is_the_median_of_the_last_twenty_that_went_well(
        self, engine: Engine, clock: Clock, durations: Durations
    ) -> None:
        for seconds in [1000] * 5 + list(range(1, 21)):
            job = await engine.started(model="m")
            clock.advance(timedelta(seconds=seconds))
            await engine.finish(job, Outcome.SUCCEEDED)
        failed = await engine.started(model="m")
        clock.advance(timedelta(hours=1))
        await engine.finish(failed, Outcome.FAILED, error=FAILURE)

        assert await durations.of_jobs(JobKind.TRANSITION, "m") == timedelta(seconds=10.5)
        assert await durations.of_jobs(JobKind.TRANSITION, "another") is None
        assert await durations.of_jobs(JobKind.MODEL, "m") is None

    async def test_it_counts_from_the_first_start(self, engine: Engine, clock: Clock, durations: Durations) -> None:
        await engine.submit()
        clock.advance(timedelta(minutes=5))
        job = await engine.claim()
        assert job is not None
        clock.advance(timedelta(seconds=3))
        await engine.finish(job, Outcome.INTERRUPTED)
        clock.advance(timedelta(seconds=4))
        again = await engine.claim()
        assert again is not None

        await engine.finish(again, Outcome.SUCCEEDED)

        assert await durations.of_jobs(JobKind.TRANSITION, "") == timedelta(seconds=7)

    async def test_submitted_and_read_jobs_tell_it(
        self, engine: Engine, engine_with: Callable[..., Engine], clock: Clock
    ) -> None:
        job = await engine.started(model="m")
        assert job.estimated_duration is None
        clock.advance(timedelta(seconds=42))
        await engine.finish(job, Outcome.SUCCEEDED)
        another = engine_with()  # what this one has read is older

        submitted = await another.submit(model="m")
        in_batch, _ = await another.submit_batch([submission(model="m"), submission(model="n")])
        read = await another.now(submitted)

        assert in_batch is not None
        told = [each.estimated_duration for each in (submitted, read, *in_batch)]
        assert told == [timedelta(seconds=42)] * 3 + [None]

    async def test_an_answer_is_kept_for_a_while(self, engine: Engine, clock: Clock, redis: Redis) -> None:
        kept = Durations(redis, engine.store.keys, good_for=timedelta(minutes=1))
        assert await kept.of_jobs(JobKind.TRANSITION, "") is None

        job = await engine.started()
        clock.advance(timedelta(seconds=1))
        await engine.finish(job, Outcome.SUCCEEDED)

        assert await kept.of_jobs(JobKind.TRANSITION, "") is None

    async def test_generations_are_measured_by_their_endpoint(self, engine: Engine, durations: Durations) -> None:
        job = await engine.started()
        for step, seconds in (("first", 20), ("second", 40)):
            await engine.generate(job, step)
            row = generation(GenerationState.COMPLETED, step)
            row = replace(row, end_time=row.submit_time + timedelta(seconds=seconds))
            for _ in range(2):  # the same write again is no other generation
                await engine.attempts.record(key_of(job), row, replaces=[GenerationState.SUBMITTED], output=b"{}")

        assert await durations.of_generations("fal-ai/x") == timedelta(seconds=30)
        assert await durations.of_generations("fal-ai/y") is None

    async def test_they_are_forgotten_after_a_month(self, engine: Engine) -> None:
        await engine.ended(Outcome.SUCCEEDED, model="m")

        ttl = await engine.redis.ttl(f"{PREFIX}:usual:job:transition:m")

        assert timedelta(days=29) < timedelta(seconds=int(ttl)) <= timedelta(days=30)


class TestSlots:
    """Which provider slots a step may take."""

    async def test_a_step_that_takes_only_its_own_takes_no_free_one(self, engine: Engine) -> None:
        job = await engine.started()

        assert await engine.attempts.take_slot(key_of(job), "first", Take.OWN)  # the claim's
        assert not await engine.attempts.take_slot(key_of(job), "second", Take.OWN)
        assert await engine.attempts.take_slot(key_of(job), "second")
        assert await engine.attempts.take_slot(key_of(job), "second", Take.OWN)

    async def test_a_step_behind_the_claims_takes_none_while_jobs_wait(self, engine: Engine) -> None:
        job = await engine.started()
        assert await engine.attempts.take_slot(key_of(job), "first", Take.BEHIND)
        waiting = await engine.submit()

        assert not await engine.attempts.take_slot(key_of(job), "second", Take.BEHIND)
        await engine.cancel(waiting.tenant, waiting.id)
        assert await engine.attempts.take_slot(key_of(job), "second", Take.BEHIND)

    async def test_a_slot_is_handed_to_the_next_step_past_all_others(self, engine_with: Callable[..., Engine]) -> None:
        engine = engine_with(provider_slots=1)
        job = await engine.started()
        key = key_of(job)
        assert await engine.attempts.take_slot(key, "first")
        await engine.submit()

        handed = await engine.attempts.free_slot(key, "first", heir="second")

        assert handed
        assert await engine.claim() is None
        assert await engine.slots() == {f"default/{job.id}/second"}
        assert await engine.attempts.free_slot(key, "first", heir="second")  # a repeated call
        assert not await engine.attempts.free_slot(key, "second")
        assert await engine.slots() == set()

    async def test_a_step_without_a_slot_has_none_to_hand_on(self, engine: Engine) -> None:
        job = await engine.started()
        await engine.attempts.take_slot(key_of(job), "first")

        assert not await engine.attempts.free_slot(key_of(job), "second", heir="third")
        assert await engine.slots() == {f"default/{job.id}/first"}
