from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from google.protobuf.duration_pb2 import Duration
from grpc import StatusCode, aio
from redis.asyncio import Redis

from segue.v1 import job_pb2
from segue.v1 import job_service_pb2 as pb
from segue.v1.job_service_pb2_grpc import JobServiceStub
from tests.integration.server import life
from tests.integration.server.answers import refused
from tests.integration.server.conftest import running
from tests.unit.server.asked import submit

if TYPE_CHECKING:
    from core.store.attempts import AttemptStore
    from segue.v1.job_service_pb2_grpc import JobServiceAsyncStub
    from server.settings import Settings


def wait(job_id: str, seconds: float) -> pb.WaitJobRequest:
    timeout = Duration()
    timeout.FromTimedelta(timedelta(seconds=seconds))
    return pb.WaitJobRequest(job_id=job_id, timeout=timeout)


async def listening(redis_url: str) -> None:
    """Return when somebody follows a job."""
    async with Redis.from_url(redis_url) as redis, asyncio.timeout(30):
        while not await redis.pubsub_channels():
            await asyncio.sleep(0.01)


async def test_a_wait_ends_with_the_job(jobs: JobServiceAsyncStub, worker: AttemptStore, clean_redis_url: str) -> None:
    job_id = (await jobs.SubmitJob(submit())).job.id
    waiting = asyncio.ensure_future(jobs.WaitJob(wait(job_id, 600)))
    await listening(clean_redis_url)

    await life.ended(worker)
    async with asyncio.timeout(30):
        job = (await waiting).job

    assert job.state == job_pb2.JOB_STATE_SUCCEEDED
    assert job.spec == submit().spec


async def test_a_wait_for_a_job_that_has_ended_returns_at_once(jobs: JobServiceAsyncStub) -> None:
    job_id = (await jobs.SubmitJob(submit())).job.id
    await jobs.CancelJob(pb.CancelJobRequest(job_id=job_id))

    async with asyncio.timeout(30):
        job = (await jobs.WaitJob(wait(job_id, 600))).job

    assert job.state == job_pb2.JOB_STATE_CANCELLED


async def test_a_wait_returns_the_job_as_it_stands_when_its_time_is_over(jobs: JobServiceAsyncStub) -> None:
    job_id = (await jobs.SubmitJob(submit())).job.id
    began = time.monotonic()

    job = (await jobs.WaitJob(wait(job_id, 0.3))).job

    assert time.monotonic() - began >= 0.3
    assert (job.id, job.state) == (job_id, job_pb2.JOB_STATE_PENDING)
    assert job.HasField("queue_position")


async def test_a_wait_of_nothing_looks_only(jobs: JobServiceAsyncStub) -> None:
    job_id = (await jobs.SubmitJob(submit())).job.id

    assert (await jobs.WaitJob(wait(job_id, 0))).job == (await jobs.GetJob(pb.GetJobRequest(job_id=job_id))).job


@pytest.mark.parametrize("seconds", [0, 60])
async def test_a_wait_for_nothing_is_not_found(jobs: JobServiceAsyncStub, seconds: float) -> None:
    refusal = await refused(jobs.WaitJob(wait("nobody", seconds)))

    assert (refusal.code, refusal.reason) == (StatusCode.NOT_FOUND, "JOB_NOT_FOUND")


async def test_a_wait_may_last_ten_minutes(jobs: JobServiceAsyncStub) -> None:
    refusal = await refused(jobs.WaitJob(wait("", 600.1)))

    assert (refusal.code, refusal.paths) == (StatusCode.INVALID_ARGUMENT, ["job_id", "timeout"])


async def test_a_stopping_server_sends_those_who_wait_elsewhere(settings: Settings, clean_redis_url: str) -> None:
    async with running(settings) as server:
        channel = aio.insecure_channel(server.address)
        jobs: JobServiceAsyncStub = JobServiceStub(channel)
        job_id = (await jobs.SubmitJob(submit())).job.id
        waiting = asyncio.create_task(refused(jobs.WaitJob(wait(job_id, 600))))
        await listening(clean_redis_url)
    refusal = await waiting
    await channel.close()

    assert (refusal.code, refusal.reason) == (StatusCode.UNAVAILABLE, "DRAINING")
    assert refusal.retry_after is not None
