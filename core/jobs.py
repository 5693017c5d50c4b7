"""What callers can do with jobs. The server translates to and from this; nothing else of the core is its business."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from core.events.follow import follow
from core.events.sifted import sifted
from core.ids import time_ordered_ids
from core.job import TERMINAL, BatchId, JobId, JobState
from core.store.control import JobControl, Verdict
from core.store.feeds import BatchFeed, JobFeed
from core.store.jobs import JobStore
from core.store.listing import Filter, JobIndex
from core.store.records import new_job
from core.store.tenant_feed import TenantFeed

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
    from datetime import timedelta

    from redis.asyncio import Redis

    from core.events.event import Event
    from core.events.feed import BatchEvent, BatchSnapshot, JobsSnapshot, Quiet, Snapshot, TenantEvent, Thinned
    from core.events.hub import Hub
    from core.job import Batch, Job, Submission, Tenant
    from core.store.control import Scope
    from core.store.jobs import QueuePosition


#: Jobs that one call cancels or retries by a filter.
MOST_AT_ONCE: Final = 1000


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

    def __init__(
        self,
        redis: Redis,
        hub: Hub,
        *,
        prefix: str,
        events_per_job: int,
        weights: Mapping[str, float] | None = None,
    ) -> None:
        self._store = JobStore(redis, prefix=prefix, events_per_job=events_per_job, weights=weights)
        self._control = JobControl(redis, prefix=prefix, events_per_job=events_per_job)
        self._index = JobIndex(redis, prefix=prefix)
        self._redis = redis
        self._hub = hub

    async def submit(self, tenant: Tenant, submission: Submission) -> Submitted:
        """Accept a job: when this returns it is stored, with its place in the queue.

        Raises:
            RequestIdReusedError: the request_id was used with another payload.
            AwaitedJobNotFoundError: it awaits a job that this tenant does not have.
            TooManyDependentsError: too many jobs wait for one that it awaits.
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
            AwaitedJobNotFoundError: one of them awaits a job that this tenant does not have.
            TooManyDependentsError: too many jobs wait for one that one of them awaits.
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

    async def get(self, tenant: Tenant, job_id: JobId) -> tuple[Job, QueuePosition | None]:
        """Return a job as it stands, and its place in the line while it waits for a slot.

        Raises:
            JobNotFoundError: this tenant has no such job.
        """
        job = await self._store.get(tenant, job_id)
        position = await self._store.queue_position(job) if job.state is JobState.PENDING else None
        return job, position

    async def get_many(self, tenant: Tenant, job_ids: Sequence[JobId]) -> list[Job]:
        """Return the jobs that still exist, without their specs, in the order given."""
        return await self._store.get_many(tenant, job_ids)

    async def absent(self, tenant: Tenant, job_ids: Iterable[JobId]) -> set[JobId]:
        """Return those of the ids that no job of the tenant has."""
        return await self._store.absent(tenant, job_ids)

    async def get_batch(self, tenant: Tenant, batch_id: BatchId) -> Batch:
        """Return a batch as it stands.

        Raises:
            BatchNotFoundError: this tenant has no such batch.
        """
        return await self._store.get_batch(tenant, batch_id)

    async def counts(self, tenant: Tenant) -> Mapping[JobState, int]:
        """Return how many jobs of a tenant stand in which state; states with none are left out."""
        return await self._store.counts(tenant)

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
        await self._control.cancel(tenant, job_id)
        return await self._store.get(tenant, job_id)

    async def cancel_batch(self, tenant: Tenant, batch_id: BatchId) -> tuple[Batch, int]:
        """Cancel every job of a batch that has not ended; return the batch, and how many were.

        Raises:
            BatchNotFoundError: this tenant has no such batch.
        """
        await self._store.get_batch(tenant, batch_id)
        verdicts = await self._control.cancel_many(tenant, await self._store.ids_of_batch(tenant, batch_id))
        return await self._store.get_batch(tenant, batch_id), verdicts.count(Verdict.OK)

    async def cancel_where(self, tenant: Tenant, wanted: Filter) -> tuple[int, bool]:
        """Cancel up to MOST_AT_ONCE unfinished jobs that a filter finds.

        Returns:
            How many were cancelled, or are being, and whether there may be more.
        """
        unfinished = replace(wanted, states=(wanted.states or frozenset(JobState)) - TERMINAL - {JobState.CANCELLING})
        if not unfinished.states:
            return 0, False
        ids, more = await self._found(tenant, unfinished)
        verdicts = await self._control.cancel_many(tenant, ids)
        return verdicts.count(Verdict.OK), more

    async def _found(self, tenant: Tenant, wanted: Filter) -> tuple[Sequence[JobId], bool]:
        """Return up to MOST_AT_ONCE jobs that a filter finds, and whether there may be more."""
        ids, before = await self._index.page(tenant, wanted, size=MOST_AT_ONCE, before=None)
        while before is not None and len(ids) < MOST_AT_ONCE:
            page, before = await self._index.page(tenant, wanted, size=MOST_AT_ONCE - len(ids), before=before)
            ids = [*ids, *page]
        return ids, before is not None

    async def retry(
        self, tenant: Tenant, job_id: JobId, *, request_id: str, digest: str, resubmit_unknown: bool
    ) -> Submitted:
        """Give a failed or cancelled job another round of attempts that use again what is paid.

        Raises:
            JobNotFoundError: this tenant has no such job.
            JobNotRetryableError: it has neither failed nor been cancelled.
            RequestIdReusedError: the request_id was used with another payload.
        """
        deduplicated = await self._control.retry(
            tenant, job_id, request_id=request_id, digest=digest, resubmit_unknown=resubmit_unknown
        )
        return Submitted(await self._store.get(tenant, job_id), deduplicated)

    async def retry_where(self, tenant: Tenant, wanted: Filter, *, resubmit_unknown: bool) -> tuple[int, bool]:
        """Retry up to MOST_AT_ONCE failed and cancelled jobs that a filter finds; as cancel_where."""
        ended = frozenset({JobState.FAILED, JobState.CANCELLED})
        failed = replace(wanted, states=(wanted.states or ended) & ended)
        if not failed.states:
            return 0, False
        ids, more = await self._found(tenant, failed)
        verdicts = await self._control.retry_many(tenant, ids, resubmit_unknown=resubmit_unknown)
        return verdicts.count(Verdict.OK), more

    async def release(self, tenant: Tenant, job_ids: Sequence[JobId]) -> Sequence[Job]:
        """Let held jobs go, all or none, and return them.

        Raises:
            JobNotFoundError: this tenant does not have one of them.
            JobNotHeldError: one of them has already ended.
        """
        await self._control.release(tenant, job_ids)
        return await self._store.get_many(tenant, job_ids)

    async def delete(self, tenant: Tenant, job_id: JobId) -> None:
        """Forget a finished job before its time.

        Raises:
            JobNotFoundError: this tenant has no such job.
            JobNotFinishedError: it has not ended yet.
        """
        await self._control.delete(tenant, job_id)

    async def pause(self, scope: Scope) -> None:
        """Start no more jobs of a scope; those that run go on."""
        await self._control.pause(scope)

    async def resume(self, scope: Scope) -> None:
        """Start jobs of a scope again."""
        await self._control.resume(scope)

    async def pauses(self, tenant: Tenant) -> Mapping[Scope, datetime]:
        """Return the pauses that concern a tenant, and since when they are."""
        return await self._control.pauses(tenant)

    def follow(
        self,
        tenant: Tenant,
        job_id: JobId,
        *,
        after: int,
        heartbeat: timedelta,
        prepare: Callable[[Event], object] | None = None,
    ) -> AsyncGenerator[Snapshot | Event | Thinned[Event] | Quiet, None]:
        """Yield what happens to a job after a sequence; see core.events.follow.

        Raises:
            JobNotFoundError: this tenant has no such job.
            DrainingError: this process is about to stop; follow on elsewhere.
        """
        feed = JobFeed(self._store, self._redis, tenant, job_id)
        return follow(self._hub, feed, after=after, heartbeat=heartbeat, prepare=prepare)

    def follow_jobs(
        self, tenant: Tenant, *, owner: str, labels: Mapping[str, str], after: int, heartbeat: timedelta
    ) -> AsyncGenerator[JobsSnapshot | TenantEvent | Quiet, None]:
        """Yield what happens to the jobs of a tenant, or to those of an owner or with labels; see core.events.follow.

        It has no end of its own.

        Raises:
            DrainingError: this process is about to stop; follow on elsewhere.
        """
        wanted = Filter(owner=owner, labels=labels)
        feed = TenantFeed(self._store, self._index, self._redis, tenant, wanted)
        following = follow(self._hub, feed, after=after, heartbeat=heartbeat)
        return sifted(following, wanted.finds, heartbeat=heartbeat)

    async def follow_batch(
        self,
        tenant: Tenant,
        batch_id: BatchId,
        *,
        after: int,
        heartbeat: timedelta,
        prepare: Callable[[BatchEvent], object] | None = None,
    ) -> AsyncGenerator[BatchSnapshot | BatchEvent | Thinned[BatchEvent] | Quiet, None]:
        """Yield what happens to the jobs of a batch after a sequence; see core.events.follow.

        Raises:
            BatchNotFoundError: this tenant has no such batch.
            DrainingError: this process is about to stop; follow on elsewhere.
        """
        feed = BatchFeed(self._store, self._redis, tenant, await self._store.get_batch(tenant, batch_id))
        following = follow(self._hub, feed, after=after, heartbeat=heartbeat, prepare=prepare)
        async with aclosing(following) as items:
            async for item in items:
                yield item
