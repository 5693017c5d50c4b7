"""What callers do with the store: submit, read, list, cancel, count."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from core.errors import BatchNotFoundError, JobFinishedError, JobNotFoundError, RequestIdReusedError
from core.job import BatchId, JobId, JobKind, JobState, priority_class, rank_of, sources_of
from core.store import scripts, tickets
from core.store.connection import translated
from core.store.keys import Keys
from core.store.records import argument_of, batch_of, batch_record_of, event_of, instant, job_of, new_job, pack, pairs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from redis.asyncio import Redis

    from core.events.event import Event
    from core.job import Batch, Job, Submission, Tenant
    from core.store.records import Record

#: Events that one read of a log brings at most.
PAGE: Final = 500

#: From these a cancelled job ends at once: no attempt holds it.
_ENDS_AT_ONCE: Final = ",".join(sorted(s for s in sources_of(JobState.CANCELLED) if not s.is_running))
#: From these it goes by way of CANCELLING: its worker has to tell the provider.
_GOES_BY_CANCELLING: Final = ",".join(sorted(sources_of(JobState.CANCELLING)))


class JobStore:
    """The jobs of all tenants in Redis. Every method is one round trip and, where it writes, one atomic step."""

    def __init__(self, redis: Redis, *, prefix: str, events_per_job: int) -> None:
        self.keys = Keys(prefix)
        self._redis = redis
        self._events_per_job = events_per_job
        self._template = tickets.template()
        self._submit = scripts.load(redis, prefix, "submit")
        self._cancel = scripts.load(redis, prefix, "cancel")
        self._view = scripts.load(redis, prefix, "view")

    async def submit(self, tenant: Tenant, job_id: JobId, submission: Submission) -> tuple[Job | None, JobId]:
        """Store a job with its ticket.

        Returns:
            The new job and its id; or None and the id of the job that an earlier request with the same request_id
            and payload made.

        Raises:
            RequestIdReusedError: the request_id was used with another payload.
        """
        verdict, detail = await self._submit(
            *(scripts.SERVER_CLOCK, self._events_per_job, self._template, tickets.MOST_WAITING),
            *(tenant, submission.request_id, submission.digest, "", pack([])),
            argument_of(job_id, None, submission),
        )
        if verdict == b"accepted":
            return new_job(tenant, job_id, None, submission, instant(detail)), job_id
        return None, JobId(_original(verdict, detail, submission.request_id))

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
        """
        verdict, detail = await self._submit(
            *(scripts.SERVER_CLOCK, self._events_per_job, self._template, tickets.MOST_WAITING),
            *(tenant, request_id, digest),
            *(batch_id, pack(batch_record_of(batch_id, display_name, request_id, len(jobs)))),
            *(argument_of(job_id, batch_id, submission) for job_id, submission in jobs),
        )
        if verdict == b"accepted":
            created = instant(detail)
            return [new_job(tenant, id_, batch_id, job, created) for id_, job in jobs], batch_id
        return None, BatchId(_original(verdict, detail, request_id))

    async def get(self, tenant: Tenant, job_id: JobId) -> Job:
        """Return a job as it stands.

        Raises:
            JobNotFoundError: this tenant has no such job.
        """
        with translated():
            record = await self._redis.hgetall(self.keys.job(tenant, job_id))
        if not record:
            raise JobNotFoundError(metadata={"job_id": job_id})
        return job_of(tenant, cast("Record", record))

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

    async def queue_position(self, job: Job) -> int | None:
        """Return how many of its tenant's jobs go before a waiting job; None: it waits for its next attempt."""
        own_class = priority_class(job.priority)
        rank = rank_of(job.priority, job.create_time)
        with translated():
            pipeline = self._redis.pipeline(transaction=False)
            pipeline.zrank(self.keys.pending(own_class, job.tenant, job.kind), job.id)
            for kind in JobKind:
                if kind is not job.kind:
                    pipeline.zcount(self.keys.pending(own_class, job.tenant, kind), "-inf", f"({rank}")
                for higher in range(1, own_class):
                    pipeline.zcard(self.keys.pending(higher, job.tenant, kind))
            own, *others = await pipeline.execute()
        return None if own is None else own + sum(others)

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

    async def jobs_of_batch(self, tenant: Tenant, batch_id: BatchId) -> list[Job]:
        """Return the jobs of a batch that still exist, in the order of their submission."""
        with translated():
            ids = await self._redis.zrange(self.keys.index_of_batch(tenant, batch_id), 0, -1)
        return await self.get_many(tenant, [JobId(id_.decode()) for id_ in cast("list[bytes]", ids)])

    async def cancel(self, tenant: Tenant, job_id: JobId) -> Job:
        """Cancel a waiting job, or ask the worker of a running one to; a cancelled one stays as it is.

        Raises:
            JobNotFoundError: this tenant has no such job.
            JobFinishedError: it has already succeeded or failed.
        """
        (verdict,) = await self._cancel(
            *(scripts.SERVER_CLOCK, self._events_per_job, tenant, job_id, _ENDS_AT_ONCE, _GOES_BY_CANCELLING)
        )
        if verdict == b"missing":
            raise JobNotFoundError(metadata={"job_id": job_id})
        if verdict == b"finished":
            raise JobFinishedError(metadata={"job_id": job_id})
        return await self.get(tenant, job_id)

    async def events(self, tenant: Tenant, job_id: JobId, *, after: int) -> list[Event]:
        """Return up to PAGE events after a sequence, in order. Whether a gap stands before them, the caller checks.

        Raises:
            JobNotFoundError: the job has expired; nobody will add to its log.
        """
        with translated():
            entries = await self._redis.xrange(self.keys.log(tenant, job_id), min=f"({after}-0", max="+", count=PAGE)
            if not entries and not await self._redis.exists(self.keys.job(tenant, job_id)):
                raise JobNotFoundError(metadata={"job_id": job_id})
        return [event_of(tenant, fields[b"e"]) for _, fields in cast("list[tuple[bytes, Record]]", entries)]


def _original(verdict: bytes, detail: bytes, request_id: str) -> str:
    """Return the id that a repeated request made the first time, unless it is not a repetition."""
    if verdict == b"reused":
        raise RequestIdReusedError(metadata={"request_id": request_id})
    return detail.decode()
