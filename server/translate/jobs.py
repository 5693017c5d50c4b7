"""Jobs and batches as clients see them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from segue.v1 import job_pb2
from server.translate.costs import money_to_proto
from server.translate.enums import (
    ATTEMPT_OUTCOME_TO_PROTO,
    CANCEL_OUTCOME_TO_PROTO,
    GENERATION_STATE_TO_PROTO,
    KIND_TO_PROTO,
    STATE_TO_PROTO,
    UNKNOWN_SUBMISSION_TO_PROTO,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

    from core.job import Attempt, Batch, Generation, Job, JobError, JobState, Progress
    from core.store.jobs import QueuePosition

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def job_to_proto(job: Job, *, position: QueuePosition | None = None, with_spec: bool = True) -> job_pb2.Job:
    """Return a job, without its spec where the domain's job has none or the caller wants none."""
    message = job_pb2.Job(
        id=job.id,
        owner=job.owner,
        batch_id=job.batch_id or "",
        kind=KIND_TO_PROTO[job.kind],
        priority=job.priority,
        state=STATE_TO_PROTO[job.state],
        attempt=job.tries,
        max_attempts=job.max_attempts,
        error=error_to_proto(job.error) if job.error else None,
        generations=map(generation_to_proto, job.generations),
        attempts=map(attempt_to_proto, job.attempts),
        queue_position=position.ahead if position else None,
        estimated_wait=duration_to_proto(position.estimated_wait) if position and position.estimated_wait else None,
        time_limit=duration_to_proto(job.time_limit),
        retention=duration_to_proto(job.retention),
        on_unknown_submission=UNKNOWN_SUBMISSION_TO_PROTO[job.on_unknown_submission],
        request_id=job.request_id,
        create_time=timestamp_to_proto(job.create_time),
        start_time=_timestamp(job.start_time),
        end_time=_timestamp(job.end_time),
        expire_time=_timestamp(job.expire_time),
        next_attempt_time=_timestamp(job.next_attempt_time),
        schedule_time=_timestamp(job.schedule_time),
        start_deadline=_timestamp(job.start_deadline),
        sequence=job.sequence,
        awaited_job_count=job.awaited_job_count,
        template_id=job.template_id,
        estimated_duration=duration_to_proto(job.estimated_duration) if job.estimated_duration is not None else None,
        estimated_cost=money_to_proto(job.estimated_cost) if job.estimated_cost is not None else None,
    )
    fill_progress(message.progress, job.progress)
    # One by one: the constructor, too, takes them through a Python loop, and looks at more than it has to.
    for name, value in job.labels.items():
        message.labels[name] = value
    if job.spec is not None and with_spec:
        message.spec.ParseFromString(job.spec)
    if job.result is not None:
        message.result.ParseFromString(job.result)
    return message


def fill_progress(message: job_pb2.Progress, progress: Progress) -> None:
    """Set how far a job is in place: half of what a message of its own takes that is copied into another."""
    message.SetInParent()
    if progress.fraction is not None:
        message.fraction = progress.fraction
    message.stage = progress.stage
    message.message = progress.message
    if progress.provider_queue_position is not None:
        message.provider_queue_position = progress.provider_queue_position


def error_to_proto(error: JobError) -> job_pb2.JobError:
    """Return why a job failed."""
    return job_pb2.JobError(
        reason=error.reason, message=error.message, retryable=error.retryable, metadata=error.metadata
    )


def generation_to_proto(generation: Generation) -> job_pb2.Generation:
    """Return a row of a job's ledger."""
    outcome = generation.cancel_outcome
    return job_pb2.Generation(
        step=generation.step,
        endpoint=generation.endpoint,
        provider_request_id=generation.provider_request_id,
        state=GENERATION_STATE_TO_PROTO[generation.state],
        submit_time=timestamp_to_proto(generation.submit_time),
        end_time=_timestamp(generation.end_time),
        cancel_outcome=CANCEL_OUTCOME_TO_PROTO[outcome] if outcome else job_pb2.CANCEL_OUTCOME_UNSPECIFIED,
        submits=generation.submits,
        estimated_cost=money_to_proto(generation.estimated_cost) if generation.estimated_cost is not None else None,
    )


def attempt_to_proto(attempt: Attempt) -> job_pb2.Attempt:
    """Return a try at a job that has ended."""
    return job_pb2.Attempt(
        number=attempt.number,
        worker=attempt.worker,
        start_time=timestamp_to_proto(attempt.start_time),
        end_time=timestamp_to_proto(attempt.end_time),
        outcome=ATTEMPT_OUTCOME_TO_PROTO[attempt.outcome],
        error=error_to_proto(attempt.error) if attempt.error else None,
    )


def batch_to_proto(batch: Batch) -> job_pb2.Batch:
    """Return a batch."""
    return job_pb2.Batch(
        id=batch.id,
        display_name=batch.display_name,
        job_count=batch.job_count,
        state_counts=state_counts_to_proto(batch.state_counts),
        fraction=batch.fraction,
        create_time=timestamp_to_proto(batch.create_time),
        end_time=_timestamp(batch.end_time),
    )


def state_counts_to_proto(counts: Mapping[JobState, int]) -> list[job_pb2.StateCount]:
    """Return how many jobs stand in which state."""
    return [job_pb2.StateCount(state=STATE_TO_PROTO[state], count=count) for state, count in counts.items()]


def timestamp_to_proto(when: datetime) -> Timestamp:
    """Return an instant."""
    timestamp = Timestamp()
    fill_timestamp(timestamp, when)
    return timestamp


def fill_timestamp(timestamp: Timestamp, when: datetime) -> None:
    """Set an instant in place."""
    since = when - EPOCH  # a fifth of what Timestamp.FromDatetime takes
    timestamp.seconds = since.days * 86_400 + since.seconds
    timestamp.nanos = since.microseconds * 1000


def duration_to_proto(duration: timedelta) -> Duration:
    """Return a length of time, which must not be negative."""
    return Duration(seconds=duration.days * 86_400 + duration.seconds, nanos=duration.microseconds * 1000)


def _timestamp(when: datetime | None) -> Timestamp | None:
    return None if when is None else timestamp_to_proto(when)
