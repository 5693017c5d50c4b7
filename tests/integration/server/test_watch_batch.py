from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from grpc import StatusCode, aio

from core.job import Progress
from core.store.attempts import AttemptKey, Outcome
from segue.v1 import job_pb2
from segue.v1 import job_service_pb2 as pb
from segue.v1.job_service_pb2_grpc import JobServiceStub
from tests.integration.server import life
from tests.integration.server.answers import watched
from tests.integration.server.conftest import running
from tests.unit.server.asked import submit

if TYPE_CHECKING:
    from core.store.attempts import AttemptStore
    from segue.v1.job_service_pb2_grpc import JobServiceAsyncStub
    from server.settings import Settings


async def submitted(jobs: JobServiceAsyncStub, count: int) -> str:
    return (await jobs.BatchSubmit(pb.BatchSubmitRequest(jobs=[submit()] * count))).batch.id


async def lead(worker: AttemptStore) -> str:
    """Lead the next job through its life, which has four events after its acceptance."""
    job = await life.claimed(worker)
    key = AttemptKey(job.tenant, job.id, job.attempt)
    await worker.report(key, Progress(fraction=0.5, stage="generating"), ["a line"])
    await worker.finish(key, Outcome.SUCCEEDED)
    return job.id


async def test_a_watch_of_a_batch_shows_all_its_jobs_to_the_end_of_the_last(
    jobs: JobServiceAsyncStub, worker: AttemptStore
) -> None:
    batch_id = await submitted(jobs, 2)
    stream = aiter(jobs.WatchBatch(pb.WatchBatchRequest(batch_id=batch_id)))
    first = await anext(stream)
    ids = [await lead(worker), await lead(worker)]

    rest, refusal = await watched(stream)

    assert refusal is None
    assert [job.id for job in first.snapshot.jobs] == ids
    assert not any(job.HasField("spec") for job in first.snapshot.jobs)
    assert [message.sequence - first.sequence for message in rest] == list(range(1, 9))
    assert [message.job_event.job_id for message in rest] == [ids[0]] * 4 + [ids[1]] * 4
    assert [message.job_event.sequence for message in rest] == [2, 3, 4, 5] * 2
    assert [message.batch.fraction for message in rest] == [0, 0.25, 0.25, 0.5, 0.5, 0.75, 0.75, 1]
    assert rest[-1].job_event.state_change.to_state == job_pb2.JOB_STATE_SUCCEEDED
    assert rest[-1].batch == (await jobs.GetBatch(pb.GetBatchRequest(batch_id=batch_id))).batch
    assert {message.batch_id for message in [first, *rest]} == {batch_id}
    assert all(message.HasField("event_time") for message in [first, *rest])


@pytest.mark.parametrize("received", [0, 1, 4, 7, 8])
async def test_a_watch_of_a_batch_goes_on_after_a_sequence(
    jobs: JobServiceAsyncStub, worker: AttemptStore, received: int
) -> None:
    batch_id = await submitted(jobs, 2)
    snapshot = await anext(aiter(jobs.WatchBatch(pb.WatchBatchRequest(batch_id=batch_id))))
    await lead(worker)
    await lead(worker)

    after = snapshot.sequence + received
    messages, refusal = await watched(jobs.WatchBatch(pb.WatchBatchRequest(batch_id=batch_id, after_sequence=after)))

    assert refusal is None
    assert [message.sequence for message in messages] == list(range(after + 1, snapshot.sequence + 9))
    assert all(message.HasField("job_event") for message in messages)


async def test_a_batch_of_a_thousand_is_watched_while_it_is_cancelled(jobs: JobServiceAsyncStub) -> None:
    batch_id = await submitted(jobs, 1000)
    stream = aiter(jobs.WatchBatch(pb.WatchBatchRequest(batch_id=batch_id)))
    first = await anext(stream)
    cancelling = asyncio.create_task(_cancel(jobs, batch_id))

    rest, refusal = await watched(stream)
    await cancelling

    assert refusal is None
    assert len(first.snapshot.jobs) == 1000
    assert [message.sequence - first.sequence for message in rest] == list(range(1, 1001))
    assert len({message.job_event.job_id for message in rest}) == 1000


async def _cancel(jobs: JobServiceAsyncStub, batch_id: str) -> None:
    await jobs.CancelBatch(pb.CancelBatchRequest(batch_id=batch_id))


async def test_a_watch_of_an_ended_batch_is_a_snapshot_and_ok(jobs: JobServiceAsyncStub, worker: AttemptStore) -> None:
    batch_id = await submitted(jobs, 1)
    await lead(worker)

    (only,), refusal = await watched(jobs.WatchBatch(pb.WatchBatchRequest(batch_id=batch_id)))

    assert refusal is None
    assert (only.batch.fraction, only.snapshot.history_truncated) == (1, False)


async def test_a_sequence_that_the_batch_never_reached_gives_a_marked_snapshot(
    jobs: JobServiceAsyncStub, worker: AttemptStore
) -> None:
    batch_id = await submitted(jobs, 1)
    await lead(worker)

    (only,), refusal = await watched(jobs.WatchBatch(pb.WatchBatchRequest(batch_id=batch_id, after_sequence=99)))

    assert refusal is None
    assert only.snapshot.history_truncated


async def test_a_watch_of_no_batch_is_not_found(jobs: JobServiceAsyncStub) -> None:
    messages, refusal = await watched(jobs.WatchBatch(pb.WatchBatchRequest(batch_id="nothing")))

    assert not messages
    assert refusal is not None
    assert (refusal.code, refusal.reason, refusal.resource) == (StatusCode.NOT_FOUND, "BATCH_NOT_FOUND", "nothing")


async def test_a_wrong_watch_of_a_batch_names_its_faults(jobs: JobServiceAsyncStub) -> None:
    request = pb.WatchBatchRequest(after_sequence=-1)
    request.heartbeat_interval.FromSeconds(1)

    _, refusal = await watched(jobs.WatchBatch(request))

    assert refusal is not None
    assert (refusal.code, refusal.paths) == (
        *(StatusCode.INVALID_ARGUMENT, ["batch_id", "after_sequence", "heartbeat_interval"]),
    )


async def test_a_stopping_server_sends_the_watchers_of_batches_elsewhere(settings: Settings) -> None:
    async with running(settings) as server:
        channel = aio.insecure_channel(server.address)
        jobs: JobServiceAsyncStub = JobServiceStub(channel)
        batch_id = await submitted(jobs, 1)
        stream = aiter(jobs.WatchBatch(pb.WatchBatchRequest(batch_id=batch_id)))
        first = await anext(stream)
        watching = asyncio.create_task(watched(stream))
        await asyncio.sleep(0)
    async with asyncio.timeout(30):
        (last,), refusal = await watching
    await channel.close()

    assert (last.WhichOneof("event"), last.sequence, last.batch_id) == ("draining", first.sequence, batch_id)
    assert refusal is not None
    assert (refusal.code, refusal.reason) == (StatusCode.UNAVAILABLE, "DRAINING")
