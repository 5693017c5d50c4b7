"""Tenants are apart: nobody sees, counts, watches or cancels another's job, nor learns whether it exists."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from core.errors import BatchNotFoundError, JobNotFoundError
from core.job import JobState, Tenant
from core.store.attempts import Outcome
from core.store.listing import Filter
from tests.integration.core.engine import submission

if TYPE_CHECKING:
    from core.job import Job
    from core.jobs import Jobs
    from tests.integration.core.engine import Engine

OTHER = Tenant("other")


@pytest.fixture
async def job(engine: Engine) -> Job:
    """A job of somebody else, with everything that could give it away."""
    return await engine.submit("mine", owner="ann", labels={"a": "b"}, request_id="r", digest="d")


async def test_anothers_job_is_not_found(jobs: Jobs, job: Job) -> None:
    with pytest.raises(JobNotFoundError) as told:
        await jobs.get(OTHER, job.id)

    assert str(told.value) == "There is no such job."


async def test_anothers_job_is_not_cancelled(jobs: Jobs, engine: Engine, job: Job) -> None:
    with pytest.raises(JobNotFoundError):
        await jobs.cancel(OTHER, job.id)

    assert (await engine.now(job)).state is JobState.PENDING


async def test_anothers_job_is_not_followed(jobs: Jobs, job: Job) -> None:
    with pytest.raises(JobNotFoundError):
        await anext(jobs.follow(OTHER, job.id, after=0, heartbeat=timedelta(seconds=1)))


@pytest.mark.parametrize(
    "wanted", [Filter(), Filter(owner="ann"), Filter(labels={"a": "b"}), Filter(states=frozenset(JobState))]
)
async def test_anothers_jobs_are_not_listed(jobs: Jobs, job: Job, wanted: Filter) -> None:
    listed = await jobs.list(OTHER, wanted, size=10, before=None, with_specs=False)

    assert (listed.jobs, listed.next_before) == ([], None)
    own = await jobs.list(job.tenant, wanted, size=10, before=None, with_specs=False)
    assert [found.id for found in own.jobs] == [job.id]


async def test_anothers_request_ids_are_not_in_the_way(jobs: Jobs, job: Job) -> None:
    submitted = await jobs.submit(OTHER, submission(request_id="r", digest="another"))

    assert not submitted.deduplicated
    assert submitted.job.id != job.id


async def test_anothers_jobs_are_not_counted_in_the_queue(jobs: Jobs, engine: Engine, job: Job) -> None:
    own = await engine.submit(OTHER)

    _, position = await jobs.get(OTHER, own.id)
    assert position is not None
    assert position.ahead == 0


async def test_anothers_batch_is_not_found(engine: Engine) -> None:
    _, batch_id = await engine.submit_batch([submission()], tenant="mine")

    with pytest.raises(BatchNotFoundError):
        await engine.store.get_batch(OTHER, batch_id)
    assert await engine.store.jobs_of_batch(OTHER, batch_id) == []


async def test_the_events_of_tenants_with_one_job_id_do_not_mix(jobs: Jobs, engine: Engine, job: Job) -> None:
    await engine.store.submit(OTHER, job.id, submission(owner="bob"))
    following = jobs.follow(OTHER, job.id, after=0, heartbeat=timedelta(milliseconds=20))
    await anext(following)
    started = await engine.claim()
    assert started is not None
    assert started.tenant == "mine"
    await engine.finish(started, Outcome.SUCCEEDED)

    heard = await anext(following)

    assert heard.sequence == 1  # nothing happened: a sign of life
    await following.aclose()
