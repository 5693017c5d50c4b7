"""Jobs that are made of others: held until those have ended, whatever end they come to."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from core.errors import AwaitedJobNotFoundError, TooManyDependentsError
from core.events.event import StateChanged
from core.ids import time_ordered_ids
from core.job import DEFAULT_TENANT, ErrorReason, GenerationState, JobError, JobId, JobState
from core.store.attempts import Outcome
from tests.integration.core.engine import LEASE, PREFIX, RETENTION, submission

if TYPE_CHECKING:
    from collections.abc import Callable

    from core.job import Job
    from tests.integration.core.engine import Clock, Engine

MOST_DEPENDENTS = 1000
FAILURE = JobError(reason=ErrorReason.PROVIDER_ERROR, message="the model failed")


async def dependents(engine: Engine, job: Job) -> set[str]:
    """Return the jobs that wait for a job."""
    members: Any = await engine.redis.smembers(f"{PREFIX}:dependents:{job.tenant}:{job.id}")
    return {member.decode() for member in members}


async def test_a_job_is_held_until_the_jobs_that_it_awaits_have_ended(engine: Engine) -> None:
    first, second = await engine.started(), await engine.started()
    waiting = await engine.submit(awaits=(first.id, second.id))
    assert (waiting.state, waiting.awaited_job_count) == (JobState.HELD, 2)
    assert await engine.now(waiting) == waiting
    assert await engine.claim() is None

    await engine.finish(first, Outcome.SUCCEEDED)
    assert (await engine.now(waiting)).awaited_job_count == 1
    assert await engine.claim() is None
    await engine.finish(second, Outcome.SUCCEEDED)

    released = await engine.now(waiting)
    assert (released.state, released.awaited_job_count) == (JobState.PENDING, 0)
    claimed = await engine.claim()
    assert claimed is not None
    assert claimed.id == waiting.id


async def test_it_is_let_go_with_a_ticket_and_an_event(engine: Engine) -> None:
    first = await engine.started()
    waiting = await engine.submit(awaits=(first.id,))
    before = await engine.tickets()

    await engine.finish(first, Outcome.SUCCEEDED)

    assert await engine.tickets() == before + 1
    (event,) = await engine.events(waiting)
    assert isinstance(event, StateChanged)
    assert (event.from_state, event.to_state, event.job.awaited_job_count) == (JobState.HELD, JobState.PENDING, 0)


async def _succeeds(engine: Engine, clock: Clock, job: Job) -> None:
    await engine.finish(job, Outcome.SUCCEEDED)


async def _fails(engine: Engine, clock: Clock, job: Job) -> None:
    await engine.finish(job, Outcome.FAILED, error=FAILURE)


async def _is_cancelled_while_it_runs(engine: Engine, clock: Clock, job: Job) -> None:
    await engine.cancel(job.tenant, job.id)
    await engine.finish(job, Outcome.CANCELLED)


async def _is_cancelled_while_it_waits(engine: Engine, clock: Clock, job: Job) -> None:
    await engine.finish(job, Outcome.INTERRUPTED)
    await engine.cancel(job.tenant, job.id)


async def _is_cancelled_without_its_worker(engine: Engine, clock: Clock, job: Job) -> None:
    await engine.cancel(job.tenant, job.id)
    clock.advance(LEASE)
    await engine.attempts.sweep()
    again = await engine.claim()
    assert again is not None
    await engine.finish(again, Outcome.CANCELLED)


async def _loses_its_worker(engine: Engine, clock: Clock, job: Job) -> None:
    clock.advance(LEASE)
    assert await engine.attempts.sweep() == [("failed", f"{job.tenant}/{job.id}")]


@pytest.mark.parametrize(
    ("end", "state"),
    [
        (_succeeds, JobState.SUCCEEDED),
        (_fails, JobState.FAILED),
        (_is_cancelled_while_it_runs, JobState.CANCELLED),
        (_is_cancelled_while_it_waits, JobState.CANCELLED),
        (_is_cancelled_without_its_worker, JobState.CANCELLED),
        (_loses_its_worker, JobState.FAILED),
    ],
)
async def test_every_end_lets_it_go(
    engine: Engine, clock: Clock, end: Callable[[Engine, Clock, Job], Any], state: JobState
) -> None:
    awaited = await engine.started(max_attempts=1)
    waiting = await engine.submit(awaits=(awaited.id,))

    await end(engine, clock, awaited)

    assert (await engine.now(awaited)).state is state
    assert (await engine.now(waiting)).state is JobState.PENDING
    assert await dependents(engine, awaited) == set()


async def test_a_missed_start_deadline_lets_it_go(engine: Engine, clock: Clock) -> None:
    awaited = await engine.submit(longest_wait=timedelta(seconds=5))
    waiting = await engine.submit(awaits=(awaited.id,))
    clock.advance(timedelta(seconds=5))

    await engine.attempts.sweep()

    assert (await engine.now(awaited)).state is JobState.FAILED
    assert (await engine.now(waiting)).state is JobState.PENDING


@pytest.mark.parametrize("outcome", [Outcome.RETRY, Outcome.INTERRUPTED])
async def test_the_end_of_an_attempt_alone_does_not(engine: Engine, outcome: Outcome) -> None:
    awaited = await engine.started()
    waiting = await engine.submit(awaits=(awaited.id,))

    await engine.finish(awaited, outcome, delay=timedelta(seconds=1))

    assert (await engine.now(waiting)).awaited_job_count == 1


async def test_jobs_that_have_ended_are_not_waited_for(engine: Engine) -> None:
    done, running = await engine.ended(), await engine.started()

    waiting = await engine.submit(awaits=(done.id, running.id, running.id))
    free = await engine.submit(awaits=(done.id,))

    assert (waiting.state, waiting.awaited_job_count) == (JobState.HELD, 1)
    assert (free.state, free.awaited_job_count) == (JobState.PENDING, 0)
    assert await engine.now(free) == free


async def test_a_job_that_its_caller_holds_too_stays_held(engine: Engine) -> None:
    awaited = await engine.started()
    waiting = await engine.submit(awaits=(awaited.id,), hold=True)

    await engine.finish(awaited, Outcome.SUCCEEDED)
    held = await engine.now(waiting)
    await engine.control.release(waiting.tenant, [waiting.id])

    assert (held.state, held.awaited_job_count) == (JobState.HELD, 0)
    assert (await engine.now(waiting)).state is JobState.PENDING


async def test_a_release_takes_only_the_callers_hold_away(engine: Engine) -> None:
    awaited = await engine.started()
    held = await engine.submit(awaits=(awaited.id,), hold=True)
    waiting = await engine.submit(awaits=(awaited.id,))

    for _ in range(2):
        await engine.control.release(held.tenant, [held.id, waiting.id])

    assert {(await engine.now(job)).awaited_job_count for job in (held, waiting)} == {1}
    await engine.finish(awaited, Outcome.SUCCEEDED)
    assert {(await engine.now(job)).state for job in (held, waiting)} == {JobState.PENDING}


async def test_its_deadline_and_its_schedule_count_from_its_release_on(engine: Engine, clock: Clock) -> None:
    awaited = await engine.started()
    hurried = await engine.submit(awaits=(awaited.id,), longest_wait=timedelta(seconds=30))
    later = await engine.submit(awaits=(awaited.id,), schedule_time=clock.time + timedelta(seconds=10))
    assert hurried.start_deadline is None
    clock.advance(timedelta(seconds=7))

    await engine.finish(awaited, Outcome.SUCCEEDED)

    assert (await engine.now(hurried)).start_deadline == clock.time + timedelta(seconds=30)
    claimed = [await engine.claim(), await engine.claim()]
    assert [job and job.id for job in claimed] == [hurried.id, None]
    clock.advance(timedelta(seconds=3))
    assert ("promoted", f"default/{later.id}") in await engine.attempts.sweep()


async def test_an_unknown_job_cannot_be_awaited(engine: Engine) -> None:
    known, theirs = await engine.started(), await engine.submit("other")
    before = await engine.dump()

    for stranger in (JobId("nobody"), theirs.id):
        with pytest.raises(AwaitedJobNotFoundError) as refusal:
            await engine.submit(awaits=(known.id, stranger), request_id="r", digest="d")
        assert (refusal.value.job_id, refusal.value.index) == (stranger, 0)

    assert await engine.dump() == before


async def test_a_batch_with_one_such_job_is_refused_as_a_whole_and_the_job_is_named(engine: Engine) -> None:
    known = await engine.started()
    before = await engine.dump()
    wanted = [submission(), submission(awaits=(known.id,)), submission(awaits=(known.id, JobId("nobody")))]

    with pytest.raises(AwaitedJobNotFoundError) as refusal:
        await engine.submit_batch(wanted)

    assert (refusal.value.job_id, refusal.value.index) == ("nobody", 2)
    assert await engine.dump() == before


async def test_a_batch_counts_those_that_wait(engine: Engine) -> None:
    first, second = await engine.started(), await engine.started()
    wanted = [submission(), submission(awaits=(first.id, second.id)), submission(awaits=(second.id,), hold=True)]

    made, batch_id = await engine.submit_batch(wanted)

    assert made is not None
    assert [(job.state, job.awaited_job_count) for job in made] == [
        (JobState.PENDING, 0),
        (JobState.HELD, 2),
        (JobState.HELD, 1),
    ]
    assert [await engine.now(job) for job in made] == made
    await engine.finish(first, Outcome.SUCCEEDED)
    await engine.finish(second, Outcome.SUCCEEDED)
    batch = await engine.store.get_batch(DEFAULT_TENANT, batch_id)
    assert batch.state_counts == {JobState.PENDING: 2, JobState.HELD: 1}


async def test_a_thousand_jobs_may_wait_for_one_and_no_more(engine: Engine) -> None:
    awaited = await engine.started()
    await engine.submit_batch([submission(awaits=(awaited.id,))] * (MOST_DEPENDENTS - 1))
    before = await engine.dump()

    with pytest.raises(TooManyDependentsError) as refusal:
        await engine.submit_batch([submission(), *[submission(awaits=(awaited.id,))] * 2])
    assert await engine.dump() == before
    last = await engine.submit(awaits=(awaited.id,))
    with pytest.raises(TooManyDependentsError):
        await engine.submit(awaits=(awaited.id,))

    assert (refusal.value.job_id, refusal.value.index) == (awaited.id, 2)
    await engine.finish(awaited, Outcome.SUCCEEDED)
    assert (await engine.now(last)).state is JobState.PENDING
    assert (await engine.store.counts(DEFAULT_TENANT))[JobState.PENDING] == MOST_DEPENDENTS


async def test_one_that_is_cancelled_waits_no_more_and_makes_room(engine: Engine) -> None:
    awaited = await engine.started()
    waiting = await engine.submit(awaits=(awaited.id,), hold=True)

    cancelled = await engine.cancel(waiting.tenant, waiting.id)
    await engine.finish(awaited, Outcome.SUCCEEDED)

    assert (cancelled.state, cancelled.awaited_job_count) == (JobState.CANCELLED, 0)
    assert await dependents(engine, awaited) == set()
    assert (await engine.now(waiting)).state is JobState.CANCELLED


async def test_one_that_is_retried_waits_for_those_that_have_not_ended(engine: Engine) -> None:
    first, second = await engine.started(), await engine.started()
    waiting = await engine.submit(awaits=(first.id, second.id), hold=True, longest_wait=timedelta(seconds=5))
    await engine.cancel(waiting.tenant, waiting.id)
    await engine.finish(first, Outcome.SUCCEEDED)

    for _ in range(2):  # a repeated call changes nothing
        await engine.retry(waiting)

    again = await engine.now(waiting)
    assert (again.state, again.awaited_job_count, again.rounds) == (JobState.HELD, 1, 2)
    await engine.finish(second, Outcome.SUCCEEDED)
    released = await engine.now(waiting)
    assert (released.state, released.start_deadline) == (JobState.PENDING, None)


async def test_a_retry_beside_a_retried_part_waits_for_it(engine: Engine) -> None:
    part = await engine.started()
    whole = await engine.submit(awaits=(part.id,))
    await engine.finish(part, Outcome.FAILED, error=FAILURE)
    claimed = await engine.claim()
    assert claimed is not None
    await engine.finish(claimed, Outcome.FAILED, error=FAILURE)

    await engine.retry(part)
    await engine.retry(whole)

    assert (await engine.now(whole)).state is JobState.HELD
    again = await engine.claim()
    assert again is not None
    assert again.id == part.id
    await engine.finish(again, Outcome.SUCCEEDED)
    assert (await engine.now(whole)).state is JobState.PENDING


async def test_a_retry_of_a_part_that_has_ended_changes_nothing(engine: Engine) -> None:
    part = await engine.started()
    whole = await engine.submit(awaits=(part.id,))
    await engine.finish(part, Outcome.FAILED, error=FAILURE)

    await engine.retry(part)

    assert (await engine.now(whole)).state is JobState.PENDING


async def test_a_retry_is_refused_where_too_many_wait_already(engine: Engine) -> None:
    part = await engine.started()
    whole = await engine.submit(awaits=(part.id,))
    await engine.cancel(whole.tenant, whole.id)
    await engine.submit_batch([submission(awaits=(part.id,))] * MOST_DEPENDENTS)

    with pytest.raises(TooManyDependentsError):
        await engine.retry(whole)

    assert (await engine.now(whole)).state is JobState.CANCELLED


async def test_a_part_that_is_forgotten_is_not_waited_for(engine: Engine, clock: Clock) -> None:
    part = await engine.ended()
    whole = await engine.ended(awaits=(part.id,))
    clock.advance(RETENTION - timedelta(seconds=1))
    await engine.control.delete(part.tenant, part.id)

    await engine.retry(whole)

    assert (await engine.now(whole)).state is JobState.PENDING


async def test_a_call_repeated_after_a_lost_answer_is_answered_alike(engine: Engine) -> None:
    awaited = await engine.started()
    job_id = JobId(time_ordered_ids()[0])
    first = await engine.store.submit(DEFAULT_TENANT, job_id, submission(awaits=(awaited.id,)))

    again = await engine.store.submit(DEFAULT_TENANT, job_id, submission(awaits=(awaited.id,)))

    assert again == first
    assert await dependents(engine, awaited) == {job_id}


async def test_a_part_that_ends_while_the_submit_is_on_its_way_leaves_nobody_waiting(engine: Engine) -> None:
    parts = [await engine.started() for _ in range(40)]

    async def end(part: Job) -> None:
        await engine.finish(part, Outcome.SUCCEEDED)

    async def submit(part: Job) -> Job:
        return await engine.submit(awaits=(part.id,))

    answers = await asyncio.gather(*(work for part in parts for work in (submit(part), end(part))))

    made = [answer for answer in answers if answer is not None]
    assert len(made) == len(parts)
    assert {job.state for job in made} <= {JobState.HELD, JobState.PENDING}
    assert {(await engine.now(job)).state for job in made} == {JobState.PENDING}


async def test_nothing_stays_behind_when_all_are_forgotten(engine: Engine, clock: Clock) -> None:
    part = await engine.started()
    await engine.generate(part)
    whole = await engine.submit(awaits=(part.id,))
    await engine.cancel(whole.tenant, whole.id)
    await engine.cancel(part.tenant, part.id)
    await engine.finish(part, Outcome.CANCELLED)
    clock.advance(RETENTION)

    assert await engine.attempts.expire() == 2

    assert not [name for name in await engine.dump() if "job:" in name or "dependents:" in name]


async def test_a_failed_part_whose_sibling_steps_run_on_does_not_end_before_the_provider_was_told(
    engine: Engine,
) -> None:
    """A job that was to be retried when its cancellation came: another worker tells the provider first."""
    part = await engine.started()
    await engine.generate(part, "first")
    await engine.generate(part, "second")
    whole = await engine.submit(awaits=(part.id,))
    await engine.cancel(part.tenant, part.id)

    state = await engine.finish(part, Outcome.RETRY, error=FAILURE, delay=timedelta(seconds=60))

    assert state is JobState.CANCELLING
    assert (await engine.now(whole)).state is JobState.HELD
    again = await engine.claim()
    assert again is not None
    assert [row.state for row in again.generations] == [GenerationState.SUBMITTED] * 2
    assert await engine.finish(again, Outcome.CANCELLED) is JobState.CANCELLED
    assert (await engine.now(whole)).state is JobState.PENDING
