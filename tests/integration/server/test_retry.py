from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from grpc import StatusCode

from core.store.attempts import Outcome
from segue.v1 import job_pb2
from segue.v1 import job_service_pb2 as pb
from tests.integration.server import life
from tests.integration.server.answers import refused
from tests.unit.server.asked import submit

if TYPE_CHECKING:
    from core.store.attempts import AttemptStore
    from segue.v1.job_service_pb2_grpc import JobServiceAsyncStub


async def failed(jobs: JobServiceAsyncStub, worker: AttemptStore) -> str:
    """Return the id of a job that has failed."""
    await jobs.SubmitJob(submit())
    return (await life.ended(worker, Outcome.FAILED)).id


async def test_a_failed_job_gets_another_round(jobs: JobServiceAsyncStub, worker: AttemptStore) -> None:
    job_id = await failed(jobs, worker)

    answer = await jobs.RetryJob(pb.RetryJobRequest(job_id=job_id))
    again = await life.claimed(worker)

    assert (answer.job.state, answer.job.attempt, answer.deduplicated) == (job_pb2.JOB_STATE_PENDING, 0, False)
    assert answer.job.on_unknown_submission == job_pb2.UNKNOWN_SUBMISSION_POLICY_FAIL
    assert again.id == job_id
    (attempt,) = answer.job.attempts
    assert (attempt.number, attempt.worker, attempt.outcome) == (1, "worker", job_pb2.ATTEMPT_OUTCOME_FAILED)
    assert attempt.error.reason == "PROVIDER_ERROR"


async def test_a_cancelled_job_gets_another_round_that_may_submit_anew(
    jobs: JobServiceAsyncStub, worker: AttemptStore
) -> None:
    job_id = (await jobs.SubmitJob(submit())).job.id
    await jobs.CancelJob(pb.CancelJobRequest(job_id=job_id))

    answer = await jobs.RetryJob(pb.RetryJobRequest(job_id=job_id, resubmit_unknown=True))

    assert answer.job.on_unknown_submission == job_pb2.UNKNOWN_SUBMISSION_POLICY_RESUBMIT
    assert (await life.claimed(worker)).id == job_id


async def test_a_repeated_retry_is_one_even_when_the_job_has_failed_again(
    jobs: JobServiceAsyncStub, worker: AttemptStore
) -> None:
    request = pb.RetryJobRequest(job_id=await failed(jobs, worker), request_id="r")

    first = await jobs.RetryJob(request)
    await life.ended(worker, Outcome.FAILED)
    second = await jobs.RetryJob(request)

    assert (first.deduplicated, second.deduplicated) == (False, True)
    assert second.job.state == job_pb2.JOB_STATE_FAILED
    assert await life.claim(worker) is None


async def test_concurrent_duplicates_retry_once(jobs: JobServiceAsyncStub, worker: AttemptStore) -> None:
    job_id = await failed(jobs, worker)
    before = (await jobs.GetJob(pb.GetJobRequest(job_id=job_id))).job.sequence

    answers = await asyncio.gather(
        *(jobs.RetryJob(pb.RetryJobRequest(job_id=job_id, request_id="r")) for _ in range(50))
    )

    assert sum(not answer.deduplicated for answer in answers) == 1
    assert {answer.job.sequence for answer in answers} == {before + 1}


async def test_a_request_id_is_good_for_one_retry_only(jobs: JobServiceAsyncStub, worker: AttemptStore) -> None:
    one, other = await failed(jobs, worker), await failed(jobs, worker)
    taken = submit()
    taken.request_id = "s"
    await jobs.SubmitJob(taken)
    await jobs.RetryJob(pb.RetryJobRequest(job_id=one, request_id="r"))

    for request in (
        pb.RetryJobRequest(job_id=other, request_id="r"),
        pb.RetryJobRequest(job_id=one, request_id="r", resubmit_unknown=True),
        pb.RetryJobRequest(job_id=other, request_id="s"),
    ):
        refusal = await refused(jobs.RetryJob(request))
        assert (refusal.code, refusal.reason) == (StatusCode.FAILED_PRECONDITION, "REQUEST_ID_REUSED")
        assert refusal.metadata == {"request_id": request.request_id}


@pytest.mark.parametrize("outcome", [None, Outcome.SUCCEEDED])
async def test_a_job_that_has_not_failed_is_not_retried(
    jobs: JobServiceAsyncStub, worker: AttemptStore, outcome: Outcome | None
) -> None:
    job_id = (await jobs.SubmitJob(submit())).job.id
    await (life.ended(worker, outcome) if outcome else life.claimed(worker))

    refusal = await refused(jobs.RetryJob(pb.RetryJobRequest(job_id=job_id)))

    assert (refusal.code, refusal.reason) == (StatusCode.FAILED_PRECONDITION, "JOB_NOT_RETRYABLE")
    assert refusal.metadata == {"job_id": job_id}


async def test_a_retry_names_its_faults(jobs: JobServiceAsyncStub) -> None:
    refusal = await refused(jobs.RetryJob(pb.RetryJobRequest(request_id="a b")))

    assert (refusal.code, refusal.paths) == (StatusCode.INVALID_ARGUMENT, ["job_id", "request_id"])
