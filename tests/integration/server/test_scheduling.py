"""When jobs start: schedules, deadlines of starting, pauses."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from grpc import StatusCode

from segue.v1 import job_pb2, spec_pb2
from segue.v1 import job_service_pb2 as pb
from segue.v1 import system_service_pb2 as system_pb
from tests.integration.server import life
from tests.integration.server.answers import refused
from tests.unit.server.asked import submit, submit_model

if TYPE_CHECKING:
    from core.store.attempts import AttemptStore
    from segue.v1.job_service_pb2_grpc import JobServiceAsyncStub
    from segue.v1.system_service_pb2_grpc import SystemServiceAsyncStub

Scope = system_pb.SchedulingScope


def scheduled(ahead: timedelta) -> pb.SubmitJobRequest:
    request = submit()
    request.schedule_time.FromDatetime(datetime.now(UTC) + ahead)
    return request


async def test_a_scheduled_job_waits_outside_the_queue(jobs: JobServiceAsyncStub, worker: AttemptStore) -> None:
    job = (await jobs.SubmitJob(scheduled(timedelta(hours=1)))).job
    await worker.sweep()
    read = (await jobs.GetJob(pb.GetJobRequest(job_id=job.id))).job

    assert job.state == job_pb2.JOB_STATE_PENDING
    assert read == job
    assert not read.HasField("queue_position")
    assert await life.claim(worker) is None


async def test_a_scheduled_job_starts_when_its_time_has_come_and_not_before(
    jobs: JobServiceAsyncStub, worker: AttemptStore
) -> None:
    request = scheduled(timedelta(seconds=1))
    job = (await jobs.SubmitJob(request)).job

    async with asyncio.timeout(30):
        while (claimed := await life.claim(worker)) is None:
            await worker.sweep()

    assert claimed.id == job.id
    assert claimed.start_time is not None
    assert claimed.start_time >= request.schedule_time.ToDatetime(UTC)


@pytest.mark.parametrize("ahead", [timedelta(seconds=-1), timedelta(days=-365 * 56)])
async def test_a_time_that_has_passed_is_now(jobs: JobServiceAsyncStub, worker: AttemptStore, ahead: timedelta) -> None:
    job_id = (await jobs.SubmitJob(scheduled(ahead))).job.id

    assert (await life.claimed(worker)).id == job_id


async def test_a_job_that_is_not_started_in_time_fails(jobs: JobServiceAsyncStub, worker: AttemptStore) -> None:
    request = submit()
    request.expire_if_not_started_after.FromMilliseconds(50)
    accepted = (await jobs.SubmitJob(request)).job
    allowed = accepted.start_deadline.ToDatetime() - accepted.create_time.ToDatetime()
    assert allowed == timedelta(milliseconds=50)

    async with asyncio.timeout(30):
        job = accepted
        while job.state == job_pb2.JOB_STATE_PENDING:
            await worker.sweep()
            job = (await jobs.GetJob(pb.GetJobRequest(job_id=accepted.id))).job

    assert (job.state, job.error.reason, len(job.generations)) == (job_pb2.JOB_STATE_FAILED, "TIME_LIMIT", 0)
    assert await life.claim(worker) is None


async def test_items_of_a_batch_are_scheduled_alike(jobs: JobServiceAsyncStub, worker: AttemptStore) -> None:
    later = scheduled(timedelta(hours=1))
    later.expire_if_not_started_after.FromSeconds(60)

    scheduled_job, now = (await jobs.BatchSubmit(pb.BatchSubmitRequest(jobs=[later, submit()]))).jobs

    deadline = scheduled_job.start_deadline.ToDatetime() - scheduled_job.schedule_time.ToDatetime()
    assert abs(deadline - timedelta(minutes=1)) <= timedelta(milliseconds=1)
    assert (await life.claimed(worker)).id == now.id
    assert await life.claim(worker) is None


async def test_wrong_times_are_refused_with_their_paths(jobs: JobServiceAsyncStub) -> None:
    wrong = scheduled(timedelta(days=366))
    wrong.expire_if_not_started_after.FromSeconds(0)

    one = await refused(jobs.SubmitJob(wrong))
    batch = await refused(jobs.BatchSubmit(pb.BatchSubmitRequest(jobs=[submit(), wrong])))

    assert (one.code, one.paths) == (*(StatusCode.INVALID_ARGUMENT, ["schedule_time", "expire_if_not_started_after"]),)
    assert batch.paths == ["jobs[1].schedule_time", "jobs[1].expire_if_not_started_after"]


@pytest.mark.parametrize(
    "scope",
    [Scope(everything=True), Scope(tenant=True), Scope(kind=spec_pb2.JOB_KIND_TRANSITION)],
    ids=["everything", "tenant", "kind"],
)
async def test_what_is_paused_starts_nothing_until_it_is_resumed(
    jobs: JobServiceAsyncStub, system: SystemServiceAsyncStub, worker: AttemptStore, scope: system_pb.SchedulingScope
) -> None:
    paused = (await system.PauseScheduling(system_pb.PauseSchedulingRequest(scope=scope))).pauses
    again = (await system.PauseScheduling(system_pb.PauseSchedulingRequest(scope=scope))).pauses
    job_id = (await jobs.SubmitJob(submit())).job.id
    assert await life.claim(worker) is None

    resumed = await system.ResumeScheduling(system_pb.ResumeSchedulingRequest(scope=scope))

    assert [pause.scope for pause in paused] == [scope]
    assert again == paused
    assert not resumed.pauses
    assert (await life.claimed(worker)).id == job_id


async def test_a_paused_kind_leaves_the_others_alone(
    jobs: JobServiceAsyncStub, system: SystemServiceAsyncStub, worker: AttemptStore
) -> None:
    await system.PauseScheduling(system_pb.PauseSchedulingRequest(scope=Scope(kind=spec_pb2.JOB_KIND_TRANSITION)))
    await jobs.SubmitJob(submit())
    model = (await jobs.SubmitJob(submit_model())).job.id

    assert (await life.claimed(worker)).id == model
    assert await life.claim(worker) is None


async def test_resuming_what_is_not_paused_is_well(system: SystemServiceAsyncStub) -> None:
    request = system_pb.ResumeSchedulingRequest(scope=Scope(tenant=True))

    assert not (await system.ResumeScheduling(request)).pauses


@pytest.mark.parametrize(
    ("scope", "path"),
    [
        (Scope(), "scope"),
        (Scope(everything=False), "scope.everything"),
        (Scope(tenant=False), "scope.tenant"),
        (Scope(kind=spec_pb2.JOB_KIND_UNSPECIFIED), "scope.kind"),
        (Scope.FromString(b"\x18\x63"), "scope.kind"),
    ],
    ids=["none", "not everything", "not the tenant", "no kind", "unknown kind"],
)
async def test_a_wrong_scope_is_refused(
    system: SystemServiceAsyncStub, scope: system_pb.SchedulingScope, path: str
) -> None:
    for call in (
        system.PauseScheduling(system_pb.PauseSchedulingRequest(scope=scope)),
        system.ResumeScheduling(system_pb.ResumeSchedulingRequest(scope=scope)),
    ):
        refusal = await refused(call)
        assert (refusal.code, refusal.paths) == (StatusCode.INVALID_ARGUMENT, [path])
    assert not (await system.GetStats(system_pb.GetStatsRequest())).pauses
