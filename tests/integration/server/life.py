"""Leads jobs on as a worker would."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

from core.job import ErrorReason, JobError
from core.store.attempts import AttemptKey, Outcome

if TYPE_CHECKING:
    from core.job import Job
    from core.store.attempts import AttemptStore


async def claim(worker: AttemptStore) -> Job | None:
    """Start the best job that may run now, if any."""
    return await worker.claim("worker", str(uuid4()))


async def claimed(worker: AttemptStore) -> Job:
    """Start the best job that may run now."""
    job = await claim(worker)
    assert job is not None
    return job


async def ended(worker: AttemptStore, outcome: Outcome = Outcome.SUCCEEDED) -> Job:
    """Start the best job and end it."""
    job = await claimed(worker)
    error = JobError(reason=ErrorReason.PROVIDER_ERROR, message="no") if outcome is Outcome.FAILED else None
    await worker.finish(AttemptKey(job.tenant, job.id, job.attempt), outcome, error=error)
    return job
