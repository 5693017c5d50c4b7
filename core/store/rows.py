"""The rows inside a job's record: errors, the ledger of its generations, the attempts that have ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.job import Attempt, AttemptOutcome, CancelOutcome, ErrorReason, Generation, GenerationState, JobError
from core.store.packing import epoch, instant, pack, unpack, unpack_text

if TYPE_CHECKING:
    from core.store.packing import Record


def error_argument(error: JobError) -> bytes:
    """Return an error as the record holds it."""
    return pack(
        {
            "reason": error.reason,
            "message": error.message,
            "retryable": error.retryable,
            "metadata": dict(error.metadata),
        }
    )


def error_of(packed: bytes) -> JobError:
    """Return the error that the record holds."""
    fields = unpack_text(packed)
    return JobError(
        reason=ErrorReason(fields["reason"]),
        message=fields["message"],
        retryable=fields["retryable"],
        metadata=fields["metadata"] or {},
    )


def generation_argument(generation: Generation) -> bytes:
    """Return a row of the ledger as the record holds it."""
    row: dict[str, object] = {
        "step": generation.step,
        "endpoint": generation.endpoint,
        "state": generation.state,
        "intent": generation.intent,
        "digest": generation.input_digest,
        "request": generation.provider_request_id,
        "submitted": epoch(generation.submit_time),
        "submits": generation.submits,
    }
    if generation.end_time is not None:
        row["ended"] = epoch(generation.end_time)
    if generation.cancel_outcome is not None:
        row["cancel"] = generation.cancel_outcome
    if generation.estimated_cost is not None:
        row["cost"] = generation.estimated_cost
    return pack(row)


def generation_of(packed: bytes) -> Generation:
    """Return the row of the ledger that the record holds."""
    row = unpack_text(packed)
    return Generation(
        step=row["step"],
        endpoint=row["endpoint"],
        state=GenerationState(row["state"]),
        intent=row["intent"],
        input_digest=row["digest"],
        provider_request_id=row["request"],
        submit_time=instant(row["submitted"]),
        end_time=instant(row["ended"]) if "ended" in row else None,
        cancel_outcome=CancelOutcome(row["cancel"]) if "cancel" in row else None,
        submits=row["submits"],
        estimated_cost=row.get("cost"),
    )


def generations_of(record: Record) -> tuple[Generation, ...]:
    """Return the rows of a job's ledger in order of their submit."""
    rows = [generation_of(value) for name, value in record.items() if name.startswith(b"gen:")]
    return tuple(sorted(rows, key=lambda row: (row.submit_time, row.step)))


def attempts_of(record: Record) -> tuple[Attempt, ...]:
    """Return the attempts that have ended, oldest first."""
    rows = (unpack(value) for name, value in record.items() if name.startswith(b"try:"))
    return tuple(
        Attempt(
            number=number,
            worker=worker.decode(),
            start_time=instant(started),
            end_time=instant(ended),
            outcome=AttemptOutcome(outcome.decode()),
            error=error_of(failure) if failure else None,
        )
        for number, worker, started, ended, outcome, failure in sorted(rows)
    )
