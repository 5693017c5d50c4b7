"""What callers can do with jobs. The server translates to and from this; nothing else of the core is its business."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from core.events.follow import Follower
from core.ids import time_ordered_ids
from core.job import BatchId, JobId, JobState
from core.store.jobs import JobStore
from core.store.listing import JobIndex
from core.store.records import new_job

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence
    from datetime import timedelta

    from redis.asyncio import Redis

    from core.events.event import Event
    from core.events.follow import Quiet, Snapshot
    from core.events.hub import Hub
    from core.job import Batch, Job, Submission, Tenant
    from core.store.listing import Filter


@dataclass(frozen=True, slots=True)
class Submitted:
    """An accepted job."""

    job: Job
    deduplicated: bool
    """Whether an earlier request with the same request_id made it."""


@dataclass(frozen=True, slots=True)
class SubmittedBatch:
    """An accepted batch and its jobs, in the order of the request."""

    batch: Batch
    jobs: Sequence[Job]
    deduplicated: bool
    """Whether an earlier request with the same request_id made it."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A page of jobs, newest first."""

    jobs: Sequence[Job]
    next_before: JobId | None
    """Where the next page begins; None: there is none."""


class Jobs:
    """The jobs of all tenants; every call is for one of them."""

    def __init__(self, redis: Redis, hub: Hub, *, prefix: str, events_per_job: int) -> None:
        self._store = JobStore(redis, prefix=prefix, events_per_job=events_per_job)
        self._index = JobIndex(redis, prefix=prefix)
        self._follower = Follower(self._store, hub)

    async def submit(self, tenant: Tenant, submission: Submission) -> Submitted:
        """Accept a job: when this returns it is stored, with its place in the queue.

        Raises:
            RequestIdReusedError: the request_id was used with another payload.
        """
        job, job_id = await self._store.submit(tenant, JobId(time_ordered_ids()[0]), submission)
        if job is not None:
            return Submitted(job, deduplicated=False)
        return Submitted(await self._store.get(tenant, job_id), deduplicated=True)

    def preview(self, tenant: Tenant, submission: Submission) -> Job:
        """Return the job that a submission would become; nothing is stored."""
        return new_job(tenant, JobId(""), None, submission, datetime.now(UTC))

    async def submit_batch(
        self, tenant: Tenant, submissions: Sequence[Submission], *, display_name: str, request_id: str, digest: str
    ) -> SubmittedBatch:
        """Accept all jobs of a batch, or none.

        Raises:
            RequestIdReusedError: the request_id was used with another payload.
        """
        batch_id, *job_ids = time_ordered_ids(1 + len(submissions))
        jobs, accepted_id = await self._store.submit_batch(
            tenant,
            BatchId(batch_id),
            [(JobId(job_id), submission) for job_id, submission in zip(job_ids, submissions, strict=True)],
            display_name=display_name,
            request_id=request_id,
            digest=digest,
        )
        batch = await self._store.get_batch(tenant, accepted_id)
        if jobs is not None:
            return SubmittedBatch(batch, jobs, deduplicated=False)
        return SubmittedBatch(batch, await self._store.jobs_of_batch(tenant, accepted_id), deduplicated=True)

    async def get(self, tenant: Tenant, job_id: JobId) -> tuple[Job, int | None]:
        """Return a job as it stands, and how many go before it while it waits for a slot.

        Raises:
            JobNotFoundError: this tenant has no such job.
        """
        job = await self._store.get(tenant, job_id)
        position = await self._store.queue_position(job) if job.state is JobState.PENDING else None
        return job, position

    async def list(
        self, tenant: Tenant, wanted: Filter, *, size: int, before: JobId | None, with_specs: bool
    ) -> Listed:
        """Return a page of jobs, newest first; it may be short although there are more."""
        ids, next_before = await self._index.page(tenant, wanted, size=size, before=before)
        return Listed(await self._store.get_many(tenant, ids, with_specs=with_specs), next_before)

    async def cancel(self, tenant: Tenant, job_id: JobId) -> Job:
        """Cancel a waiting job, or ask the worker of a running one to; a cancelled one stays as it is.

        Raises:
            JobNotFoundError: this tenant has no such job.
            JobFinishedError: it has already succeeded or failed.
        """
        return await self._store.cancel(tenant, job_id)

    def follow(
        self, tenant: Tenant, job_id: JobId, *, after: int, heartbeat: timedelta
    ) -> AsyncGenerator[Snapshot | Event | Quiet, None]:
        """Yield what happens to a job after a sequence; see Follower.follow."""
        return self._follower.follow(tenant, job_id, after=after, heartbeat=heartbeat)
