from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from grpc import StatusCode

from segue.v1 import job_pb2, spec_pb2
from segue.v1 import job_service_pb2 as pb
from tests.integration.server.answers import refused
from tests.unit.server.asked import submit, submit_model, transition

if TYPE_CHECKING:
    from grpc import aio

    from segue.v1.job_service_pb2_grpc import JobServiceAsyncStub


def with_id(request_id: str, **fields: Any) -> pb.SubmitJobRequest:
    request = submit()
    request.MergeFrom(pb.SubmitJobRequest(request_id=request_id, **fields))
    return request


async def test_a_submitted_job_can_be_read(jobs: JobServiceAsyncStub) -> None:
    request = submit()
    request.MergeFrom(pb.SubmitJobRequest(owner="o", labels={"k": "v"}, priority=2))

    accepted = (await jobs.SubmitJob(request)).job
    read = (await jobs.GetJob(pb.GetJobRequest(job_id=accepted.id))).job

    assert accepted.state == job_pb2.JOB_STATE_PENDING
    assert read.spec == request.spec
    assert (read.owner, dict(read.labels), read.priority, read.sequence) == ("o", {"k": "v"}, 2, 1)
    assert (read.HasField("queue_position"), read.queue_position) == (True, 0)
    accepted.queue_position = 0
    assert read == accepted


async def test_a_held_job_is_held(jobs: JobServiceAsyncStub) -> None:
    request = submit_model(prompt="a cat")
    request.hold = True

    job = (await jobs.SubmitJob(request)).job

    assert (job.kind, job.state) == (spec_pb2.JOB_KIND_MODEL, job_pb2.JOB_STATE_HELD)


async def test_validate_only_accepts_nothing(jobs: JobServiceAsyncStub) -> None:
    request = with_id("r", validate_only=True)

    job = (await jobs.SubmitJob(request)).job

    assert (job.id, job.priority, job.spec) == ("", 5, request.spec)
    assert not (await jobs.ListJobs(pb.ListJobsRequest())).jobs


async def test_a_repeated_request_returns_the_same_job(jobs: JobServiceAsyncStub) -> None:
    first = await jobs.SubmitJob(with_id("r", owner="o"))
    second = await jobs.SubmitJob(with_id("r", owner="o"))

    assert (first.deduplicated, second.deduplicated) == (False, True)
    assert first.job == second.job
    assert len((await jobs.ListJobs(pb.ListJobsRequest())).jobs) == 1


async def test_a_request_id_is_not_good_for_another_payload(jobs: JobServiceAsyncStub) -> None:
    await jobs.SubmitJob(with_id("r", owner="o"))

    refusal = await refused(jobs.SubmitJob(with_id("r", owner="p")))
    batch = await refused(jobs.BatchSubmit(pb.BatchSubmitRequest(jobs=[submit()], request_id="r")))

    assert (refusal.code, refusal.reason) == (StatusCode.FAILED_PRECONDITION, "REQUEST_ID_REUSED")
    assert refusal.metadata == {"request_id": "r"}
    assert (batch.code, batch.reason) == (StatusCode.FAILED_PRECONDITION, "REQUEST_ID_REUSED")


async def test_concurrent_duplicates_give_one_job(jobs: JobServiceAsyncStub) -> None:
    answers = await asyncio.gather(*(jobs.SubmitJob(with_id("r")) for _ in range(50)))

    assert len({answer.job.id for answer in answers}) == 1
    assert sum(not answer.deduplicated for answer in answers) == 1


async def test_a_batch_is_accepted_in_the_order_of_the_request(jobs: JobServiceAsyncStub) -> None:
    items = [submit() for _ in range(1000)]
    for index, item in enumerate(items):
        item.owner = str(index)

    answer = await jobs.BatchSubmit(pb.BatchSubmitRequest(jobs=items, display_name="thousand"))

    assert [job.owner for job in answer.jobs] == [str(index) for index in range(1000)]
    assert {job.batch_id for job in answer.jobs} == {answer.batch.id}
    assert not any(job.HasField("spec") for job in answer.jobs)
    assert (answer.batch.display_name, answer.batch.job_count, answer.batch.fraction) == ("thousand", 1000, 0)
    assert [(count.state, count.count) for count in answer.batch.state_counts] == [(job_pb2.JOB_STATE_PENDING, 1000)]


async def test_a_repeated_batch_returns_the_same_jobs(jobs: JobServiceAsyncStub) -> None:
    request = pb.BatchSubmitRequest(jobs=[submit(), submit_model()], request_id="b")

    first, second = await jobs.BatchSubmit(request), await jobs.BatchSubmit(request)

    assert (first.deduplicated, second.deduplicated) == (False, True)
    assert list(first.jobs) == list(second.jobs)
    assert first.batch == second.batch


async def test_a_batch_with_a_fault_is_refused_as_a_whole(jobs: JobServiceAsyncStub) -> None:
    broken = submit()
    broken.priority = 11

    refusal = await refused(jobs.BatchSubmit(pb.BatchSubmitRequest(jobs=[submit(), broken])))

    assert (refusal.code, refusal.paths) == (StatusCode.INVALID_ARGUMENT, ["jobs[1].priority"])
    assert not (await jobs.ListJobs(pb.ListJobsRequest())).jobs


async def test_partial_success_accepts_the_good_and_names_the_refused(jobs: JobServiceAsyncStub) -> None:
    broken, urgent = submit(spec_pb2.TransitionSpec()), submit()
    urgent.priority = 11
    request = pb.BatchSubmitRequest(jobs=[broken, submit(), urgent], allow_partial_success=True)

    answer = await jobs.BatchSubmit(request)

    assert (len(answer.jobs), answer.batch.job_count) == (1, 1)
    assert {index: failure.code for index, failure in answer.failures.items()} == {
        0: StatusCode.INVALID_ARGUMENT.value[0],
        2: StatusCode.INVALID_ARGUMENT.value[0],
    }
    assert "jobs[0].spec.transition.front_image_url" in answer.failures[0].message


@pytest.mark.parametrize(
    ("request_", "paths"),
    [
        pytest.param(
            submit(spec_pb2.TransitionSpec()),
            ["spec.transition.front_image_url", "spec.transition.tail_image_url"],
            id="no image",
        ),
        pytest.param(
            submit(spec_pb2.TransitionSpec.FromString(transition().SerializeToString() + b"\x20\x63")),
            ["spec.transition.transition_type"],
            id="unknown transition type",
        ),
        pytest.param(
            submit(spec_pb2.TransitionSpec.FromString(transition().SerializeToString() + b"\x3a\x02\x08\x07")),
            ["spec.transition.video_length"],
            id="7 s",
        ),
        pytest.param(with_id("", priority=11), ["priority"], id="priority 11"),
    ],
)
async def test_bad_input_is_refused_with_its_paths(
    jobs: JobServiceAsyncStub, request_: pb.SubmitJobRequest, paths: list[str]
) -> None:
    refusal = await refused(jobs.SubmitJob(request_))

    assert (refusal.code, refusal.reason, refusal.paths) == (StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST", paths)


async def test_1001_jobs_are_refused(jobs: JobServiceAsyncStub) -> None:
    refusal = await refused(jobs.BatchSubmit(pb.BatchSubmitRequest(jobs=[submit()] * 1001)))

    assert (refusal.code, refusal.paths) == (StatusCode.INVALID_ARGUMENT, ["jobs"])


async def test_a_thousand_faulty_jobs_are_refused_in_trailers_that_arrive(jobs: JobServiceAsyncStub) -> None:
    refusal = await refused(jobs.BatchSubmit(pb.BatchSubmitRequest(jobs=[pb.SubmitJobRequest(priority=11)] * 1000)))

    assert (refusal.code, len(refusal.paths)) == (StatusCode.INVALID_ARGUMENT, 20)
    assert refusal.metadata["omitted_violations"] == "1980"


async def test_a_prompt_of_5_mb_is_refused_with_its_path(jobs: JobServiceAsyncStub) -> None:
    spec = transition()
    spec.prompt = "p" * 5_000_000

    refusal = await refused(jobs.SubmitJob(submit(spec)))

    assert (refusal.code, refusal.paths) == (StatusCode.INVALID_ARGUMENT, ["spec.transition.prompt"])


async def test_a_request_above_the_largest_size_is_refused(jobs: JobServiceAsyncStub) -> None:
    spec = transition()
    spec.prompt = "p" * (17 << 20)

    assert (await refused(jobs.SubmitJob(submit(spec)))).code is StatusCode.RESOURCE_EXHAUSTED


@pytest.mark.parametrize("method", ["SubmitJob", "BatchSubmit", "GetJob"])
async def test_garbage_is_refused_and_the_server_goes_on(
    channel: aio.Channel, jobs: JobServiceAsyncStub, method: str
) -> None:
    call: aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(f"/segue.v1.JobService/{method}")

    refusal = await refused(call(b"\xff\xff\xff garbage"))

    assert (refusal.code, refusal.reason) == (StatusCode.INVALID_ARGUMENT, "MALFORMED_REQUEST")
    assert (await jobs.SubmitJob(submit())).job.id
