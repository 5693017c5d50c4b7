"""How jobs, batches and events are written into Redis, and read from it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from core.events.event import Event, LogWritten, ProgressMade, StateChanged
from core.job import (
    Batch,
    BatchId,
    Job,
    JobId,
    JobKind,
    JobState,
    Progress,
    Submission,
    Tenant,
    UnknownSubmission,
)
from core.store.packing import epoch, instant, milliseconds, pack, pairs, unpack, unpack_text
from core.store.rows import attempts_of, error_of, generations_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from core.store.packing import Record

#: What a new job has made.
_NONE_YET: Final = Progress()
#: The fields that tell how far a job is.
_TOLD: Final = frozenset({b"fraction", b"stage", b"message", b"position"})


def initial_state(submission: Submission) -> JobState:
    """Return the state in which a submitted job begins."""
    return JobState.HELD if submission.hold else JobState.PENDING


def record_of(job_id: JobId, batch_id: BatchId | None, submission: Submission) -> list[object]:
    """Return a new job's record as flat fields and values, without the spec and the time of its creation."""
    record: list[object] = [
        *("id", job_id),
        *("kind", submission.kind),
        *("state", initial_state(submission)),
        *("priority", str(submission.priority)),
        *("sequence", "1"),
        *("max_attempts", str(submission.max_attempts)),
        *("time_limit", str(milliseconds(submission.time_limit))),
        *("retention", str(milliseconds(submission.retention))),
        *("unknown", submission.on_unknown_submission),
    ]
    if submission.schedule_time:
        record += ("schedule", epoch(submission.schedule_time))
    if submission.longest_wait:
        record += ("wait", milliseconds(submission.longest_wait))
    if submission.owner:
        record += ("owner", submission.owner)
    if submission.labels:
        record += ("labels", pack(dict(submission.labels)))
    if submission.request_id:
        record += ("request", submission.request_id)
    if batch_id:
        record += ("batch", batch_id)
    if submission.model:
        record += ("model", submission.model)
    if submission.template_id:
        record += ("template", submission.template_id)
    if submission.estimated_cost is not None:
        record += ("cost", str(submission.estimated_cost))
    return record


def argument_of(job_id: JobId, batch_id: BatchId | None, submission: Submission) -> bytes:
    """Return a new job as the argument that submit.lua takes."""
    return pack(
        [
            job_id,
            submission.kind,
            initial_state(submission),
            submission.priority,
            submission.owner,
            dict(submission.labels),
            submission.spec,
            record_of(job_id, batch_id, submission),
            epoch(submission.schedule_time) if submission.schedule_time else 0,
            milliseconds(submission.longest_wait) if submission.longest_wait else 0,
        ]
    )


def awaited_argument(submissions: Sequence[Submission]) -> bytes:
    """Return which jobs of a call await which others, as submit.lua takes it: their places, from 1, and the ids."""
    awaiting = [
        (place, list(dict.fromkeys(submission.awaits)))
        for place, submission in enumerate(submissions, start=1)
        if submission.awaits
    ]
    return pack(awaiting) if awaiting else b""


def new_job(
    tenant: Tenant,
    job_id: JobId,
    batch_id: BatchId | None,
    submission: Submission,
    created: datetime,
    *,
    awaited: int = 0,
    usual: timedelta | None = None,
) -> Job:
    """Return the job that submit.lua has made of a submission.

    Args:
        awaited: how many of the jobs that it awaits have not ended.
        usual: how long such jobs usually take.
    """
    held = submission.hold or awaited > 0
    deadline = None
    if submission.longest_wait and not held:
        deadline = max(created, submission.schedule_time or created) + submission.longest_wait
    return Job(
        tenant=tenant,
        id=job_id,
        kind=submission.kind,
        state=JobState.HELD if held else JobState.PENDING,
        spec=submission.spec,
        priority=submission.priority,
        owner=submission.owner,
        labels=submission.labels,
        batch_id=batch_id,
        request_id=submission.request_id,
        progress=_NONE_YET,
        attempt=0,
        interruptions=0,
        forgiven=0,
        rounds=1,
        max_attempts=submission.max_attempts,
        result=None,
        error=None,
        generations=(),
        log_lines={},
        attempts=(),
        time_limit=submission.time_limit,
        retention=submission.retention,
        on_unknown_submission=submission.on_unknown_submission,
        create_time=created,
        start_time=None,
        end_time=None,
        expire_time=None,
        next_attempt_time=None,
        schedule_time=submission.schedule_time,
        start_deadline=deadline,
        sequence=1,
        awaited_job_count=awaited,
        model=submission.model,
        template_id=submission.template_id,
        estimated_cost=submission.estimated_cost,
        estimated_duration=usual,
    )


def sort_of(record: Record) -> tuple[JobKind, str]:
    """Return the kind and the model of a job: what its usual duration goes by."""
    return JobKind(record[b"kind"].decode()), record.get(b"model", b"").decode()


def job_of(tenant: Tenant, record: Record, *, usual: timedelta | None = None) -> Job:
    """Return the job that a record holds; *usual*: how long such jobs usually take, where that is to be told."""
    get = record.get
    # The rows: most jobs that are listed have none yet, and looking three times costs as much as all else.
    rows = {name: value for name, value in record.items() if b":" in name}
    return Job(
        tenant=tenant,
        id=JobId(record[b"id"].decode()),
        kind=JobKind(record[b"kind"].decode()),
        state=JobState(record[b"state"].decode()),
        spec=get(b"spec"),
        priority=int(record[b"priority"]),
        owner=get(b"owner", b"").decode(),
        labels=unpack_text(record[b"labels"]) if b"labels" in record else {},
        batch_id=BatchId(record[b"batch"].decode()) if b"batch" in record else None,
        request_id=get(b"request", b"").decode(),
        progress=progress_of(record),
        attempt=int(get(b"attempt", 0)),
        interruptions=int(get(b"interruptions", 0)),
        forgiven=int(get(b"forgiven", 0)),
        rounds=1 + int(get(b"rounds", 0)),
        max_attempts=int(record[b"max_attempts"]),
        result=get(b"result"),
        error=error_of(record[b"error"]) if b"error" in record else None,
        generations=generations_of(rows) if rows else (),
        log_lines={name[6:].decode(): int(count) for name, count in rows.items() if name.startswith(b"lines:")},
        attempts=attempts_of(rows) if rows else (),
        time_limit=_duration(record[b"time_limit"]),
        retention=_duration(record[b"retention"]),
        on_unknown_submission=UnknownSubmission(record[b"unknown"].decode()),
        create_time=instant(record[b"created"]),
        start_time=_when(get(b"started")),
        end_time=_when(get(b"ended")),
        expire_time=_when(get(b"expires")),
        next_attempt_time=_when(get(b"next")),
        schedule_time=_when(get(b"schedule")),
        start_deadline=_when(get(b"deadline")),
        sequence=int(record[b"sequence"]),
        awaited_job_count=int(get(b"awaits", 0)),
        model=get(b"model", b"").decode(),
        template_id=get(b"template", b"").decode(),
        estimated_cost=int(record[b"cost"]) if b"cost" in record else None,
        estimated_duration=usual,
    )


def _when(value: bytes | None) -> datetime | None:
    return None if value is None else instant(value)


def _duration(value: bytes) -> timedelta:
    return timedelta(milliseconds=int(value))


def progress_of(record: Record) -> Progress:
    """Return how far the job of a record is."""
    if not _TOLD.isdisjoint(record):
        return Progress(
            fraction=float(record[b"fraction"]) if b"fraction" in record else None,
            stage=record.get(b"stage", b"").decode(),
            message=record.get(b"message", b"").decode(),
            provider_queue_position=int(record[b"position"]) if b"position" in record else None,
        )
    return _NONE_YET


def progress_argument(progress: Progress) -> bytes:
    """Return progress as the argument that report.lua takes; -1 stands for unknown."""
    fraction = -1.0 if progress.fraction is None else progress.fraction
    position = -1 if progress.provider_queue_position is None else progress.provider_queue_position
    return pack([fraction, progress.stage, progress.message, position])


def batch_record_of(batch_id: BatchId, display_name: str, request_id: str, job_count: int) -> list[object]:
    """Return a new batch's record as flat fields and values, without the time of its creation."""
    return [
        *("sequence", 1),
        *("id", batch_id),
        *("name", display_name),
        *("request", request_id),
        *("jobs", job_count),
        *("left", job_count),
    ]


def batch_of(tenant: Tenant, record: Record) -> Batch:
    """Return the batch that a record holds."""
    counts = state_counts((name, int(value)) for name, value in record.items() if name.startswith(b"n:"))
    jobs = int(record[b"jobs"])
    ended = sum(count for state, count in counts.items() if state.is_terminal)
    return Batch(
        tenant=tenant,
        id=BatchId(record[b"id"].decode()),
        display_name=record[b"name"].decode(),
        job_count=jobs,
        state_counts=counts,
        fraction=min(1.0, max(0.0, (ended + float(record.get(b"fraction", 0))) / jobs)),
        create_time=instant(record[b"created"]),
        end_time=instant(record[b"ended"]) if b"ended" in record else None,
        sequence=int(record[b"sequence"]),
    )


def state_counts(fields: Iterable[tuple[bytes, int]]) -> Mapping[JobState, int]:
    """Return how many jobs stand in which state, from fields ``n:<state>``; states with none are left out."""
    return {JobState(name[2:].decode()): count for name, count in fields if count > 0}


def event_of(tenant: Tenant, packed: bytes) -> Event:
    """Return the event that the scripts packed (prelude.lua, append)."""
    sequence, time, kind, *body = unpack(packed)
    when = instant(time)
    if kind == b"state":
        before, after, record = body
        return StateChanged(
            sequence=sequence,
            time=when,
            from_state=JobState(before.decode()) if before else None,
            to_state=JobState(after.decode()),
            job=job_of(tenant, pairs(record)),
        )
    if kind == b"progress":
        fraction, stage, message, position = body
        progress = Progress(
            fraction=None if fraction < 0 else float(fraction),
            stage=stage.decode(),
            message=message.decode(),
            provider_queue_position=None if position < 0 else int(position),
        )
        return ProgressMade(sequence=sequence, time=when, progress=progress)
    if kind == b"log":
        return LogWritten(sequence=sequence, time=when, text=body[0].decode())
    raise ValueError(f"unknown kind of event: {kind!r}")
