"""Retrying: a job that has ended gets another round of attempts and keeps what it has paid."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from core.errors import JobNotFoundError, JobNotRetryableError, RequestIdReusedError
from core.events.event import StateChanged
from core.job import (
    DEFAULT_TENANT,
    AttemptOutcome,
    ErrorReason,
    GenerationState,
    JobError,
    JobId,
    JobState,
    Progress,
    Tenant,
    UnknownSubmission,
)
from core.store.attempts import Outcome
from core.store.control import CHUNK, Verdict
from tests.integration.core.engine import LEASE, PREFIX, RETENTION, generation, key_of, submission

if TYPE_CHECKING:
    from tests.integration.core.engine import Clock, Engine

ERROR = JobError(reason=ErrorReason.PROVIDER_ERROR, message="m")


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.CANCELLED])
async def test_a_job_that_failed_or_was_cancelled_waits_again(engine: Engine, clock: Clock, outcome: Outcome) -> None:
    job = await engine.started()
    await engine.attempts.report(key_of(job), Progress(fraction=0.5, stage="s", message="m"))
    await engine.finish(job, outcome, error=ERROR)
    clock.advance(timedelta(minutes=1))

    assert not await engine.retry(job)

    now = await engine.now(job)
    assert (now.state, now.rounds, now.tries) == (JobState.PENDING, 2, 0)
    assert (now.error, now.progress, now.start_time) == (None, Progress(), None)
    assert (now.end_time, now.expire_time) == (None, None)
    event = (await engine.events(job))[-1]
    assert isinstance(event, StateChanged)
    assert (event.to_state, event.job.end_time, event.job.rounds) == (JobState.PENDING, None, 2)


async def test_a_retried_job_is_claimed_with_a_ticket_of_its_own(engine: Engine) -> None:
    job = await engine.ended()
    before = await engine.tickets()

    await engine.retry(job)

    assert await engine.tickets() == before + 1
    again = await engine.claim()
    assert again is not None
    assert (again.id, again.attempt, again.tries) == (job.id, 2, 1)


async def test_a_retried_job_goes_to_its_place_by_age(engine: Engine, clock: Clock) -> None:
    job = await engine.ended()
    clock.advance(timedelta(seconds=1))
    await engine.submit()

    await engine.retry(job)

    again = await engine.claim()
    assert again is not None
    assert again.id == job.id


async def test_the_ledger_and_its_outputs_stay(engine: Engine) -> None:
    job = await engine.started()
    await engine.generate(job, "first")
    await engine.complete(job, "first")
    await engine.generate(job, "second")
    await engine.attempts.record(
        key_of(job), generation(GenerationState.FAILED, "second"), replaces=[GenerationState.SUBMITTED]
    )
    await engine.finish(job, Outcome.FAILED)

    await engine.retry(job)

    again = await engine.claim()
    assert again is not None
    assert {row.step: row.state for row in again.generations} == {
        "first": GenerationState.COMPLETED,
        "second": GenerationState.FAILED,
    }
    assert await engine.attempts.output(key_of(again), "first") == b"{}"


async def test_tries_are_counted_anew(engine: Engine, clock: Clock) -> None:
    job = await engine.submit(max_attempts=2)
    for _ in range(2):
        await engine.claim()
        clock.advance(LEASE)
        await engine.attempts.sweep()
    assert (await engine.now(job)).state is JobState.FAILED
    await engine.retry(job)

    verdicts = []
    for _ in range(2):
        assert await engine.claim() is not None
        clock.advance(LEASE)
        verdicts += await engine.attempts.sweep()

    assert [verdict for verdict, _ in verdicts] == ["returned", "failed"]
    now = await engine.now(job)
    assert (now.attempt, now.tries, len(now.attempts)) == (4, 2, 4)


async def test_interruptions_before_and_after_a_retry_count_in_no_round(engine: Engine, clock: Clock) -> None:
    job = await engine.started(max_attempts=2)
    await engine.finish(job, Outcome.INTERRUPTED)
    second = await engine.claim()
    assert second is not None
    await engine.finish(second, Outcome.FAILED)
    await engine.retry(job)
    third = await engine.claim()
    assert third is not None
    await engine.finish(third, Outcome.INTERRUPTED)

    fourth = await engine.claim()

    assert fourth is not None
    assert (fourth.attempt, fourth.tries) == (4, 1)
    clock.advance(LEASE)
    assert await engine.attempts.sweep() == [("returned", f"default/{job.id}")]


async def test_the_time_limit_begins_anew_with_the_next_start(engine: Engine, clock: Clock) -> None:
    job = await engine.ended()
    clock.advance(timedelta(minutes=10))
    await engine.retry(job)

    clock.advance(timedelta(minutes=1))
    again = await engine.claim()

    assert again is not None
    assert again.start_time == job.create_time + timedelta(minutes=11)


async def test_a_retried_job_does_not_expire_by_its_first_end(engine: Engine, clock: Clock) -> None:
    job = await engine.ended()
    await engine.retry(job)
    clock.advance(RETENTION)

    assert await engine.attempts.expire() == 0
    again = await engine.claim()
    assert again is not None
    await engine.finish(again, Outcome.SUCCEEDED)
    clock.advance(RETENTION)
    assert await engine.attempts.expire() == 1


@pytest.mark.parametrize("state", [JobState.HELD, JobState.PENDING, JobState.STARTED, JobState.CANCELLING])
async def test_a_job_that_has_not_ended_is_refused(engine: Engine, state: JobState) -> None:
    job = await engine.submit(hold=state is JobState.HELD)
    if state.is_running:
        assert await engine.claim() is not None
    if state is JobState.CANCELLING:
        await engine.cancel(job.tenant, job.id)
    before = await engine.dump()

    with pytest.raises(JobNotRetryableError):
        await engine.retry(job, request_id="r")
    assert await engine.dump() == before


async def test_a_job_that_succeeded_is_refused(engine: Engine) -> None:
    job = await engine.ended(Outcome.SUCCEEDED)

    with pytest.raises(JobNotRetryableError):
        await engine.retry(job)


async def test_another_tenants_job_is_not_found(engine: Engine) -> None:
    job = await engine.ended()

    with pytest.raises(JobNotFoundError):
        await engine.control.retry(Tenant("other"), job.id, request_id="", digest="", resubmit_unknown=False)


async def test_the_same_request_is_done_once(engine: Engine) -> None:
    job = await engine.ended()

    answers = await asyncio.gather(*(engine.retry(job, request_id="r") for _ in range(20)))

    assert sorted(answers) == [False] + [True] * 19
    now = await engine.now(job)
    assert (now.state, now.rounds) == (JobState.PENDING, 2)


async def test_a_request_repeated_after_the_job_failed_again_starts_no_third_round(engine: Engine) -> None:
    job = await engine.ended()
    await engine.retry(job, request_id="r")
    again = await engine.claim()
    assert again is not None
    await engine.finish(again, Outcome.FAILED)

    assert await engine.retry(job, request_id="r")

    assert (await engine.now(job)).state is JobState.FAILED


async def test_a_retry_without_request_id_that_is_repeated_after_a_lost_answer_is_done_once(engine: Engine) -> None:
    job = await engine.ended()

    await engine.retry(job)
    before = await engine.dump()
    await engine.retry(job)

    assert await engine.dump() == before


async def test_a_retry_of_a_job_that_never_started_may_be_repeated_too(engine: Engine) -> None:
    job = await engine.submit()
    await engine.cancel(job.tenant, job.id)

    await engine.retry(job)
    await engine.retry(job)

    assert (await engine.now(job)).rounds == 2


async def test_a_request_id_of_another_request_is_refused(engine: Engine) -> None:
    job, other = await engine.ended(), await engine.ended()
    await engine.submit(request_id="submit", digest="d")
    await engine.retry(job, request_id="r")

    for request_id, retried, digest in (("r", other, "d"), ("r", job, "e"), ("submit", other, "d")):
        with pytest.raises(RequestIdReusedError):
            await engine.retry(retried, request_id=request_id, digest=digest)
    assert (await engine.now(other)).state is JobState.FAILED


async def test_the_request_ids_of_retries_are_forgotten_with_the_job(engine: Engine, clock: Clock) -> None:
    job = await engine.ended(request_id="submit")
    for request_id in ("first", "the second"):
        await engine.retry(job, request_id=request_id)
        await engine.cancel(job.tenant, job.id)
    assert await engine.redis.keys(f"{PREFIX}:request:*")
    clock.advance(RETENTION)
    await engine.attempts.expire()

    assert await engine.redis.keys(f"{PREFIX}:request:*") == []
    other = await engine.ended()
    assert not await engine.retry(other, request_id="the second", digest="new")


async def test_an_unknown_submit_is_made_anew_only_when_asked_for(engine: Engine) -> None:
    job = await engine.ended()
    await engine.retry(job)
    assert (await engine.now(job)).on_unknown_submission is UnknownSubmission.FAIL
    await engine.cancel(job.tenant, job.id)

    await engine.retry(job, resubmit=True)

    assert (await engine.now(job)).on_unknown_submission is UnknownSubmission.RESUBMIT


async def test_a_retry_mends_the_counts_and_the_end_of_its_batch(engine: Engine, clock: Clock) -> None:
    made, batch_id = await engine.submit_batch([submission(), submission()])
    assert made is not None
    for outcome in (Outcome.SUCCEEDED, Outcome.FAILED):
        job = await engine.claim()
        assert job is not None
        await engine.attempts.report(key_of(job), Progress(fraction=0.5))
        await engine.finish(job, outcome)
    ended = await engine.store.get_batch(DEFAULT_TENANT, batch_id)
    assert (ended.end_time is None, ended.fraction) == (False, 1)

    (failed,) = [job for job in made if (await engine.now(job)).state is JobState.FAILED]
    await engine.retry(failed)

    batch = await engine.store.get_batch(DEFAULT_TENANT, batch_id)
    assert batch.state_counts == {JobState.SUCCEEDED: 1, JobState.PENDING: 1}
    assert (batch.end_time, batch.fraction) == (None, 0.5)
    clock.advance(timedelta(minutes=1))
    again = await engine.claim()
    assert again is not None
    await engine.finish(again, Outcome.SUCCEEDED)
    batch = await engine.store.get_batch(DEFAULT_TENANT, batch_id)
    assert batch.state_counts == {JobState.SUCCEEDED: 2}
    assert batch.end_time == (await engine.now(again)).end_time


async def test_many_are_retried_in_order(engine: Engine) -> None:
    failed = [await engine.ended() for _ in range(2)]
    waiting = await engine.submit()

    verdicts = await engine.control.retry_many(
        DEFAULT_TENANT, [failed[0].id, JobId("none"), waiting.id, failed[1].id, failed[1].id], resubmit_unknown=False
    )

    assert verdicts == [Verdict.OK, Verdict.MISSING, Verdict.REFUSED, Verdict.OK, Verdict.OK]
    assert [(await engine.now(job)).rounds for job in failed] == [2, 2]


async def test_more_than_one_call_takes_are_retried(engine: Engine) -> None:
    made, _ = await engine.submit_batch([submission()] * (CHUNK + 1))
    assert made is not None
    ids = [job.id for job in made]
    assert await engine.control.cancel_many(DEFAULT_TENANT, ids) == [Verdict.OK] * len(ids)

    assert await engine.control.retry_many(DEFAULT_TENANT, ids, resubmit_unknown=False) == [Verdict.OK] * len(ids)

    assert await engine.store.counts(DEFAULT_TENANT) == {JobState.PENDING: len(ids)}


async def test_a_retried_job_still_waits_for_its_schedule(engine: Engine, clock: Clock) -> None:
    job = await engine.submit()
    start = job.create_time + timedelta(hours=1)
    job = await engine.submit(schedule_time=start, priority=1)
    await engine.cancel(job.tenant, job.id)
    before = await engine.tickets()

    await engine.retry(job)

    assert await engine.tickets() == before
    other = await engine.claim()
    assert other is not None
    assert other.id != job.id
    clock.advance(timedelta(hours=1))
    assert ("promoted", f"default/{job.id}") in await engine.attempts.sweep()


async def test_a_job_that_missed_its_start_waits_as_long_as_it_takes_when_it_is_retried(
    engine: Engine, clock: Clock
) -> None:
    job = await engine.submit(longest_wait=timedelta(minutes=1))
    clock.advance(timedelta(minutes=1))
    await engine.attempts.sweep()
    assert (await engine.now(job)).state is JobState.FAILED

    await engine.retry(job)
    clock.advance(timedelta(hours=1))

    assert await engine.attempts.sweep() == []
    assert (await engine.now(job)).start_deadline is None
    assert await engine.claim() is not None


async def test_the_attempts_of_all_rounds_stay_in_the_history(engine: Engine, clock: Clock) -> None:
    job = await engine.started()
    clock.advance(timedelta(seconds=2))
    await engine.finish(job, Outcome.FAILED, error=ERROR)
    await engine.retry(job)
    again = await engine.claim()
    assert again is not None
    await engine.finish(again, Outcome.SUCCEEDED)

    first, second = (await engine.now(job)).attempts

    assert (first.number, first.outcome, first.error, first.worker) == (1, AttemptOutcome.FAILED, ERROR, "worker")
    assert first.end_time - first.start_time == timedelta(seconds=2)
    assert (second.number, second.outcome, second.error) == (2, AttemptOutcome.SUCCEEDED, None)
