"""Schedules and start deadlines: not before, and not after."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from core.errors import JobNotFinishedError, JobNotFoundError, JobNotHeldError
from core.job import DEFAULT_TENANT, ErrorReason, JobId, JobState
from core.store.attempts import Outcome
from tests.integration.core.engine import PREFIX, RETENTION, submission

if TYPE_CHECKING:
    from core.job import Job
    from tests.integration.core.engine import Clock, Engine

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


@pytest.fixture
async def scheduled(engine: Engine, clock: Clock) -> Job:
    """A job that is to start in an hour, and within a minute then."""
    return await engine.submit(schedule_time=clock.time + HOUR, longest_wait=MINUTE)


async def timers(engine: Engine) -> dict[str, Any]:
    """Return what waits for a time."""
    dump = await engine.dump()
    return {name: dump[f"{PREFIX}:{name}"] for name in ("delayed", "deadlines") if f"{PREFIX}:{name}" in dump}


class TestSchedule:
    async def test_a_job_is_not_started_before_its_time(self, engine: Engine, clock: Clock, scheduled: Job) -> None:
        assert (scheduled.state, await engine.tickets()) == (JobState.PENDING, 0)
        assert await engine.now(scheduled) == scheduled
        assert await engine.store.queue_position(scheduled) is None
        clock.advance(HOUR - timedelta(milliseconds=1))
        assert await engine.attempts.sweep() == []
        assert await engine.claim() is None

        clock.advance(timedelta(milliseconds=1))

        assert await engine.attempts.sweep() == [("promoted", f"default/{scheduled.id}")]
        assert await engine.tickets() == 1
        job = await engine.claim()
        assert job is not None
        assert job.id == scheduled.id
        assert await timers(engine) == {}

    async def test_a_time_that_has_passed_delays_nothing(self, engine: Engine, clock: Clock) -> None:
        job = await engine.submit(schedule_time=clock.time)

        assert await engine.tickets() == 1
        assert await engine.claim() is not None
        assert (await engine.now(job)).schedule_time == clock.time

    async def test_a_held_job_waits_for_its_release_and_its_time(self, engine: Engine, clock: Clock) -> None:
        job = await engine.submit(hold=True, schedule_time=clock.time + HOUR)
        assert await timers(engine) == {}

        await engine.control.release(DEFAULT_TENANT, [job.id])

        assert (await engine.now(job)).state is JobState.PENDING
        assert await engine.claim() is None
        clock.advance(HOUR)
        await engine.attempts.sweep()
        assert await engine.claim() is not None

    async def test_a_job_released_after_its_time_starts_at_once(self, engine: Engine, clock: Clock) -> None:
        job = await engine.submit(hold=True, schedule_time=clock.time + HOUR)
        clock.advance(HOUR)

        await engine.control.release(DEFAULT_TENANT, [job.id])

        assert await engine.claim() is not None

    async def test_the_jobs_of_a_batch_have_times_of_their_own(self, engine: Engine, clock: Clock) -> None:
        made, batch_id = await engine.submit_batch(
            [submission(), submission(schedule_time=clock.time + HOUR), submission(longest_wait=MINUTE)]
        )
        assert made is not None
        assert await engine.tickets() == 2
        assert [await engine.now(job) for job in made] == made

        clock.advance(MINUTE)
        assert await engine.attempts.sweep() == [("missed", f"default/{made[2].id}")]

        batch = await engine.store.get_batch(DEFAULT_TENANT, batch_id)
        assert batch.state_counts == {JobState.PENDING: 2, JobState.FAILED: 1}
        clock.advance(HOUR)
        assert await engine.attempts.sweep() == [("promoted", f"default/{made[1].id}")]

    async def test_a_job_cancelled_while_scheduled_leaves_nothing(
        self, engine: Engine, clock: Clock, scheduled: Job
    ) -> None:
        cancelled = await engine.cancel(DEFAULT_TENANT, scheduled.id)

        assert (cancelled.state, cancelled.start_deadline) == (JobState.CANCELLED, None)
        assert await timers(engine) == {}
        clock.advance(HOUR)
        assert await engine.attempts.sweep() == []


class TestStartDeadline:
    async def test_a_job_that_was_not_started_in_time_fails_unpaid(self, engine: Engine, clock: Clock) -> None:
        job = await engine.submit(longest_wait=MINUTE)
        assert job.start_deadline == clock.time + MINUTE
        assert await engine.now(job) == job
        clock.advance(MINUTE - timedelta(milliseconds=1))
        assert await engine.attempts.sweep() == []

        clock.advance(timedelta(milliseconds=1))

        assert await engine.attempts.sweep() == [("missed", f"default/{job.id}")]
        now = await engine.now(job)
        assert (now.state, now.start_time, now.end_time, now.attempts) == (JobState.FAILED, None, clock.time, ())
        assert now.error is not None
        assert (now.error.reason, now.error.metadata) == (
            ErrorReason.TIME_LIMIT,
            {"limit": "expire_if_not_started_after"},
        )
        assert now.expire_time == clock.time + RETENTION
        assert await engine.claim() is None
        assert await timers(engine) == {}

    async def test_it_counts_from_the_schedule(self, engine: Engine, clock: Clock, scheduled: Job) -> None:
        assert scheduled.start_deadline == clock.time + HOUR + MINUTE
        clock.advance(HOUR)
        await engine.attempts.sweep()
        clock.advance(MINUTE)

        assert await engine.attempts.sweep() == [("missed", f"default/{scheduled.id}")]

    async def test_a_sweep_that_comes_late_fails_a_job_whose_time_and_deadline_have_passed(
        self, engine: Engine, clock: Clock, scheduled: Job
    ) -> None:
        clock.advance(HOUR + MINUTE)

        assert (await engine.attempts.sweep())[-1] == ("missed", f"default/{scheduled.id}")
        assert (await engine.now(scheduled)).state is JobState.FAILED
        assert await engine.claim() is None

    async def test_it_counts_from_the_release(self, engine: Engine, clock: Clock) -> None:
        job = await engine.submit(hold=True, longest_wait=MINUTE)
        assert job.start_deadline is None
        clock.advance(HOUR)
        assert await engine.attempts.sweep() == []

        await engine.control.release(DEFAULT_TENANT, [job.id])

        now = await engine.now(job)
        assert now.start_deadline == clock.time + MINUTE
        clock.advance(MINUTE)
        assert await engine.attempts.sweep() == [("missed", f"default/{job.id}")]

    async def test_a_start_in_time_ends_it_for_good(self, engine: Engine, clock: Clock) -> None:
        job = await engine.started(longest_wait=MINUTE)
        assert job.start_deadline is None
        assert await timers(engine) == {}

        await engine.finish(job, Outcome.INTERRUPTED)
        clock.advance(HOUR)

        assert await engine.attempts.sweep() == []
        assert await engine.claim() is not None


class TestRelease:
    async def test_all_are_released_with_a_ticket_each(self, engine: Engine) -> None:
        held = [await engine.submit(hold=True) for _ in range(3)]

        await engine.control.release(DEFAULT_TENANT, [job.id for job in held])

        assert await engine.tickets() == 3
        assert [(await engine.now(job)).state for job in held] == [JobState.PENDING] * 3

    async def test_releasing_again_changes_nothing(self, engine: Engine) -> None:
        waits, runs = await engine.submit(hold=True, priority=9), await engine.submit(hold=True, priority=1)
        ids = [waits.id, runs.id, waits.id]
        await engine.control.release(DEFAULT_TENANT, ids)
        await engine.claim()
        before = await engine.dump()

        await engine.control.release(DEFAULT_TENANT, ids)

        assert await engine.dump() == before

    async def test_none_is_released_when_one_is_missing(self, engine: Engine) -> None:
        job = await engine.submit(hold=True)

        with pytest.raises(JobNotFoundError):
            await engine.control.release(DEFAULT_TENANT, [job.id, JobId("none")])
        assert (await engine.now(job)).state is JobState.HELD

    async def test_none_is_released_when_one_has_ended(self, engine: Engine) -> None:
        job, ended = await engine.submit(hold=True), await engine.submit(hold=True)
        await engine.cancel(DEFAULT_TENANT, ended.id)

        with pytest.raises(JobNotHeldError):
            await engine.control.release(DEFAULT_TENANT, [job.id, ended.id])
        assert (await engine.now(job)).state is JobState.HELD


class TestDelete:
    @pytest.mark.parametrize("outcome", [Outcome.SUCCEEDED, Outcome.FAILED, Outcome.CANCELLED])
    async def test_a_finished_job_is_forgotten(self, engine: Engine, outcome: Outcome) -> None:
        job = await engine.ended(outcome, request_id="r")

        await engine.control.delete(DEFAULT_TENANT, job.id)

        with pytest.raises(JobNotFoundError):
            await engine.now(job)
        with pytest.raises(JobNotFoundError):
            await engine.control.delete(DEFAULT_TENANT, job.id)
        assert await engine.attempts.expire() == 0
        assert await engine.submit(request_id="r") is not None

    @pytest.mark.parametrize("state", [JobState.HELD, JobState.PENDING, JobState.STARTED, JobState.CANCELLING])
    async def test_an_unfinished_job_stays(self, engine: Engine, state: JobState) -> None:
        job = await engine.submit(hold=state is JobState.HELD)
        if state.is_running:
            assert await engine.claim() is not None
        if state is JobState.CANCELLING:
            await engine.cancel(job.tenant, job.id)

        with pytest.raises(JobNotFinishedError):
            await engine.control.delete(DEFAULT_TENANT, job.id)
        assert (await engine.now(job)).state is state

    async def test_a_batch_goes_with_the_last_of_its_jobs(self, engine: Engine) -> None:
        made, batch_id = await engine.submit_batch([submission(), submission()], request_id="r")
        assert made is not None
        for job in made:
            await engine.cancel(DEFAULT_TENANT, job.id)

        await engine.control.delete(DEFAULT_TENANT, made[0].id)
        assert (await engine.store.get_batch(DEFAULT_TENANT, batch_id)).state_counts == {JobState.CANCELLED: 2}
        await engine.control.delete(DEFAULT_TENANT, made[1].id)

        assert await engine.redis.keys(f"{PREFIX}:batch:*") == []
        assert await engine.redis.keys(f"{PREFIX}:request:*") == []
