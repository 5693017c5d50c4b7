"""Claiming: a job is given to one slot at a time, under a lease."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING

from core.events.event import StateChanged
from core.ids import time_ordered_ids
from core.job import DEFAULT_TENANT, JobId, JobState
from core.store.attempts import Hold, Outcome
from tests.integration.core.engine import LEASE, key_of, submission

if TYPE_CHECKING:
    from core.job import Job
    from tests.integration.core.engine import Clock, Engine


async def test_without_jobs_there_is_none_to_claim(engine: Engine) -> None:
    assert await engine.claim() is None


async def test_a_claim_starts_the_first_attempt(engine: Engine, clock: Clock) -> None:
    submitted = await engine.submit(spec=b"\x00\xff")
    clock.advance(timedelta(seconds=3))

    job = await engine.claim()

    assert job is not None
    assert (job.id, job.state, job.attempt, job.spec) == (submitted.id, JobState.STARTED, 1, b"\x00\xff")
    assert job.start_time == submitted.create_time + timedelta(seconds=3)
    assert job == await engine.now(job)


async def test_a_claim_logs_that_the_job_started(engine: Engine) -> None:
    job = await engine.started()

    event = (await engine.events(job))[-1]
    assert isinstance(event, StateChanged)
    assert (event.sequence, event.from_state, event.to_state) == (2, JobState.PENDING, JobState.STARTED)


async def test_a_claimed_job_is_not_claimed_again(engine: Engine) -> None:
    await engine.started()

    assert await engine.claim() is None


async def test_a_claim_repeated_after_a_lost_answer_gives_the_same_attempt(engine: Engine) -> None:
    await engine.submit()
    await engine.submit()
    first = await engine.claim("nonce")

    assert await engine.claim("nonce") == first


async def test_a_claim_repeated_after_its_lease_was_lost_does_not_share_the_attempt(
    engine: Engine, clock: Clock
) -> None:
    await engine.submit()
    await engine.claim("nonce")
    clock.advance(LEASE)
    await engine.attempts.sweep()
    successor = await engine.claim()

    assert successor is not None
    assert await engine.claim("nonce") is None


async def test_a_claim_repeated_after_the_job_went_back_starts_a_new_attempt(engine: Engine, clock: Clock) -> None:
    await engine.submit()
    await engine.claim("nonce")
    clock.advance(LEASE)
    await engine.attempts.sweep()

    again = await engine.claim("nonce")

    assert again is not None
    assert (again.state, again.attempt) == (JobState.STARTED, 2)
    assert await engine.attempts.heartbeat([key_of(again)]) == [Hold.HELD]


async def test_a_cancellation_that_lost_its_worker_is_claimed_first(engine: Engine, clock: Clock) -> None:
    job = await engine.started()
    await engine.submit(priority=1)
    await engine.cancel(job.tenant, job.id)
    clock.advance(LEASE)
    await engine.attempts.sweep()

    orphan = await engine.claim()

    assert orphan is not None
    assert (orphan.id, orphan.state, orphan.attempt) == (job.id, JobState.CANCELLING, 2)
    assert await engine.finish(orphan, Outcome.CANCELLED) is JobState.CANCELLED


async def test_a_new_attempt_begins_without_the_progress_and_the_error_of_the_last(engine: Engine) -> None:
    from core.job import ErrorReason, JobError, Progress

    job = await engine.started()
    await engine.attempts.report(key_of(job), Progress(fraction=0.7, stage="run", message="x"))
    error = JobError(reason=ErrorReason.PROVIDER_ERROR, message="m")
    await engine.finish(job, Outcome.INTERRUPTED, error=error)
    assert (await engine.now(job)).error == error

    again = await engine.claim()

    assert again is not None
    assert again.progress == Progress()
    assert again.error is None


async def test_concurrent_claims_never_give_one_job_to_two(engine: Engine) -> None:
    await engine.submit_batch([submission() for _ in range(100)])

    claimed = await asyncio.gather(*(engine.claim() for _ in range(150)))

    taken = Counter(job.id for job in claimed if job is not None)
    assert len(taken) == 100
    assert set(taken.values()) == {1}


async def test_concurrent_submits_with_one_request_id_make_one_job(engine: Engine) -> None:
    wanted = submission(request_id="r", digest="d")

    async def submit() -> tuple[Job | None, JobId]:
        return await engine.store.submit(DEFAULT_TENANT, JobId(time_ordered_ids()[0]), wanted)

    answers = await asyncio.gather(*(submit() for _ in range(100)))

    assert len({job_id for _, job_id in answers}) == 1
    assert sum(job is not None for job, _ in answers) == 1
    assert await engine.tickets() == 1
