"""Compositions of jobs that still run: held until those have ended, and refused by name where there are none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import grpc

from segue.v1 import job_pb2
from segue.v1 import job_service_pb2 as pb
from segue.v1.spec_pb2 import Clip, CompositionSpec, JobSpec
from tests.integration.server.answers import refused
from tests.integration.server.life import ended
from tests.unit.server.asked import submit

if TYPE_CHECKING:
    from core.store.attempts import AttemptStore
    from segue.v1.job_service_pb2_grpc import JobServiceAsyncStub

VIDEO = Clip(video_url="https://example.com/a.mp4")
NOBODY = "01a1f94a-81cf-7e89-b2e4-39c4bca619b8"


def composition(*job_ids: str, request_id: str = "") -> pb.SubmitJobRequest:
    """Return a request for a composition of a video and jobs."""
    clips = [VIDEO, *(Clip(job_id=job_id) for job_id in job_ids)]
    return pb.SubmitJobRequest(spec=JobSpec(composition=CompositionSpec(clips=clips)), request_id=request_id)


async def part(jobs: JobServiceAsyncStub) -> str:
    """Submit a transition, and return its id."""
    return (await jobs.SubmitJob(submit())).job.id


async def test_a_composition_waits_for_its_clips(jobs: JobServiceAsyncStub, worker: AttemptStore) -> None:
    first, second = await part(jobs), await part(jobs)

    job = (await jobs.SubmitJob(composition(first, second))).job
    assert (job.state, job.awaited_job_count) == (job_pb2.JOB_STATE_HELD, 2)
    await ended(worker)
    await ended(worker)

    job = (await jobs.GetJob(pb.GetJobRequest(job_id=job.id))).job
    assert (job.state, job.awaited_job_count) == (job_pb2.JOB_STATE_PENDING, 0)


async def test_each_clip_that_names_no_job_is_told(jobs: JobServiceAsyncStub) -> None:
    refusal = await refused(jobs.SubmitJob(composition(NOBODY, await part(jobs), NOBODY)))

    assert refusal.code is grpc.StatusCode.INVALID_ARGUMENT
    assert refusal.reason == "INVALID_REQUEST"
    assert refusal.paths == ["spec.composition.clips[1].job_id", "spec.composition.clips[3].job_id"]


async def test_a_mere_validation_tells_it_too(jobs: JobServiceAsyncStub) -> None:
    request = composition(NOBODY)
    request.validate_only = True

    refusal = await refused(jobs.SubmitJob(request))

    assert refusal.code is grpc.StatusCode.INVALID_ARGUMENT


async def test_a_repeated_request_is_answered_though_its_clip_is_forgotten(
    jobs: JobServiceAsyncStub, worker: AttemptStore
) -> None:
    clip = await part(jobs)
    await ended(worker)
    first = await jobs.SubmitJob(composition(clip, request_id="r"))
    await jobs.DeleteJob(pb.DeleteJobRequest(job_id=clip))

    again = await jobs.SubmitJob(composition(clip, request_id="r"))

    assert (again.job.id, again.deduplicated) == (first.job.id, True)


async def test_a_batch_is_refused_as_a_whole_with_the_path(jobs: JobServiceAsyncStub) -> None:
    request = pb.BatchSubmitRequest(jobs=[submit(), composition(NOBODY)])

    refusal = await refused(jobs.BatchSubmit(request))

    assert refusal.paths == ["jobs[1].spec.composition.clips[1].job_id"]
    assert not (await jobs.ListJobs(pb.ListJobsRequest())).jobs


async def test_a_batch_that_may_be_accepted_in_part_is_accepted_without_it(jobs: JobServiceAsyncStub) -> None:
    known = await part(jobs)
    wrong = submit()
    wrong.spec.transition.ClearField("front_image_url")
    items = [composition(NOBODY), wrong, composition(known), submit()]

    answer = await jobs.BatchSubmit(pb.BatchSubmitRequest(jobs=items, allow_partial_success=True))

    assert set(answer.failures) == {0, 1}
    assert [job.awaited_job_count for job in answer.jobs] == [1, 0]
    assert answer.batch.job_count == 2


async def test_a_batch_of_nothing_else_is_refused(jobs: JobServiceAsyncStub) -> None:
    request = pb.BatchSubmitRequest(jobs=[composition(NOBODY), composition(NOBODY)], allow_partial_success=True)

    refusal = await refused(jobs.BatchSubmit(request))

    assert refusal.code is grpc.StatusCode.INVALID_ARGUMENT
    assert len(refusal.paths) == 2
