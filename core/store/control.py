"""What callers change about jobs they have submitted: cancel, retry, release, delete, pause."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final, cast

from core.errors import (
    JobFinishedError,
    JobNotFinishedError,
    JobNotFoundError,
    JobNotHeldError,
    JobNotRetryableError,
    RequestIdReusedError,
    TooManyDependentsError,
)
from core.job import JobId, JobKind, JobState, sources_of
from core.store import scripts, tickets
from core.store.connection import translated
from core.store.keys import Keys
from core.store.packing import instant

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from redis.asyncio import Redis

    from core.job import Tenant

#: Jobs changed in one call of a script, so that it never holds Redis up.
CHUNK: Final = 100

#: From these a cancelled job ends at once: no attempt holds it.
_ENDS_AT_ONCE: Final = ",".join(sorted(s for s in sources_of(JobState.CANCELLED) if not s.is_running))
#: From these it goes by way of CANCELLING: its worker has to tell the provider.
_GOES_BY_CANCELLING: Final = ",".join(sorted(s for s in sources_of(JobState.CANCELLING) if s.is_running))
#: These can be tried again.
_RETRYABLE: Final = ",".join(sorted(s for s in sources_of(JobState.PENDING) if s.is_terminal))


class Verdict(StrEnum):
    """What became of one job of many."""

    OK = "ok"
    ALREADY = "already"  #: it is so already
    FINISHED = "finished"  #: it has ended, so it cannot be cancelled
    REFUSED = "refused"  #: it has not failed, so it cannot be retried
    DUPLICATE = "duplicate"  #: the same request was made before
    CROWDED = "crowded"  #: too many jobs wait for one that it awaits, so it cannot be retried
    REUSED = "reused"  #: the request_id was used for something else
    MISSING = "missing"  #: there is no such job


@dataclass(frozen=True, slots=True)
class Scope:
    """What a pause covers: everything, or a tenant, or a kind."""

    tenant: Tenant | None = None
    kind: JobKind | None = None

    @property
    def name(self) -> str:
        """How the scripts call it."""
        if self.tenant is not None:
            return f"tenant:{self.tenant}"
        return "everything" if self.kind is None else f"kind:{self.kind}"


class JobControl:
    """Changes jobs of all tenants in Redis; each job in one atomic step."""

    def __init__(self, redis: Redis, *, prefix: str, events_per_job: int) -> None:
        self._keys = Keys(prefix)
        self._redis = redis
        self._events_per_job = events_per_job
        self._tickets = (tickets.template(), tickets.MOST_WAITING)
        self._cancel = scripts.load(redis, prefix, "cancel")
        self._retry = scripts.load(redis, prefix, "retry")
        self._release = scripts.load(redis, prefix, "release")
        self._delete = scripts.load(redis, prefix, "delete")

    async def cancel(self, tenant: Tenant, job_id: JobId) -> None:
        """Cancel a waiting job, or ask the worker of a running one to; a cancelled one stays as it is.

        Raises:
            JobNotFoundError: this tenant has no such job.
            JobFinishedError: it has already succeeded or failed.
        """
        (verdict,) = await self.cancel_many(tenant, [job_id])
        if verdict is Verdict.MISSING:
            raise JobNotFoundError(metadata={"job_id": job_id})
        if verdict is Verdict.FINISHED:
            raise JobFinishedError(metadata={"job_id": job_id})

    async def cancel_many(self, tenant: Tenant, job_ids: Sequence[JobId]) -> list[Verdict]:
        """Cancel jobs, and return what became of each, in order: OK, ALREADY, FINISHED or MISSING."""
        verdicts: list[Verdict] = []
        for start in range(0, len(job_ids), CHUNK):
            answers = await self._cancel(
                *(scripts.SERVER_CLOCK, self._events_per_job, *self._tickets, tenant),
                *(_ENDS_AT_ONCE, _GOES_BY_CANCELLING),
                *job_ids[start : start + CHUNK],
            )
            verdicts += (Verdict(answer.decode()) for answer in answers)
        return verdicts

    async def retry(
        self, tenant: Tenant, job_id: JobId, *, request_id: str, digest: str, resubmit_unknown: bool
    ) -> bool:
        """Give a failed or cancelled job another round of attempts; return whether the same request had done it before.

        Raises:
            JobNotFoundError: this tenant has no such job.
            JobNotRetryableError: it has neither failed nor been cancelled.
            RequestIdReusedError: the request_id was used with another payload.
            TooManyDependentsError: too many jobs wait for one that it awaits.
        """
        (verdict,) = await self._retried(
            tenant, [job_id], request_id=request_id, digest=digest, resubmit_unknown=resubmit_unknown
        )
        match verdict:
            case Verdict.MISSING:
                raise JobNotFoundError(metadata={"job_id": job_id})
            case Verdict.REFUSED:
                raise JobNotRetryableError(metadata={"job_id": job_id})
            case Verdict.CROWDED:
                raise TooManyDependentsError(job_id=job_id)
            case Verdict.REUSED:
                raise RequestIdReusedError(metadata={"request_id": request_id})
        return verdict is Verdict.DUPLICATE

    async def retry_many(self, tenant: Tenant, job_ids: Sequence[JobId], *, resubmit_unknown: bool) -> list[Verdict]:
        """Give jobs another round of attempts, and return what became of each: OK, REFUSED, CROWDED or MISSING."""
        verdicts: list[Verdict] = []
        for start in range(0, len(job_ids), CHUNK):
            chunk = job_ids[start : start + CHUNK]
            verdicts += await self._retried(tenant, chunk, resubmit_unknown=resubmit_unknown)
        return verdicts

    async def _retried(
        self,
        tenant: Tenant,
        job_ids: Sequence[JobId],
        *,
        request_id: str = "",
        digest: str = "",
        resubmit_unknown: bool,
    ) -> list[Verdict]:
        answers = await self._retry(
            *(scripts.SERVER_CLOCK, self._events_per_job, *self._tickets, tenant, request_id, digest),
            *(_RETRYABLE, "resubmit" if resubmit_unknown else "", *job_ids),
        )
        return [Verdict(answer.decode()) for answer in answers]

    async def release(self, tenant: Tenant, job_ids: Sequence[JobId]) -> None:
        """Let held jobs go, all or none; those that were released before stay as they are.

        One that awaits others goes when they have ended.

        Raises:
            JobNotFoundError: this tenant does not have one of them.
            JobNotHeldError: one of them has already ended.
        """
        verdict, *details = await self._release(
            *(scripts.SERVER_CLOCK, self._events_per_job, *self._tickets, tenant, *job_ids)
        )
        if verdict == b"missing":
            raise JobNotFoundError(metadata={"job_id": details[0].decode()})
        if verdict == b"not_held":
            raise JobNotHeldError(metadata={"job_id": details[0].decode()})

    async def delete(self, tenant: Tenant, job_id: JobId) -> None:
        """Forget a finished job before its time.

        Raises:
            JobNotFoundError: this tenant has no such job.
            JobNotFinishedError: it has not ended yet.
        """
        (verdict,) = await self._delete(tenant, job_id)
        if verdict == b"missing":
            raise JobNotFoundError(metadata={"job_id": job_id})
        if verdict == b"unfinished":
            raise JobNotFinishedError(metadata={"job_id": job_id})

    async def pause(self, scope: Scope) -> None:
        """Start no more jobs of a scope; those that run go on."""
        with translated():
            seconds, microseconds = await self._redis.time()
            await self._redis.hsetnx(self._keys.paused, scope.name, str(seconds * 1000 + microseconds // 1000))

    async def resume(self, scope: Scope) -> None:
        """Start jobs of a scope again; workers find them within a second."""
        with translated():
            await self._redis.hdel(self._keys.paused, scope.name)

    async def pauses(self, tenant: Tenant) -> dict[Scope, datetime]:
        """Return the pauses that concern a tenant, and since when they are."""
        with translated():
            found = cast("dict[bytes, bytes]", await self._redis.hgetall(self._keys.paused))
        scopes = [Scope(), Scope(tenant=tenant), *(Scope(kind=kind) for kind in JobKind)]
        return {scope: instant(found[scope.name.encode()]) for scope in scopes if scope.name.encode() in found}
