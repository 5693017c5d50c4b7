"""What callers write and read: submissions, jobs, batches, events. What they change is control.py's matter."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

from core.errors import (
    AwaitedJobNotFoundError,
    BatchNotFoundError,
    JobNotFoundError,
    RequestIdReusedError,
    TooManyDependentsError,
)
from core.job import BatchId, JobId, JobState
from core.store import scripts, tickets
from core.store.connection import translated
from core.store.durations import Durations
from core.store.keys import Keys
from core.store.packing import instant, milliseconds, pack, pairs
from core.store.records import argument_of, awaited_argument, batch_of, batch_record_of, job_of, new_job, sort_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from redis.asyncio import Redis

    from core.job import Batch, Job, Submission, Tenant
    from core.store.packing import Record


@dataclass(frozen=True, slots=True)
class QueuePosition:
    """A waiting job's place in the line."""

    ahead: int
    """Jobs of its own tenant that go before it, if no others come. How many others wait is not told (P8)."""
    estimated_wait: timedelta | None
    """How long until it starts, by all jobs before it and the pace of the last claims; None: nobody had to wait yet."""


class JobStore:
    """The jobs of all tenants in Redis. Every method is one round trip and, where it writes, one atomic step."""

    def __init__(
        self, redis: Redis, *, prefix: str, events_per_job: int, weights: Mapping[str, float] | None = None
    ) -> None:
        self.keys = Keys(prefix)
        self._weights = pack(dict(weights or {}))
        self._redis = redis
        self._durations = Durations(redis, self.keys)
        self._template = tickets.template()
        self._submit = scripts.load(redis, prefix, "submit")
        self._position = scripts.load(redis, prefix, "position")
        self._view = scripts.load(redis, prefix, "view")
        self._attend = scripts.load(redis, prefix, "attend")

    async def submit(self, tenant: Tenant, job_id: JobId, submission: Submission) -> tuple[Job | None, JobId]:
        """Store a job with its ticket.

        Returns:
            The new job and its id; or None and the id of the job that an earlier request with the same request_id
            and payload made.

        Raises:
            RequestIdReusedError: the request_id was used with another payload.
            AwaitedJobNotFoundError: the tenant has no such job as it awaits.
            TooManyDependentsError: too many jobs wait for one that it awaits.
        """
        # Asked before: nothing may go wrong once the job is accepted.
        usual = await self._durations.of_jobs(submission.kind, submission.model)
        verdict, *details = await self._submit(
            *(scripts.SERVER_CLOCK, awaited_argument([submission]), self._template, tickets.MOST_WAITING),
            *(tenant, submission.request_id, submission.digest, "", pack([])),
            argument_of(job_id, None, submission),
        )
        if verdict == b"accepted":
            created, awaited = details
            return new_job(
                tenant, job_id, None, submission, instant(created), awaited=sum(awaited), usual=usual
            ), job_id
        return None, JobId(_original(verdict, details, submission.request_id))

    async def submit_batch(
        self,
        tenant: Tenant,
        batch_id: BatchId,
        jobs: Sequence[tuple[JobId, Submission]],
        *,
        display_name: str,
        request_id: str,
        digest: str,
    ) -> tuple[list[Job] | None, BatchId]:
        """Store all jobs of a batch with their tickets, or none.

        Returns:
            The new jobs and the batch's id; or None and the id of the batch that an earlier request with the same
            request_id and payload made.

        Raises:
            RequestIdReusedError: the request_id was used with another payload.
            AwaitedJobNotFoundError: the tenant has no such job as one of them awaits.
            TooManyDependentsError: too many jobs wait for one that one of them awaits.
        """
        submissions = [submission for _, submission in jobs]
        usual = await self._durations.of_many((job.kind, job.model) for job in submissions)
        verdict, *details = await self._submit(
            *(scripts.SERVER_CLOCK, awaited_argument(submissions), self._template, tickets.MOST_WAITING),
            *(tenant, request_id, digest),
            *(batch_id, pack(batch_record_of(batch_id, display_name, request_id, len(jobs)))),
            *(argument_of(job_id, batch_id, submission) for job_id, submission in jobs),
        )
        if verdict != b"accepted":
            return None, BatchId(_original(verdict, details, request_id))
        created, counts = instant(details[0]), iter(details[1])
        return [
            new_job(
                *(tenant, job_id, batch_id, job, created),
                awaited=next(counts) if job.awaits else 0,
                usual=usual[job.kind, job.model],
            )
            for job_id, job in jobs
        ], batch_id

    async def get(self, tenant: Tenant, job_id: JobId) -> Job:
        """Return a job as it stands.

        Raises:
            JobNotFoundError: this tenant has no such job.
        """
        with translated():
            record = cast("Record", await self._redis.hgetall(self.keys.job(tenant, job_id)))
        if not record:
            raise JobNotFoundError(metadata={"job_id": job_id})
        usual = await self._durations.of_jobs(*sort_of(record))
        return job_of(tenant, record, usual=usual)

    async def get_many(self, tenant: Tenant, job_ids: Sequence[JobId], *, with_specs: bool = False) -> list[Job]:
        """Return the jobs that still exist, in the order given."""
        if not job_ids:
            return []
        if not with_specs:
            views = await self._view(tenant, *job_ids)
            return [job_of(tenant, pairs(view)) for view in views if view]
        with translated():
            pipeline = self._redis.pipeline(transaction=False)
            for job_id in job_ids:
                pipeline.hgetall(self.keys.job(tenant, job_id))
            records = await pipeline.execute()
        return [job_of(tenant, record) for record in records if record]

    async def absent(self, tenant: Tenant, job_ids: Iterable[JobId]) -> set[JobId]:
        """Return those of the ids that no job of the tenant has."""
        ids = list(job_ids)
        if not ids:
            return set()
        with translated():
            pipeline = self._redis.pipeline(transaction=False)
            for job_id in ids:
                pipeline.exists(self.keys.job(tenant, job_id))
            exist = await pipeline.execute()
        return {job_id for job_id, exists in zip(ids, exist, strict=True) if not exists}

    async def queue_position(self, job: Job) -> QueuePosition | None:
        """Return a waiting job's place in the line; None: it waits for its schedule or its next attempt."""
        own, everybody, interval = await self._position(job.tenant, job.id, self._weights)
        if own < 0:
            return None
        wait = timedelta(milliseconds=interval * (everybody + 1)) if interval >= 0 else None
        return QueuePosition(own, wait)

    async def get_batch(self, tenant: Tenant, batch_id: BatchId) -> Batch:
        """Return a batch as it stands.

        Raises:
            BatchNotFoundError: this tenant has no such batch.
        """
        with translated():
            record = await self._redis.hgetall(self.keys.batch(tenant, batch_id))
        if not record:
            raise BatchNotFoundError(metadata={"batch_id": batch_id})
        return batch_of(tenant, cast("Record", record))

    async def attend(self, tenant: Tenant, batch_id: BatchId | None, *, lasting: timedelta) -> None:
        """Have what happens to the jobs of a batch, or of the tenant, logged and published for so long from now on."""
        await self._attend(scripts.SERVER_CLOCK, tenant, batch_id or "", milliseconds(lasting))

    async def counts(self, tenant: Tenant) -> dict[JobState, int]:
        """Return how many jobs of a tenant stand in which state; states with none are left out."""
        with translated():
            pipeline = self._redis.pipeline(transaction=False)
            for state in JobState:
                pipeline.zcard(self.keys.index_of_state(tenant, state))
            counted = await pipeline.execute()
        return {state: count for state, count in zip(JobState, counted, strict=True) if count}

    async def jobs_of_batch(self, tenant: Tenant, batch_id: BatchId) -> list[Job]:
        """Return the jobs of a batch that still exist, in the order of their submission."""
        return await self.get_many(tenant, await self.ids_of_batch(tenant, batch_id))

    async def ids_of_batch(self, tenant: Tenant, batch_id: BatchId) -> list[JobId]:
        """Return the ids of the jobs of a batch that still exist, in the order of their submission."""
        with translated():
            ids = await self._redis.zrange(self.keys.index_of_batch(tenant, batch_id), 0, -1)
        return [JobId(id_.decode()) for id_ in cast("list[bytes]", ids)]


def _original(verdict: bytes, details: Sequence[Any], request_id: str) -> str:
    """Return the id that a repeated request made the first time, unless it is refused."""
    match verdict, details:
        case b"missing", (place, job_id):
            raise AwaitedJobNotFoundError(job_id=job_id.decode(), index=place - 1)
        case b"crowded", (place, job_id):
            raise TooManyDependentsError(job_id=job_id.decode(), index=place - 1)
        case b"reused", _:
            raise RequestIdReusedError(metadata={"request_id": request_id})
    return str(details[0].decode())
