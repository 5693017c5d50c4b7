"""Batches, and jobs that a filter finds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from grpc import StatusCode

from segue.v1 import job_pb2, spec_pb2
from segue.v1 import job_service_pb2 as pb
from tests.integration.server import life
from tests.integration.server.answers import refused
from tests.unit.server.asked import submit, submit_model

if TYPE_CHECKING:
    from core.store.attempts import AttemptStore
    from segue.v1.job_service_pb2_grpc import JobServiceAsyncStub


def counts(batch: job_pb2.Batch) -> dict[str, int]:
    return {
        job_pb2.JobState.Name(count.state).removeprefix("JOB_STATE_").lower(): count.count
        for count in batch.state_counts
    }


async def submitted(jobs: JobServiceAsyncStub, count: int, owner: str, *, hold: bool = False) -> pb.BatchSubmitResponse:
    request = submit()
    request.owner, request.hold = owner, hold
    return await jobs.BatchSubmit(pb.BatchSubmitRequest(jobs=[request] * count))


async def test_cancelling_a_batch_counts_what_it_stopped(jobs: JobServiceAsyncStub, worker: AttemptStore) -> None:
    batch_id = (await submitted(jobs, 5, "o")).batch.id
    await life.ended(worker)
    await life.claimed(worker)

    first = await jobs.CancelBatch(pb.CancelBatchRequest(batch_id=batch_id))
    second = await jobs.CancelBatch(pb.CancelBatchRequest(batch_id=batch_id))
    read = (await jobs.GetBatch(pb.GetBatchRequest(batch_id=batch_id))).batch

    assert (first.cancelled_count, second.cancelled_count) == (4, 0)
    assert counts(first.batch) == {"succeeded": 1, "cancelling": 1, "cancelled": 3}
    assert read == second.batch == first.batch
    assert (read.job_count, read.fraction, read.HasField("end_time")) == (5, 0.8, False)


async def test_a_batch_ends_with_its_last_job(jobs: JobServiceAsyncStub, worker: AttemptStore) -> None:
    batch_id = (await submitted(jobs, 2, "o")).batch.id
    await life.ended(worker)
    await life.ended(worker)

    batch = (await jobs.GetBatch(pb.GetBatchRequest(batch_id=batch_id))).batch

    assert (counts(batch), batch.fraction, batch.HasField("end_time")) == ({"succeeded": 2}, 1, True)


async def test_a_batch_that_is_none_is_not_found(jobs: JobServiceAsyncStub) -> None:
    for call in (
        jobs.GetBatch(pb.GetBatchRequest(batch_id="nothing")),
        jobs.CancelBatch(pb.CancelBatchRequest(batch_id="nothing")),
    ):
        refusal = await refused(call)
        assert (refusal.code, refusal.reason, refusal.resource) == (
            *(StatusCode.NOT_FOUND, "BATCH_NOT_FOUND", "nothing"),
        )


async def test_a_missing_batch_id_is_bad_input(jobs: JobServiceAsyncStub) -> None:
    for call in (jobs.GetBatch(pb.GetBatchRequest()), jobs.CancelBatch(pb.CancelBatchRequest())):
        refusal = await refused(call)
        assert (refusal.code, refusal.paths) == (StatusCode.INVALID_ARGUMENT, ["batch_id"])


async def test_more_than_a_thousand_jobs_are_cancelled_and_retried_by_a_filter(jobs: JobServiceAsyncStub) -> None:
    await submitted(jobs, 1000, "o")
    await submitted(jobs, 300, "o")
    await submitted(jobs, 3, "p")
    cancel, retry = pb.CancelJobsRequest(), pb.RetryJobsRequest()
    cancel.filter.owner = retry.filter.owner = "o"

    cancelled = [await jobs.CancelJobs(cancel) for _ in range(3)]
    retried = [await jobs.RetryJobs(retry) for _ in range(3)]

    assert [(answer.cancelled_count, answer.more) for answer in cancelled] == [(1000, True), (300, False), (0, False)]
    assert [(answer.retried_count, answer.more) for answer in retried] == [(1000, True), (300, False), (0, False)]
    others = (await jobs.ListJobs(pb.ListJobsRequest(owner="p"))).jobs
    assert [(job.state, job.sequence) for job in others] == [(job_pb2.JOB_STATE_PENDING, 1)] * 3


async def test_conditions_of_a_filter_are_joined(jobs: JobServiceAsyncStub) -> None:
    await submitted(jobs, 1, "o")
    await submitted(jobs, 1, "p", hold=True)
    held = (await submitted(jobs, 1, "o", hold=True)).jobs[0].id

    answer = await jobs.CancelJobs(
        pb.CancelJobsRequest(filter=pb.JobFilter(owner="o", states=[job_pb2.JOB_STATE_HELD]))
    )

    assert answer.cancelled_count == 1
    listed = (await jobs.ListJobs(pb.ListJobsRequest(states=[job_pb2.JOB_STATE_CANCELLED]))).jobs
    assert [job.id for job in listed] == [held]


async def test_running_jobs_are_cancelled_too_and_finished_ones_passed_over(
    jobs: JobServiceAsyncStub, worker: AttemptStore
) -> None:
    await submitted(jobs, 3, "o")
    await jobs.SubmitJob(submit_model())
    await life.ended(worker)
    await life.claimed(worker)
    kinds = pb.JobFilter(kinds=[spec_pb2.JOB_KIND_TRANSITION])

    cancelled = await jobs.CancelJobs(pb.CancelJobsRequest(filter=kinds))
    retried = await jobs.RetryJobs(pb.RetryJobsRequest(filter=kinds, resubmit_unknown=True))

    assert (cancelled.cancelled_count, retried.retried_count) == (2, 1)
    (job,) = (await jobs.ListJobs(pb.ListJobsRequest(kinds=kinds.kinds, states=[job_pb2.JOB_STATE_PENDING]))).jobs
    assert job.on_unknown_submission == job_pb2.UNKNOWN_SUBMISSION_POLICY_RESUBMIT


@pytest.mark.parametrize(
    ("wanted", "paths"),
    [
        (pb.JobFilter(), ["filter"]),
        (
            pb.JobFilter(owner="o" * 129, batch_id="b" * 65, labels={"A": ""}),
            ["filter.owner", "filter.batch_id", "filter.labels['A']"],
        ),
        (pb.JobFilter(states=[job_pb2.JOB_STATE_UNSPECIFIED]), ["filter.states[0]"]),
        (pb.JobFilter(kinds=[spec_pb2.JOB_KIND_UNSPECIFIED]), ["filter.kinds[0]"]),
    ],
    ids=["empty", "three faults", "no state", "no kind"],
)
async def test_a_wrong_filter_is_refused_and_an_empty_one_too(
    jobs: JobServiceAsyncStub, wanted: pb.JobFilter, paths: list[str]
) -> None:
    await jobs.SubmitJob(submit())

    for call in (
        jobs.CancelJobs(pb.CancelJobsRequest(filter=wanted)),
        jobs.RetryJobs(pb.RetryJobsRequest(filter=wanted)),
    ):
        refusal = await refused(call)
        assert (refusal.code, refusal.paths) == (StatusCode.INVALID_ARGUMENT, paths)
    assert (await jobs.ListJobs(pb.ListJobsRequest())).jobs[0].sequence == 1
