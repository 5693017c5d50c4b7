from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from grpc import StatusCode, aio

from core.job import JobId, Progress
from core.store.attempts import AttemptKey, Outcome
from segue.v1 import job_pb2
from segue.v1 import job_service_pb2 as pb
from segue.v1.job_service_pb2_grpc import JobServiceStub
from tests.integration.server.answers import watched
from tests.integration.server.conftest import running
from tests.integration.server.life import claimed
from tests.quickest import quickest
from tests.unit.server.asked import submit

if TYPE_CHECKING:
    from core.store.attempts import AttemptStore
    from segue.v1.job_service_pb2_grpc import JobServiceAsyncStub
    from server.settings import Settings

RESULT = job_pb2.JobResult(artifacts=[job_pb2.Artifact(url="https://v3.fal.media/v.mp4")])


async def finished(jobs: JobServiceAsyncStub, worker: AttemptStore) -> JobId:
    """Lead a job through its life, which has five events."""
    await jobs.SubmitJob(submit())
    job = await claimed(worker)
    key = AttemptKey(job.tenant, job.id, job.attempt)
    await worker.report(key, Progress(fraction=0.5, stage="generating"), ["a line"])
    await worker.finish(key, Outcome.SUCCEEDED, result=RESULT.SerializeToString())
    return job.id


async def test_a_watch_shows_a_job_from_its_snapshot_to_its_end(
    jobs: JobServiceAsyncStub, worker: AttemptStore
) -> None:
    job_id = (await jobs.SubmitJob(submit())).job.id
    stream = aiter(jobs.WatchJob(pb.WatchJobRequest(job_id=job_id)))
    first = await anext(stream)
    job = await claimed(worker)
    key = AttemptKey(job.tenant, job.id, job.attempt)
    await worker.report(key, Progress(fraction=0.5, stage="generating"), ["a line"])
    await worker.finish(key, Outcome.SUCCEEDED, result=RESULT.SerializeToString())

    rest, refusal = await watched(stream)

    assert refusal is None
    assert first.snapshot.job.spec == submit().spec
    assert [message.sequence for message in [first, *rest]] == [1, 2, 3, 4, 5]
    assert sorted(message.WhichOneof("event") for message in rest[1:3]) == ["log", "progress"]
    assert rest[0].state_change.to_state == job_pb2.JOB_STATE_STARTED
    assert rest[-1].state_change.to_state == job_pb2.JOB_STATE_SUCCEEDED
    assert rest[-1].state_change.job.result == RESULT
    assert {message.job_id for message in rest} == {job_id}
    assert all(message.HasField("event_time") for message in rest)


async def test_a_watch_of_a_waiting_job_ends_ok_when_it_is_cancelled(jobs: JobServiceAsyncStub) -> None:
    job_id = (await jobs.SubmitJob(submit())).job.id
    stream = aiter(jobs.WatchJob(pb.WatchJobRequest(job_id=job_id)))
    await anext(stream)

    await jobs.CancelJob(pb.CancelJobRequest(job_id=job_id))
    rest, refusal = await watched(stream)

    assert refusal is None
    (last,) = rest
    assert last.state_change.from_state == job_pb2.JOB_STATE_PENDING
    assert last.state_change.to_state == job_pb2.JOB_STATE_CANCELLED


async def test_a_watch_of_a_finished_job_is_a_snapshot_and_ok(jobs: JobServiceAsyncStub, worker: AttemptStore) -> None:
    job_id = await finished(jobs, worker)

    (only,), refusal = await watched(jobs.WatchJob(pb.WatchJobRequest(job_id=job_id)))

    assert refusal is None
    assert (only.sequence, only.snapshot.job.state) == (5, job_pb2.JOB_STATE_SUCCEEDED)


@pytest.mark.parametrize("after", [1, 2, 3, 4, 5])
async def test_a_watch_goes_on_after_a_sequence(jobs: JobServiceAsyncStub, worker: AttemptStore, after: int) -> None:
    job_id = await finished(jobs, worker)

    messages, refusal = await watched(jobs.WatchJob(pb.WatchJobRequest(job_id=job_id, after_sequence=after)))

    assert refusal is None
    assert [message.sequence for message in messages] == list(range(after + 1, 6))
    assert not any(message.HasField("snapshot") for message in messages)


async def test_a_sequence_that_is_no_longer_known_gives_a_marked_snapshot(
    jobs: JobServiceAsyncStub, worker: AttemptStore
) -> None:
    job_id = await finished(jobs, worker)

    (only,), refusal = await watched(jobs.WatchJob(pb.WatchJobRequest(job_id=job_id, after_sequence=99)))

    assert refusal is None
    assert only.snapshot.history_truncated


async def test_two_watchers_get_the_same(jobs: JobServiceAsyncStub) -> None:
    job_id = (await jobs.SubmitJob(submit())).job.id
    streams = [aiter(jobs.WatchJob(pb.WatchJobRequest(job_id=job_id))) for _ in range(2)]
    for stream in streams:
        await anext(stream)

    await jobs.CancelJob(pb.CancelJobRequest(job_id=job_id))
    (one, _), (other, _) = [await watched(stream) for stream in streams]

    assert one == other


async def test_a_watch_of_nothing_is_not_found(jobs: JobServiceAsyncStub) -> None:
    messages, refusal = await watched(jobs.WatchJob(pb.WatchJobRequest(job_id="nobody")))

    assert not messages
    assert refusal is not None
    assert (refusal.code, refusal.reason) == (StatusCode.NOT_FOUND, "JOB_NOT_FOUND")


async def test_a_wrong_watch_names_its_faults(jobs: JobServiceAsyncStub) -> None:
    _, refusal = await watched(jobs.WatchJob(pb.WatchJobRequest(after_sequence=-1)))

    assert refusal is not None
    assert (refusal.code, refusal.paths) == (StatusCode.INVALID_ARGUMENT, ["job_id", "after_sequence"])


async def test_garbage_is_refused_by_streams_too(channel: aio.Channel) -> None:
    call: aio.UnaryStreamMultiCallable[bytes, bytes] = channel.unary_stream("/segue.v1.JobService/WatchJob")

    _, refusal = await watched(call(b"\xff garbage"))

    assert refusal is not None
    assert (refusal.code, refusal.reason) == (StatusCode.INVALID_ARGUMENT, "MALFORMED_REQUEST")


async def test_a_quiet_watch_beats(jobs: JobServiceAsyncStub) -> None:
    job_id = (await jobs.SubmitJob(submit())).job.id
    request = pb.WatchJobRequest(job_id=job_id)
    request.heartbeat_interval.FromSeconds(5)

    async def silence() -> float:
        stream = aiter(jobs.WatchJob(request))
        await anext(stream)
        began = time.monotonic()
        beat = await anext(stream)
        assert (beat.WhichOneof("event"), beat.sequence, beat.job_id) == ("heartbeat", 1, job_id)
        return time.monotonic() - began

    assert await quickest(silence, enough=10) < 14  # less than the 15 s of a watch that does not say


async def test_an_old_watch_is_sent_elsewhere_and_loses_nothing(settings: Settings) -> None:
    old_at_once = settings.model_copy(update={"watch_max_age_seconds": 1e-9})
    async with running(old_at_once) as server, aio.insecure_channel(server.address) as channel:
        jobs: JobServiceAsyncStub = JobServiceStub(channel)
        job_id = (await jobs.SubmitJob(submit())).job.id
        messages, refusal = await watched(jobs.WatchJob(pb.WatchJobRequest(job_id=job_id)))
        await jobs.CancelJob(pb.CancelJobRequest(job_id=job_id))
        rest, refusal_of_rest = await watched(jobs.WatchJob(pb.WatchJobRequest(job_id=job_id, after_sequence=1)))

    assert [message.WhichOneof("event") for message in messages] == ["snapshot", "draining"]
    assert messages[-1].sequence == 1
    assert refusal is not None
    assert (refusal.code, refusal.reason) == (StatusCode.UNAVAILABLE, "DRAINING")
    assert refusal.retry_after == messages[-1].draining.reconnect_delay.ToTimedelta()
    # The final event ends a watch with OK, however old it is.
    assert [message.WhichOneof("event") for message in rest] == ["state_change"]
    assert refusal_of_rest is None


async def test_a_stopping_server_sends_its_watchers_elsewhere(settings: Settings) -> None:
    async with running(settings) as server:
        channel = aio.insecure_channel(server.address)
        jobs: JobServiceAsyncStub = JobServiceStub(channel)
        job_id = (await jobs.SubmitJob(submit())).job.id
        stream = aiter(jobs.WatchJob(pb.WatchJobRequest(job_id=job_id)))
        await anext(stream)
        watching = asyncio.create_task(watched(stream))
        await asyncio.sleep(0)
    async with asyncio.timeout(30):
        (last,), refusal = await watching
    await channel.close()

    assert (last.WhichOneof("event"), last.sequence) == ("draining", 1)
    assert last.draining.reconnect_delay.ToTimedelta() <= timedelta(seconds=0.1)
    assert refusal is not None
    assert (refusal.code, refusal.reason) == (StatusCode.UNAVAILABLE, "DRAINING")
    assert refusal.retry_after is not None


@pytest.mark.parametrize("include_logs", [False, True])
async def test_the_texts_of_logs_are_sent_to_those_who_ask(
    jobs: JobServiceAsyncStub, worker: AttemptStore, include_logs: bool
) -> None:
    job_id = (await jobs.SubmitJob(submit())).job.id
    request = pb.WatchJobRequest(job_id=job_id, include_logs=include_logs)
    live = aiter(jobs.WatchJob(request))
    await anext(live)
    job = await claimed(worker)
    key = AttemptKey(job.tenant, job.id, job.attempt)
    await worker.report(key, None, ["a line", "another"])
    await worker.finish(key, Outcome.SUCCEEDED)

    told, refusal = await watched(live)
    request.after_sequence = 1
    missed, _ = await watched(jobs.WatchJob(request))

    assert refusal is None
    assert told == missed
    assert [message.sequence for message in told] == [2, 3, 4, 5]
    assert all(message.HasField("log") for message in told[1:3])
    assert [message.log.text for message in told[1:3]] == (["a line", "another"] if include_logs else ["", ""])


async def test_with_and_without_logs_watchers_of_one_job_get_each_what_they_asked_for(
    jobs: JobServiceAsyncStub, worker: AttemptStore
) -> None:
    job_id = (await jobs.SubmitJob(submit())).job.id
    streams = [
        aiter(jobs.WatchJob(pb.WatchJobRequest(job_id=job_id, include_logs=include_logs)))
        for include_logs in (False, True, False, True)
    ]
    for stream in streams:
        await anext(stream)
    job = await claimed(worker)
    key = AttemptKey(job.tenant, job.id, job.attempt)
    await worker.report(key, Progress(fraction=0.5), ["a line"])
    await worker.finish(key, Outcome.SUCCEEDED)

    heard = [(await watched(stream))[0] for stream in streams]

    assert heard[0] == heard[2]
    assert heard[1] == heard[3]
    assert [[message.log.text for message in told if message.HasField("log")] for told in heard[:2]] == [
        [""],
        ["a line"],
    ]
