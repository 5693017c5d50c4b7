"""Watches of batches, and of many jobs; what all watches have in common is told in test_client_watch.py."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from segue import errors
from segue.v1 import event_pb2, job_pb2
from segue.v1.job_service_pb2 import WatchBatchResponse, WatchJobsResponse
from tests.integration.client.scripted_server import HANG, JOB_ID, progress, refusal, snapshot, success

if TYPE_CHECKING:
    from tests.integration.client.conftest import Face
    from tests.integration.client.scripted_server import ScriptedJobs

UNAVAILABLE = refusal(grpc.StatusCode.UNAVAILABLE, reason="STORE_UNAVAILABLE")
CANCELLED = refusal(grpc.StatusCode.CANCELLED, "shed")


def batch(*, ended: bool = False) -> job_pb2.Batch:
    return job_pb2.Batch(id="b", job_count=2, end_time=Timestamp(seconds=1) if ended else None)


def batch_event(sequence: int, *, ended: bool = False, omitted: int = 0) -> WatchBatchResponse:
    return WatchBatchResponse(sequence=sequence, batch=batch(ended=ended), job_event=progress(7), omitted_count=omitted)


def batch_snapshot(sequence: int, *, ended: bool = False, truncated: bool = False) -> WatchBatchResponse:
    shown = event_pb2.BatchSnapshot(history_truncated=truncated)
    return WatchBatchResponse(sequence=sequence, batch=batch(ended=ended), snapshot=shown)


def jobs_event(sequence: int) -> WatchJobsResponse:
    return WatchJobsResponse(sequence=sequence, job_event=progress(7))


def jobs_snapshot(sequence: int, *, truncated: bool = False) -> WatchJobsResponse:
    return WatchJobsResponse(sequence=sequence, snapshot=event_pb2.JobsSnapshot(history_truncated=truncated))


def sequences(messages: list[Any]) -> list[int]:
    return [message.sequence for message in messages]


async def test_a_batch_is_watched_to_the_end_of_its_last_job(client: Face, jobs: ScriptedJobs) -> None:
    jobs.will_play(batch_snapshot(1), batch_event(2), batch_event(3, ended=True))

    events = await client.stream("watch_batch", "b")

    assert sequences(events) == [1, 2, 3]
    (request,) = jobs.asked["WatchBatch"]
    assert (request.batch_id, request.after_sequence, request.include_logs) == ("b", 0, False)


@pytest.mark.parametrize("end", [UNAVAILABLE, CANCELLED])
async def test_a_watch_of_a_batch_goes_on_after_the_last_sequence(
    client: Face, jobs: ScriptedJobs, end: object
) -> None:
    jobs.will_play(batch_snapshot(1), batch_event(2), end)
    jobs.will_play(batch_event(2), batch_event(3), batch_event(4, ended=True))

    events = await client.stream("watch_batch", "b", include_logs=True)

    assert sequences(events) == [1, 2, 3, 4]
    assert [(request.after_sequence, request.include_logs) for request in jobs.asked["WatchBatch"]] == [
        (0, True),
        (2, True),
    ]


async def test_an_event_of_a_batch_whose_own_log_is_gone_still_shows_the_batch(
    client: Face, jobs: ScriptedJobs
) -> None:
    jobs.will_play(batch_snapshot(1), WatchBatchResponse(sequence=2, batch=batch()), batch_event(3, ended=True))

    assert sequences(await client.stream("watch_batch", "b")) == [1, 2, 3]


async def test_a_batch_that_had_ended_before_is_its_snapshot(client: Face, jobs: ScriptedJobs) -> None:
    jobs.will_play(batch_snapshot(9, ended=True))

    assert sequences(await client.stream("watch_batch", "b")) == [9]


async def test_a_batch_that_is_none_raises(client: Face, jobs: ScriptedJobs) -> None:
    jobs.will_play(refusal(grpc.StatusCode.NOT_FOUND, reason="BATCH_NOT_FOUND"))

    with pytest.raises(errors.BatchNotFound):
        await client.stream("watch_batch", "b")


async def test_events_that_the_server_left_out_are_not_missing(client: Face, jobs: ScriptedJobs) -> None:
    jobs.will_play(batch_snapshot(1), batch_event(5, omitted=3), batch_event(6, ended=True))

    events = await client.stream("watch_batch", "b")

    assert sequences(events) == [1, 5, 6]
    assert len(jobs.asked["WatchBatch"]) == 1


async def test_more_is_missing_than_was_left_out(client: Face, jobs: ScriptedJobs) -> None:
    late = progress(5)
    late.omitted_count = 2
    jobs.will_play(snapshot(1), late, HANG)
    jobs.will_play(progress(2), progress(3), progress(4), success(5))

    assert sequences(await client.watch(JOB_ID)) == [1, 2, 3, 4, 5]
    assert jobs.resumed_after == [0, 1]


@pytest.mark.parametrize("end", [UNAVAILABLE, CANCELLED, None])
async def test_a_watch_of_many_jobs_goes_on_whatever_ends_its_stream(
    client: Face, jobs: ScriptedJobs, end: object
) -> None:
    jobs.will_play(jobs_snapshot(4), jobs_event(7), *([end] if end else []))
    jobs.will_play(WatchJobsResponse(sequence=30, heartbeat=event_pb2.Heartbeat()), jobs_event(33), UNAVAILABLE)
    jobs.will_play(jobs_event(40), refusal(grpc.StatusCode.PERMISSION_DENIED, reason="NO"))

    with pytest.raises(errors.SegueError):
        await client.stream("watch_jobs", owner="o", labels={"a": "b"})

    requests = jobs.asked["WatchJobs"]
    assert [request.after_sequence for request in requests] == [0, 7, 33]
    assert {(request.owner, request.labels["a"]) for request in requests} == {("o", "b")}


async def test_a_heartbeat_tells_how_far_a_watch_of_many_jobs_is(client: Face, jobs: ScriptedJobs) -> None:
    jobs.will_play(jobs_snapshot(4), WatchJobsResponse(sequence=30, heartbeat=event_pb2.Heartbeat()), UNAVAILABLE)
    jobs.will_play(refusal(grpc.StatusCode.PERMISSION_DENIED, reason="NO"))

    with pytest.raises(errors.SegueError):
        await client.stream("watch_jobs")

    assert [request.after_sequence for request in jobs.asked["WatchJobs"]] == [0, 30]


async def test_a_watch_of_many_jobs_may_begin_before_there_are_any(client: Face, jobs: ScriptedJobs) -> None:
    jobs.will_play(jobs_snapshot(0), UNAVAILABLE)
    jobs.will_play(jobs_snapshot(3), refusal(grpc.StatusCode.PERMISSION_DENIED, reason="NO"))

    with pytest.raises(errors.SegueError):
        await client.stream("watch_jobs")

    assert len(jobs.asked["WatchJobs"]) == 2
