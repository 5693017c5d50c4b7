"""What happens to jobs, as their watchers see it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from core.events.event import LogWritten, ProgressMade, StateChanged
from core.events.feed import BatchEvent, BatchSnapshot, JobsSnapshot, Quiet, Snapshot, TenantEvent
from segue.v1 import event_pb2, job_pb2, job_service_pb2
from server.translate.enums import STATE_TO_PROTO
from server.translate.jobs import (
    batch_to_proto,
    duration_to_proto,
    fill_job,
    fill_progress,
    fill_timestamp,
    timestamp_to_proto,
)

if TYPE_CHECKING:
    from datetime import timedelta

    from core.events.event import Event
    from core.job import BatchId, JobId


def watched_to_proto(
    job_id: JobId, item: Snapshot | Event | Quiet, *, with_logs: bool = True
) -> job_service_pb2.WatchJobResponse:
    """Return what the domain's follower has told, as a message of the stream."""
    message = job_service_pb2.WatchJobResponse(job_id=job_id, sequence=item.sequence)
    fill_timestamp(message.event_time, datetime.now(UTC) if isinstance(item, Snapshot | Quiet) else item.time)
    match item:
        case ProgressMade():
            fill_progress(message.progress, item.progress)
        case LogWritten():
            message.log.text = item.text if with_logs else ""
            message.log.SetInParent()
        case StateChanged():
            message.state_change.from_state = (
                STATE_TO_PROTO[item.from_state] if item.from_state else job_pb2.JOB_STATE_UNSPECIFIED
            )
            message.state_change.to_state = STATE_TO_PROTO[item.to_state]
            fill_job(message.state_change.job, item.job, with_spec=False)
        case Snapshot():
            fill_job(message.snapshot.job, item.job, with_spec=True)
            message.snapshot.history_truncated = item.history_truncated
        case Quiet():
            message.heartbeat.SetInParent()
        case _:
            raise TypeError(f"no message for {type(item).__name__}")
    return message


def draining_to_proto(job_id: JobId, sequence: int, reconnect_delay: timedelta) -> job_service_pb2.WatchJobResponse:
    """Return the last message of a stream that goes on elsewhere."""
    return job_service_pb2.WatchJobResponse(
        job_id=job_id,
        sequence=sequence,
        event_time=timestamp_to_proto(datetime.now(UTC)),
        draining=event_pb2.Draining(reconnect_delay=duration_to_proto(reconnect_delay)),
    )


def batch_watched_to_proto(
    batch_id: BatchId, item: BatchSnapshot | BatchEvent | Quiet, *, with_logs: bool = True
) -> job_service_pb2.WatchBatchResponse:
    """Return what the domain's follower has told of a batch, as a message of the stream."""
    message = job_service_pb2.WatchBatchResponse(
        batch_id=batch_id,
        sequence=item.sequence,
        event_time=timestamp_to_proto(item.time if isinstance(item, BatchEvent) else datetime.now(UTC)),
    )
    if isinstance(item, Quiet):
        message.heartbeat.SetInParent()
        return message
    message.batch.CopyFrom(batch_to_proto(item.batch))
    if isinstance(item, BatchSnapshot):
        for job in item.jobs:
            fill_job(message.snapshot.jobs.add(), job, with_spec=False)
        message.snapshot.history_truncated = item.history_truncated
        message.snapshot.SetInParent()
    elif item.event is not None:
        message.job_event.CopyFrom(watched_to_proto(item.job_id, item.event, with_logs=with_logs))
    return message


def jobs_watched_to_proto(item: JobsSnapshot | TenantEvent | Quiet) -> job_service_pb2.WatchJobsResponse:
    """Return what the domain's follower has told of many jobs, as a message of the stream."""
    message = job_service_pb2.WatchJobsResponse(
        sequence=item.sequence,
        event_time=timestamp_to_proto(item.time if isinstance(item, TenantEvent) else datetime.now(UTC)),
    )
    if isinstance(item, Quiet):
        message.heartbeat.SetInParent()
    elif isinstance(item, JobsSnapshot):
        for job in item.jobs:
            fill_job(message.snapshot.jobs.add(), job, with_spec=False)
        message.snapshot.history_truncated = item.history_truncated
        message.snapshot.SetInParent()
    elif item.event is not None:
        message.job_event.CopyFrom(watched_to_proto(item.job_id, item.event))
    return message


def jobs_draining_to_proto(sequence: int, reconnect_delay: timedelta) -> job_service_pb2.WatchJobsResponse:
    """Return the last message of a stream that goes on elsewhere."""
    return job_service_pb2.WatchJobsResponse(
        sequence=sequence,
        event_time=timestamp_to_proto(datetime.now(UTC)),
        draining=event_pb2.Draining(reconnect_delay=duration_to_proto(reconnect_delay)),
    )


def batch_draining_to_proto(
    batch_id: BatchId, sequence: int, reconnect_delay: timedelta
) -> job_service_pb2.WatchBatchResponse:
    """Return the last message of a stream that goes on elsewhere."""
    return job_service_pb2.WatchBatchResponse(
        batch_id=batch_id,
        sequence=sequence,
        event_time=timestamp_to_proto(datetime.now(UTC)),
        draining=event_pb2.Draining(reconnect_delay=duration_to_proto(reconnect_delay)),
    )
