"""What one call may carry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grpc import StatusCode

from segue.v1 import job_service_pb2 as pb
from tests.integration.server.answers import refused
from tests.unit.server.asked import submit

if TYPE_CHECKING:
    from segue.v1.job_service_pb2_grpc import JobServiceAsyncStub


async def test_metadata_of_a_usual_size_is_taken_and_a_flood_of_it_refused(jobs: JobServiceAsyncStub) -> None:
    usual, flood = (("x-note", "a" * 4000),), tuple((f"x-note-{number}", "a" * 4000) for number in range(8))

    accepted = await jobs.SubmitJob(submit(), metadata=usual)
    refusal = await refused(jobs.SubmitJob(submit(), metadata=flood))

    assert accepted.job.id
    assert refusal.code is StatusCode.RESOURCE_EXHAUSTED
    assert len((await jobs.ListJobs(pb.ListJobsRequest())).jobs) == 1


async def test_a_request_beyond_the_limit_is_refused_unread(jobs: JobServiceAsyncStub) -> None:
    request = submit()
    request.owner = "o" * (17 << 20)

    refusal = await refused(jobs.SubmitJob(request))

    assert refusal.code is StatusCode.RESOURCE_EXHAUSTED
    assert not (await jobs.ListJobs(pb.ListJobsRequest())).jobs
