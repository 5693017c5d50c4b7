"""Changing many jobs at once: by a list, by a filter, by their batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from core.errors import BatchNotFoundError, JobNotFinishedError, JobNotHeldError
from core.job import DEFAULT_TENANT, BatchId, JobId, JobState, Progress, Tenant
from core.store.attempts import Outcome
from core.store.control import Verdict
from core.store.listing import Filter
from tests.integration.core.engine import key_of, submission

if TYPE_CHECKING:
    from core.jobs import Jobs
    from tests.integration.core.engine import Engine

EVERYTHING = Filter()
PENDING = Filter(states=frozenset({JobState.PENDING}))


class TestCancel:
    async def test_each_gets_its_verdict_in_order(self, engine: Engine) -> None:
        ended, running = await engine.ended(Outcome.SUCCEEDED), await engine.started()
        waiting, held = await engine.submit(), await engine.submit(hold=True)
        ids = [job.id for job in (held, ended, running, waiting, waiting, running)]

        verdicts = await engine.control.cancel_many(DEFAULT_TENANT, [*ids, JobId("none")])

        ok, again = Verdict.OK, Verdict.ALREADY
        assert verdicts == [ok, Verdict.FINISHED, ok, ok, again, again, Verdict.MISSING]
        states = [(await engine.now(job)).state for job in (held, running, waiting)]
        assert states == [JobState.CANCELLED, JobState.CANCELLING, JobState.CANCELLED]

    async def test_none_are_cancelled_without_a_call(self, engine: Engine) -> None:
        assert await engine.control.cancel_many(DEFAULT_TENANT, []) == []

    async def test_a_filter_finds_what_is_cancelled(self, engine: Engine, jobs: Jobs) -> None:
        kept = await engine.submit(labels={"team": "blue"})
        ended = await engine.ended(Outcome.SUCCEEDED, labels={"team": "red"}, priority=1)
        found = [await engine.submit(labels={"team": "red"}, hold=hold) for hold in (False, True)]
        other = await engine.submit("other", labels={"team": "red"})

        assert await jobs.cancel_where(DEFAULT_TENANT, Filter(labels={"team": "red"})) == (2, False)

        assert [(await engine.now(job)).state for job in found] == [JobState.CANCELLED] * 2
        states = [(await engine.now(job)).state for job in (kept, ended, other)]
        assert states == [JobState.PENDING, JobState.SUCCEEDED, JobState.PENDING]
        assert await jobs.cancel_where(DEFAULT_TENANT, Filter(labels={"team": "red"})) == (0, False)

    async def test_a_filter_for_finished_jobs_finds_nothing_to_cancel(self, engine: Engine, jobs: Jobs) -> None:
        await engine.ended(Outcome.SUCCEEDED)

        assert await jobs.cancel_where(DEFAULT_TENANT, Filter(states=frozenset({JobState.SUCCEEDED}))) == (0, False)

    async def test_more_than_a_thousand_take_several_calls(self, engine: Engine, jobs: Jobs) -> None:
        for _ in range(2):
            await engine.submit_batch([submission()] * 600)

        assert await jobs.cancel_where(DEFAULT_TENANT, PENDING) == (1000, True)
        assert await jobs.cancel_where(DEFAULT_TENANT, PENDING) == (200, False)

        assert await engine.store.counts(DEFAULT_TENANT) == {JobState.CANCELLED: 1200}

    async def test_a_batch_is_cancelled_as_far_as_it_has_not_ended(self, engine: Engine, jobs: Jobs) -> None:
        made, batch_id = await engine.submit_batch([submission(hold=i == 0) for i in range(4)])
        assert made is not None
        done, _ = await engine.claim(), await engine.claim()
        assert done is not None
        await engine.finish(done, Outcome.SUCCEEDED)

        batch, cancelled = await jobs.cancel_batch(DEFAULT_TENANT, batch_id)

        assert cancelled == 3
        assert batch.state_counts == {JobState.SUCCEEDED: 1, JobState.CANCELLING: 1, JobState.CANCELLED: 2}
        assert (await jobs.cancel_batch(DEFAULT_TENANT, batch_id))[1] == 0

    async def test_an_unknown_batch_is_not_found(self, jobs: Jobs) -> None:
        with pytest.raises(BatchNotFoundError):
            await jobs.cancel_batch(DEFAULT_TENANT, BatchId("none"))

    async def test_a_batch_of_another_tenant_is_not_found(self, engine: Engine, jobs: Jobs) -> None:
        _, batch_id = await engine.submit_batch([submission()], tenant="other")

        with pytest.raises(BatchNotFoundError):
            await jobs.cancel_batch(DEFAULT_TENANT, batch_id)


class TestRetry:
    async def test_a_filter_finds_failed_and_cancelled_jobs(self, engine: Engine, jobs: Jobs) -> None:
        for outcome in (Outcome.FAILED, Outcome.CANCELLED, Outcome.SUCCEEDED):
            await engine.ended(outcome)
        await engine.started()

        assert await jobs.retry_where(DEFAULT_TENANT, EVERYTHING, resubmit_unknown=False) == (2, False)

        assert await engine.store.counts(DEFAULT_TENANT) == {
            JobState.PENDING: 2,
            JobState.SUCCEEDED: 1,
            JobState.STARTED: 1,
        }

    async def test_only_the_states_asked_for_are_retried(self, engine: Engine, jobs: Jobs) -> None:
        failed, cancelled = await engine.ended(Outcome.FAILED), await engine.ended(Outcome.CANCELLED)

        wanted = Filter(states=frozenset({JobState.CANCELLED, JobState.SUCCEEDED}))
        assert await jobs.retry_where(DEFAULT_TENANT, wanted, resubmit_unknown=False) == (1, False)

        assert [(await engine.now(job)).state for job in (failed, cancelled)] == [JobState.FAILED, JobState.PENDING]
        assert await jobs.retry_where(DEFAULT_TENANT, PENDING, resubmit_unknown=False) == (0, False)

    async def test_a_repeated_request_answers_with_the_job_as_it_stands(self, engine: Engine, jobs: Jobs) -> None:
        job = await engine.ended()

        async def retry() -> tuple[JobState, bool]:
            retried = await jobs.retry(DEFAULT_TENANT, job.id, request_id="r", digest="d", resubmit_unknown=False)
            return retried.job.state, retried.deduplicated

        assert await retry() == (JobState.PENDING, False)
        await engine.claim()
        assert await retry() == (JobState.STARTED, True)


class TestOthers:
    async def test_released_jobs_are_returned(self, engine: Engine, jobs: Jobs) -> None:
        held = [await engine.submit(hold=True) for _ in range(2)]

        released = await jobs.release(DEFAULT_TENANT, [job.id for job in held])

        assert [(job.id, job.state) for job in released] == [(job.id, JobState.PENDING) for job in held]
        await jobs.cancel(DEFAULT_TENANT, held[0].id)
        with pytest.raises(JobNotHeldError):
            await jobs.release(DEFAULT_TENANT, [held[0].id])

    async def test_only_a_finished_job_is_deleted(self, engine: Engine, jobs: Jobs) -> None:
        job = await engine.submit()
        with pytest.raises(JobNotFinishedError):
            await jobs.delete(DEFAULT_TENANT, job.id)
        await jobs.cancel(DEFAULT_TENANT, job.id)

        await jobs.delete(DEFAULT_TENANT, job.id)

        assert await engine.store.counts(DEFAULT_TENANT) == {}


class TestProgressOfABatch:
    async def test_it_is_the_mean_of_its_jobs(self, engine: Engine) -> None:
        _, batch_id = await engine.submit_batch([submission()] * 4)

        async def fraction() -> float:
            return (await engine.store.get_batch(DEFAULT_TENANT, batch_id)).fraction

        first, second = await engine.claim(), await engine.claim()
        assert first is not None
        assert second is not None
        await engine.attempts.report(key_of(first), Progress(fraction=0.5))
        await engine.attempts.report(key_of(second), Progress(fraction=0.3))
        assert await fraction() == pytest.approx(0.2)
        await engine.finish(first, Outcome.FAILED)
        assert await fraction() == pytest.approx(1.3 / 4)
        await engine.finish(second, Outcome.INTERRUPTED)
        again = await engine.claim()
        assert await fraction() == pytest.approx(1 / 4)
        assert again is not None

    async def test_a_job_of_a_batch_that_failed_still_shows_how_far_it_came(self, engine: Engine) -> None:
        await engine.submit_batch([submission()])
        job = await engine.claim()
        assert job is not None
        await engine.attempts.report(key_of(job), Progress(fraction=0.5))

        await engine.finish(job, Outcome.FAILED)

        assert (await engine.now(job)).progress.fraction == 0.5

    async def test_batches_of_other_tenants_have_counts_of_their_own(self, engine: Engine) -> None:
        _, batch_id = await engine.submit_batch([submission()], tenant="other")

        assert (await engine.store.get_batch(Tenant("other"), batch_id)).state_counts == {JobState.PENDING: 1}
