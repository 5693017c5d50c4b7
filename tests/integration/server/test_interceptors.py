from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
import structlog
from grpc import StatusCode, aio
from redis.asyncio import Redis

from core.jobs import Jobs
from segue.v1 import job_service_pb2 as pb
from segue.v1.job_service_pb2_grpc import JobServiceStub
from tests.integration.server.answers import refused, watched
from tests.integration.server.conftest import running
from tests.unit.server.asked import submit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from structlog.typing import EventDict

    from segue.v1.job_service_pb2_grpc import JobServiceAsyncStub
    from server.settings import Settings

SECRET = "the password is swordfish"


@pytest.fixture
def lines() -> Iterator[list[EventDict]]:
    with structlog.testing.capture_logs() as captured:
        yield captured


async def lines_of(lines: list[EventDict], method: str) -> list[EventDict]:
    """Return the lines of the calls of a method, when there are any."""
    async with asyncio.timeout(30):
        while True:
            found = [line for line in lines if line["event"] == "rpc.done" and line["method"].endswith(f"/{method}")]
            if found:
                return found
            await asyncio.sleep(0.01)


async def line_of(lines: list[EventDict], method: str) -> EventDict:
    """Return the line of the one call of a method, when it has come."""
    (line,) = await lines_of(lines, method)
    return line


async def test_an_unexpected_error_tells_the_client_nothing_and_the_log_everything(
    lines: list[EventDict], jobs: JobServiceAsyncStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise RuntimeError(SECRET)

    monkeypatch.setattr(Jobs, "get", fail)

    refusal = await refused(jobs.GetJob(pb.GetJobRequest(job_id="j")))

    assert (refusal.code, refusal.message, refusal.reason) == (StatusCode.INTERNAL, "Internal error.", "INTERNAL")
    (failure,) = [line for line in lines if line["event"] == "rpc.failed"]
    assert failure["incident_id"] == refusal.metadata["incident_id"]
    assert failure["exc_info"]
    assert (await line_of(lines, "GetJob"))["code"] == "INTERNAL"


async def test_an_unexpected_error_in_a_stream_is_answered_alike(
    jobs: JobServiceAsyncStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError(SECRET)

    monkeypatch.setattr(Jobs, "follow", fail)

    _, refusal = await watched(jobs.WatchJob(pb.WatchJobRequest(job_id="j")))

    assert refusal is not None
    assert (refusal.code, refusal.message) == (StatusCode.INTERNAL, "Internal error.")


async def test_every_call_has_one_line_without_its_payload(lines: list[EventDict], jobs: JobServiceAsyncStub) -> None:
    request = submit()
    request.spec.transition.prompt = SECRET

    job_id = (await jobs.SubmitJob(request)).job.id
    await refused(jobs.GetJob(pb.GetJobRequest(job_id="nobody")))

    accepted, missing = await line_of(lines, "SubmitJob"), await line_of(lines, "GetJob")
    assert (accepted["code"], accepted["job_id"], accepted["log_level"]) == ("OK", job_id, "info")
    assert accepted["milliseconds"] > 0
    assert (missing["code"], missing["reason"]) == ("NOT_FOUND", "JOB_NOT_FOUND")
    assert SECRET not in str(lines)


async def test_a_client_that_leaves_a_watch_frees_what_it_held(
    lines: list[EventDict], jobs: JobServiceAsyncStub, clean_redis_url: str
) -> None:
    job_id = (await jobs.SubmitJob(submit())).job.id
    call = jobs.WatchJob(pb.WatchJobRequest(job_id=job_id))
    await call.read()
    async with Redis.from_url(clean_redis_url) as redis, asyncio.timeout(30):
        # Where Redis is slow to confirm the subscription, the snapshot comes before it.
        while not (channels := await redis.pubsub_channels()):
            await asyncio.sleep(0.01)
        assert len(channels) == 1

        call.cancel()

        while await redis.pubsub_channels():
            await asyncio.sleep(0.01)
    assert (await line_of(lines, "WatchJob"))["code"] == "CANCELLED"


async def test_a_deadline_ends_the_watch_and_not_the_job(lines: list[EventDict], jobs: JobServiceAsyncStub) -> None:
    job_id = (await jobs.SubmitJob(submit())).job.id

    # A deadline within which a busy machine did not even get to the snapshot shows nothing; then a longer one does.
    for deadline in (0.3, 3, 12):
        messages, refusal = await watched(jobs.WatchJob(pb.WatchJobRequest(job_id=job_id), timeout=deadline))
        assert refusal is not None
        assert refusal.code is StatusCode.DEADLINE_EXCEEDED
        if messages:
            break

    assert len(messages) == 1
    assert {line["code"] for line in await lines_of(lines, "WatchJob")} == {"CANCELLED"}
    assert (await jobs.GetJob(pb.GetJobRequest(job_id=job_id))).job.sequence == 1


async def test_a_burst_of_watches_is_served_and_not_refused(settings: Settings) -> None:
    # gRPC must not refuse them; that a busy machine's Redis takes its time for all at once is another matter.
    patient = settings.model_copy(update={"redis_timeout_seconds": 60})
    async with running(patient) as server, aio.insecure_channel(server.address) as channel:
        jobs: JobServiceAsyncStub = JobServiceStub(channel)
        job_id = (await jobs.SubmitJob(submit())).job.id

        calls = [jobs.WatchJob(pb.WatchJobRequest(job_id=job_id)) for _ in range(900)]
        firsts = await asyncio.gather(*(call.read() for call in calls))

        assert all(isinstance(first, pb.WatchJobResponse) and first.HasField("snapshot") for first in firsts)
        await jobs.CancelJob(pb.CancelJobRequest(job_id=job_id))
        assert {await call.code() for call in calls if await drained(call)} == {StatusCode.OK}


async def drained(call: aio.UnaryStreamCall[pb.WatchJobRequest, pb.WatchJobResponse]) -> bool:
    """Read a watch to its end."""
    while await call.read() is not aio.EOF:
        pass
    return True
