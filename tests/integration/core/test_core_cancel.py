"""Cancelling: a waiting job ends at once, a running one is told to its worker, a finished one stays."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from core.errors import JobFinishedError, JobNotFoundError
from core.job import DEFAULT_TENANT, Generation, GenerationState, JobId, JobState
from core.store.attempts import Outcome
from tests.integration.core.engine import PREFIX, key_of, submission

if TYPE_CHECKING:
    from core.job import Job
    from tests.integration.core.engine import Engine


async def cancel(engine: Engine, job: Job) -> Job:
    return await engine.cancel(job.tenant, job.id)


@pytest.mark.parametrize("hold", [False, True])
async def test_a_waiting_job_ends_at_once(engine: Engine, hold: bool) -> None:
    job = await cancel(engine, await engine.submit(hold=hold))

    assert job.state is JobState.CANCELLED
    assert job.end_time is not None
    assert job.expire_time is not None
    assert await engine.claim() is None


async def test_a_job_that_waits_for_its_next_attempt_ends_at_once(engine: Engine) -> None:
    job = await engine.started()
    await engine.finish(job, Outcome.RETRY, delay=timedelta())

    cancelled = await cancel(engine, job)

    assert (cancelled.state, cancelled.next_attempt_time) == (JobState.CANCELLED, None)
    assert await engine.redis.zcard(f"{PREFIX}:delayed") == 0
    assert await engine.attempts.sweep() == []
    assert await engine.claim() is None


async def test_a_started_job_is_cancelling_and_its_worker_hears_of_it(engine: Engine) -> None:
    job = await engine.started()
    async with engine.redis.pubsub() as pubsub:
        await pubsub.subscribe(engine.store.keys.control)
        await pubsub.get_message(timeout=30)  # of the subscription

        assert (await cancel(engine, job)).state is JobState.CANCELLING

        heard: dict[str, Any] | None = await pubsub.get_message(timeout=30)
    assert heard is not None
    assert heard["data"] == f"{job.tenant}/{job.id}".encode()


async def test_a_processing_job_is_cancelling(engine: Engine) -> None:
    job = await engine.started()
    row = Generation(
        step="s",
        endpoint="e",
        state=GenerationState.SUBMITTED,
        intent="1",
        input_digest="d",
        submit_time=job.create_time,
    )
    await engine.attempts.record(key_of(job), row, replaces=["absent"])

    assert (await cancel(engine, job)).state is JobState.CANCELLING


async def test_cancelling_twice_changes_nothing(engine: Engine) -> None:
    waiting, running = await engine.submit(priority=10), await engine.started(priority=1)
    first = [await cancel(engine, job) for job in (waiting, running)]

    assert [await cancel(engine, job) for job in (waiting, running)] == first


@pytest.mark.parametrize("outcome", [Outcome.SUCCEEDED, Outcome.FAILED])
async def test_a_finished_job_is_not_cancelled(engine: Engine, outcome: Outcome) -> None:
    job = await engine.started()
    await engine.finish(job, outcome)

    with pytest.raises(JobFinishedError):
        await cancel(engine, job)


async def test_an_unknown_job_is_not_found(engine: Engine) -> None:
    with pytest.raises(JobNotFoundError):
        await engine.cancel(DEFAULT_TENANT, JobId("none"))


async def test_a_batch_ends_with_the_last_of_its_jobs(engine: Engine) -> None:
    made, batch_id = await engine.submit_batch([submission(), submission()])
    assert made is not None
    await cancel(engine, made[0])
    assert (await engine.store.get_batch(DEFAULT_TENANT, batch_id)).end_time is None

    last = await cancel(engine, made[1])

    batch = await engine.store.get_batch(DEFAULT_TENANT, batch_id)
    assert batch.state_counts == {JobState.CANCELLED: 2}
    assert batch.end_time == last.end_time
