from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from grpc import StatusCode

from segue.v1 import job_pb2
from segue.v1 import job_service_pb2 as pb
from tests.integration.server import life
from tests.integration.server.answers import refused
from tests.unit.server.asked import submit

if TYPE_CHECKING:
    from core.store.attempts import AttemptStore
    from segue.v1.job_service_pb2_grpc import JobServiceAsyncStub

HELD, PENDING = job_pb2.JOB_STATE_HELD, job_pb2.JOB_STATE_PENDING


async def held(jobs: JobServiceAsyncStub, count: int) -> list[str]:
    """Return the ids of so many held jobs."""
    request = submit()
    request.hold = True
    return [job.id for job in (await jobs.BatchSubmit(pb.BatchSubmitRequest(jobs=[request] * count))).jobs]


async def states(jobs: JobServiceAsyncStub, job_ids: list[str]) -> list[job_pb2.JobState.ValueType]:
    return [(await jobs.GetJob(pb.GetJobRequest(job_id=job_id))).job.state for job_id in job_ids]


async def test_held_jobs_are_not_started_before_they_are_released(
    jobs: JobServiceAsyncStub, worker: AttemptStore
) -> None:
    ids = await held(jobs, 3)
    assert await life.claim(worker) is None

    released = (await jobs.ReleaseJob(pb.ReleaseJobRequest(job_ids=reversed(ids)))).jobs

    assert [(job.id, job.state, job.HasField("spec")) for job in released] == [
        (job_id, PENDING, False) for job_id in reversed(ids)
    ]
    assert (await life.claimed(worker)).id in ids


async def test_a_thousand_jobs_are_released_at_once(jobs: JobServiceAsyncStub) -> None:
    ids = await held(jobs, 1000)

    released = (await jobs.ReleaseJob(pb.ReleaseJobRequest(job_ids=ids))).jobs

    assert [job.id for job in released] == ids


async def test_releasing_again_changes_nothing(jobs: JobServiceAsyncStub) -> None:
    request = pb.ReleaseJobRequest(job_ids=await held(jobs, 2))

    assert await jobs.ReleaseJob(request) == await jobs.ReleaseJob(request)


async def test_all_or_none_are_released(jobs: JobServiceAsyncStub) -> None:
    good, ended = await held(jobs, 2)
    await jobs.CancelJob(pb.CancelJobRequest(job_id=ended))

    missing = await refused(jobs.ReleaseJob(pb.ReleaseJobRequest(job_ids=[good, "nobody"])))
    too_late = await refused(jobs.ReleaseJob(pb.ReleaseJobRequest(job_ids=[good, ended])))

    assert (missing.code, missing.reason, missing.resource) == (StatusCode.NOT_FOUND, "JOB_NOT_FOUND", "nobody")
    assert (too_late.code, too_late.reason) == (StatusCode.FAILED_PRECONDITION, "JOB_NOT_HELD")
    assert too_late.metadata == {"job_id": ended}
    assert await states(jobs, [good]) == [HELD]


@pytest.mark.parametrize(
    ("job_ids", "paths"),
    [([], ["job_ids"]), (["j"] * 1001, ["job_ids"]), (["j", "", "x" * 65], ["job_ids[1]", "job_ids[2]"])],
)
async def test_wrong_ids_are_named(jobs: JobServiceAsyncStub, job_ids: list[str], paths: list[str]) -> None:
    refusal = await refused(jobs.ReleaseJob(pb.ReleaseJobRequest(job_ids=job_ids)))

    assert (refusal.code, refusal.paths) == (StatusCode.INVALID_ARGUMENT, paths)


async def test_a_deleted_job_is_forgotten(jobs: JobServiceAsyncStub, worker: AttemptStore) -> None:
    job_id = (await jobs.SubmitJob(submit())).job.id
    await life.ended(worker)

    await jobs.DeleteJob(pb.DeleteJobRequest(job_id=job_id))

    assert (await refused(jobs.GetJob(pb.GetJobRequest(job_id=job_id)))).reason == "JOB_NOT_FOUND"
    assert (await refused(jobs.DeleteJob(pb.DeleteJobRequest(job_id=job_id)))).code is StatusCode.NOT_FOUND
    assert not (await jobs.ListJobs(pb.ListJobsRequest())).jobs


async def test_a_job_that_has_not_ended_is_not_deleted(jobs: JobServiceAsyncStub, worker: AttemptStore) -> None:
    (waiting,) = await held(jobs, 1)
    await jobs.SubmitJob(submit())
    started = (await life.claimed(worker)).id

    for job_id in (waiting, started):
        refusal = await refused(jobs.DeleteJob(pb.DeleteJobRequest(job_id=job_id)))
        assert (refusal.code, refusal.reason) == (StatusCode.FAILED_PRECONDITION, "JOB_NOT_FINISHED")
        assert refusal.metadata == {"job_id": job_id}
    assert await states(jobs, [waiting, started]) == [HELD, job_pb2.JOB_STATE_STARTED]
