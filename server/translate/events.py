"""What happens to a job as its watchers see it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from core.events.event import LogWritten, ProgressMade, StateChanged
from core.events.feed import BatchEvent, BatchSnapshot, Quiet, Snapshot
from segue.v1 import event_pb2, job_pb2, job_service_pb2
from server.translate.enums import STATE_TO_PROTO
from server.translate.jobs import batch_to_proto, duration_to_proto, job_to_proto, progress_to_proto, timestamp_to_proto

if TYPE_CHECKING:
    from datetime import timedelta

    from core.events.event import Event
    from core.job import BatchId, JobId


def watched_to_proto(job_id: JobId, item: Snapshot | Event | Quiet) -> job_service_pb2.WatchJobResponse:
    """Return what the domain's follower has told, as a message of the stream."""
    if isinstance(item, Snapshot):
        snapshot = event_pb2.Snapshot(job=job_to_proto(item.job), history_truncated=item.history_truncated)
        return _message(job_id, item.job.sequence, datetime.now(UTC), snapshot=snapshot)
    if isinstance(item, Quiet):
        return _message(job_id, item.sequence, datetime.now(UTC), heartbeat=event_pb2.Heartbeat())
    return _event_to_proto(job_id, item)


def draining_to_proto(job_id: JobId, sequence: int, reconnect_delay: timedelta) -> job_service_pb2.WatchJobResponse:
    """Return the last message of a stream that goes on elsewhere."""
    draining = event_pb2.Draining(reconnect_delay=duration_to_proto(reconnect_delay))
    return _message(job_id, sequence, datetime.now(UTC), draining=draining)


def batch_watched_to_proto(
    batch_id: BatchId, item: BatchSnapshot | BatchEvent | Quiet
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
        jobs = (job_to_proto(job, with_spec=False) for job in item.jobs)
        message.snapshot.CopyFrom(event_pb2.BatchSnapshot(jobs=jobs, history_truncated=item.history_truncated))
    elif item.event is not None:
        message.job_event.CopyFrom(_event_to_proto(item.job_id, item.event))
    return message


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


def _event_to_proto(job_id: JobId, event: Event) -> job_service_pb2.WatchJobResponse:
    match event:
        case StateChanged():
            change = event_pb2.StateChange(
                from_state=STATE_TO_PROTO[event.from_state] if event.from_state else job_pb2.JOB_STATE_UNSPECIFIED,
                to_state=STATE_TO_PROTO[event.to_state],
                job=job_to_proto(event.job, with_spec=False),
            )
            return _message(job_id, event.sequence, event.time, state_change=change)
        case ProgressMade():
            return _message(job_id, event.sequence, event.time, progress=progress_to_proto(event.progress))
        case LogWritten():
            return _message(job_id, event.sequence, event.time, log=event_pb2.Log(text=event.text))
        case _:
            raise TypeError(f"no message for {type(event).__name__}")


def _message(
    job_id: JobId,
    sequence: int,
    when: datetime,
    *,
    snapshot: event_pb2.Snapshot | None = None,
    state_change: event_pb2.StateChange | None = None,
    progress: job_pb2.Progress | None = None,
    log: event_pb2.Log | None = None,
    heartbeat: event_pb2.Heartbeat | None = None,
    draining: event_pb2.Draining | None = None,
) -> job_service_pb2.WatchJobResponse:
    return job_service_pb2.WatchJobResponse(
        job_id=job_id,
        sequence=sequence,
        event_time=timestamp_to_proto(when),
        snapshot=snapshot,
        state_change=state_change,
        progress=progress,
        log=log,
        heartbeat=heartbeat,
        draining=draining,
    )
