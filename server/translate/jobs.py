"""Jobs and batches as clients see them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from segue.v1 import job_pb2
from server.translate.costs import fill_money, money_to_proto
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
    message = job_pb2.Job()
    fill_job(message, job, with_spec=with_spec)
    if position:
        message.queue_position = position.ahead
        if position.estimated_wait:
            fill_duration(message.estimated_wait, position.estimated_wait)
    return message


def fill_job(message: job_pb2.Job, job: Job, *, with_spec: bool) -> None:
    """Set a job in place. Field by field, and only what there is: lists and batches make a thousand."""
    _fill_order(message, job)
    _fill_course(message, job)
    if job.spec is not None and with_spec:
        message.spec.ParseFromString(job.spec)
    if job.result is not None:
        message.result.ParseFromString(job.result)


def _fill_order(message: job_pb2.Job, job: Job) -> None:
    """Set what was asked for."""
    message.id = job.id
    message.kind = KIND_TO_PROTO[job.kind]
    message.priority = job.priority
    message.owner = job.owner
    message.batch_id = job.batch_id or ""
    message.request_id = job.request_id
    message.template_id = job.template_id
    for name, value in job.labels.items():
        message.labels[name] = value
    message.max_attempts = job.max_attempts
    message.on_unknown_submission = UNKNOWN_SUBMISSION_TO_PROTO[job.on_unknown_submission]
    fill_duration(message.time_limit, job.time_limit)
    fill_duration(message.retention, job.retention)
    fill_timestamp(message.create_time, job.create_time)
    if job.schedule_time:
        fill_timestamp(message.schedule_time, job.schedule_time)
    if job.start_deadline:
        fill_timestamp(message.start_deadline, job.start_deadline)
    if job.estimated_duration is not None:
        fill_duration(message.estimated_duration, job.estimated_duration)
    if job.estimated_cost is not None:
        fill_money(message.estimated_cost, job.estimated_cost)


def _fill_course(message: job_pb2.Job, job: Job) -> None:
    """Set what has become of it."""
    message.state = STATE_TO_PROTO[job.state]
    message.sequence = job.sequence
    message.attempt = job.tries
    message.awaited_job_count = job.awaited_job_count
    fill_progress(message.progress, job.progress)
    if job.generations:
        message.generations.extend(map(generation_to_proto, job.generations))
    if job.attempts:
        message.attempts.extend(map(attempt_to_proto, job.attempts))
    if job.error:
        message.error.CopyFrom(error_to_proto(job.error))
    if job.start_time:
        fill_timestamp(message.start_time, job.start_time)
    if job.next_attempt_time:
        fill_timestamp(message.next_attempt_time, job.next_attempt_time)
    if job.end_time:
        fill_timestamp(message.end_time, job.end_time)
    if job.expire_time:
        fill_timestamp(message.expire_time, job.expire_time)


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
    message = Duration()
    fill_duration(message, duration)
    return message


def fill_duration(message: Duration, duration: timedelta) -> None:
    """Set a length of time, which must not be negative, in place."""
    message.seconds = duration.days * 86_400 + duration.seconds
    message.nanos = duration.microseconds * 1000


def _timestamp(when: datetime | None) -> Timestamp | None:
    return None if when is None else timestamp_to_proto(when)
