from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from grpc import StatusCode

from segue.v1 import job_pb2, spec_pb2, system_service_pb2
from segue.v1 import job_service_pb2 as pb
from tests.integration.server.answers import refused
from tests.unit.server.asked import submit, submit_model

if TYPE_CHECKING:
    from grpc import aio

    from segue.v1.job_service_pb2_grpc import JobServiceAsyncStub
    from segue.v1.system_service_pb2_grpc import SystemServiceAsyncStub


def stamp(when: datetime) -> Timestamp:
    message = Timestamp()
    message.FromDatetime(when)
    return message


async def submitted(jobs: JobServiceAsyncStub, **fields: Any) -> job_pb2.Job:
    request = submit()
    request.MergeFrom(pb.SubmitJobRequest(**fields))
    return (await jobs.SubmitJob(request)).job


async def all_pages(jobs: JobServiceAsyncStub, **filters: Any) -> list[str]:
    ids: list[str] = []
    token = ""
    while True:
        page = await jobs.ListJobs(pb.ListJobsRequest(page_token=token, **filters))
        ids += [job.id for job in page.jobs]
        token = page.next_page_token
        if not token:
            return ids


@pytest.mark.parametrize("job_id", ["nobody", "01a1f895-6857-77b9-8b18-149aec8c16b4", "a:b\n*"])
@pytest.mark.parametrize("method", ["GetJob", "CancelJob", "RetryJob", "DeleteJob"])
async def test_a_job_that_is_none_is_not_found(jobs: JobServiceAsyncStub, method: str, job_id: str) -> None:
    request = getattr(pb, f"{method}Request")(job_id=job_id)

    refusal = await refused(getattr(jobs, method)(request))

    assert (refusal.code, refusal.reason, refusal.resource) == (StatusCode.NOT_FOUND, "JOB_NOT_FOUND", job_id)


async def test_a_missing_id_is_bad_input(jobs: JobServiceAsyncStub) -> None:
    refusal = await refused(jobs.GetJob(pb.GetJobRequest()))

    assert (refusal.code, refusal.paths) == (StatusCode.INVALID_ARGUMENT, ["job_id"])


async def test_cancelling_a_waiting_job_ends_it_and_may_be_repeated(jobs: JobServiceAsyncStub) -> None:
    job = await submitted(jobs)

    first = (await jobs.CancelJob(pb.CancelJobRequest(job_id=job.id))).job
    second = (await jobs.CancelJob(pb.CancelJobRequest(job_id=job.id))).job

    assert first.state == job_pb2.JOB_STATE_CANCELLED
    assert first.HasField("expire_time")
    assert second == first


async def test_pages_hold_every_job_once_and_newest_first(jobs: JobServiceAsyncStub) -> None:
    batch = await jobs.BatchSubmit(pb.BatchSubmitRequest(jobs=[submit()] * 250))
    single = await submitted(jobs)

    ids = await all_pages(jobs, page_size=60)

    assert ids == [single.id, *reversed([job.id for job in batch.jobs])]


async def test_jobs_that_come_meanwhile_shift_no_page(jobs: JobServiceAsyncStub) -> None:
    old = [(await submitted(jobs)).id for _ in range(4)]
    first = await jobs.ListJobs(pb.ListJobsRequest(page_size=2))
    await submitted(jobs)

    second = await jobs.ListJobs(pb.ListJobsRequest(page_size=2, page_token=first.next_page_token))

    assert [job.id for job in [*first.jobs, *second.jobs]] == list(reversed(old))


async def test_filters_are_joined(jobs: JobServiceAsyncStub) -> None:
    wanted = await submitted(jobs, owner="o", labels={"team": "a", "x": "1"})
    held = await submitted(jobs, owner="o", labels={"team": "a"}, hold=True)
    await submitted(jobs, owner="p", labels={"team": "a", "x": "1"})
    model = (await jobs.SubmitJob(submit_model())).job
    batch = await jobs.BatchSubmit(pb.BatchSubmitRequest(jobs=[submit()]))

    assert await all_pages(jobs, owner="o", labels={"team": "a"}) == [held.id, wanted.id]
    assert await all_pages(jobs, owner="o", labels={"team": "a", "x": "1"}) == [wanted.id]
    assert await all_pages(jobs, owner="o", states=[job_pb2.JOB_STATE_HELD]) == [held.id]
    assert await all_pages(jobs, kinds=[spec_pb2.JOB_KIND_MODEL]) == [model.id]
    assert await all_pages(jobs, batch_id=batch.batch.id) == [batch.jobs[0].id]
    assert await all_pages(jobs, owner="nobody") == []


async def test_jobs_are_found_by_the_time_of_their_acceptance(jobs: JobServiceAsyncStub) -> None:
    job = await submitted(jobs)
    accepted = job.create_time.ToDatetime(UTC)
    # A minute, as lists go by the time in a job's id, which is made before the job is accepted.
    before, after = accepted - timedelta(minutes=1), accepted + timedelta(minutes=1)

    assert await all_pages(jobs, create_time_from=stamp(before), create_time_to=stamp(after)) == [job.id]
    assert await all_pages(jobs, create_time_to=stamp(before)) == []
    assert await all_pages(jobs, create_time_from=stamp(after)) == []


async def test_a_list_carries_specs_only_when_asked(jobs: JobServiceAsyncStub) -> None:
    job = await submitted(jobs)

    (lean,) = (await jobs.ListJobs(pb.ListJobsRequest())).jobs
    (full,) = (await jobs.ListJobs(pb.ListJobsRequest(include_spec=True))).jobs

    assert not lean.HasField("spec")
    assert full.spec == job.spec


async def test_a_token_is_only_good_with_its_filters(jobs: JobServiceAsyncStub) -> None:
    await submitted(jobs, owner="o")
    await submitted(jobs, owner="o")
    page = await jobs.ListJobs(pb.ListJobsRequest(owner="o", page_size=1))
    assert page.next_page_token

    for request in (
        pb.ListJobsRequest(page_token=page.next_page_token),
        pb.ListJobsRequest(owner="o", page_token="garbage"),
    ):
        refusal = await refused(jobs.ListJobs(request))
        assert (refusal.code, refusal.paths) == (StatusCode.INVALID_ARGUMENT, ["page_token"])


async def test_methods_of_later_say_so(system: SystemServiceAsyncStub) -> None:
    refusal = await refused(system.ListWorkers(system_service_pb2.ListWorkersRequest()))

    assert (refusal.code, refusal.reason) == (StatusCode.UNIMPLEMENTED, "NOT_IMPLEMENTED")


async def test_a_method_that_does_not_exist_is_unimplemented(channel: aio.Channel) -> None:
    call: aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary("/segue.v1.JobService/Nothing")

    refusal = await refused(call(b""))

    assert refusal.code is StatusCode.UNIMPLEMENTED
