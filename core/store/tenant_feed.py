"""The feed of all jobs of a tenant: made for those who look on, and bounded."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, cast

from core.events.event import StateChanged
from core.events.feed import Head, JobsSnapshot, TenantEvent
from core.job import JobId, JobState, Progress
from core.store.connection import translated
from core.store.feeds import Attention, read_log
from core.store.packing import instant, unpack, unpack_first, unpack_text
from core.store.records import event_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from redis.asyncio import Redis

    from core.job import Job, Tenant
    from core.store.jobs import JobStore
    from core.store.listing import Filter, JobIndex
    from core.store.packing import Record

#: Jobs that a snapshot shows.
SHOWN: Final = 100
#: Parts of a line that tells of acceptances; others have more (prelude.lua, tell_tenant and tell_acceptances).
ACCEPTANCES: Final = 3


class TenantFeed:
    """Changes of state and progress of all jobs of a tenant, under a sequence of the tenant.

    The log holds only which event of which job came when, and the job's owner and labels; the events stand in the jobs'
    own logs. What is published carries both. A filter narrows the snapshot alone: events come to all, unsifted.
    """

    def __init__(self, store: JobStore, index: JobIndex, redis: Redis, tenant: Tenant, wanted: Filter) -> None:
        self.channel = store.keys.tenant_channel(tenant)
        self.record = store.keys.tenant(tenant)
        self._log = store.keys.tenant_log(tenant)
        self._store = store
        self._index = index
        self._redis = redis
        self._tenant = tenant
        self._wanted = wanted
        self._attention = Attention(store, tenant, None)

    async def attend(self) -> None:
        """See to it that for a while from now on what happens is logged and published."""
        await self._attention.renew()

    async def head(self) -> Head:
        """Return the number of the tenant's newest event; another may always follow."""
        with translated():
            sequence = await self._redis.hget(self.record, "sequence")
        return Head(int(sequence or 0), is_final=False)

    def published(self, packed: bytes) -> TenantEvent | None:
        """Return the event that was published; None: it is to be read from the log."""
        if not packed:
            return None
        (sequence, time, job_id, _, owner, labels), event = unpack_first(packed)
        return TenantEvent(
            sequence=sequence,
            time=instant(time),
            job_id=JobId(job_id.decode()),
            owner=owner.decode(),
            labels=unpack_text(labels) if labels else {},
            event=event_of(self._tenant, event),
        )

    async def snapshot(self, *, history_truncated: bool) -> JobsSnapshot:
        """Return the newest jobs as they stand."""
        # The sequence first: what happens to a job after it is told again, and not left out.
        head = await self.head()
        ids, _ = await self._index.page(self._tenant, self._wanted, size=SHOWN, before=None)
        return JobsSnapshot(head.sequence, await self._store.get_many(self._tenant, ids), history_truncated)

    async def events(self, *, after: int) -> list[TenantEvent]:
        """Return the next events after a sequence, in order. Whether a gap stands before them, the caller checks."""
        lines = [unpack(line) for line in await read_log(self._redis, self._log, after)]
        told = await self._told([line for line in lines if len(line) != ACCEPTANCES])
        jobs = await self._accepted([line for line in lines if len(line) == ACCEPTANCES])
        events: list[TenantEvent] = []
        for line in lines:
            if len(line) == ACCEPTANCES:
                events += _acceptances(line, jobs)
            else:
                events.append(told[line[0]])
        return [event for event in events if event.sequence > after]

    async def _told(self, lines: Sequence[list[Any]]) -> dict[int, TenantEvent]:
        """Return the events of lines, by their numbers, from the jobs' own logs."""
        if not lines:
            return {}
        with translated():
            pipeline = self._redis.pipeline(transaction=False)
            for _, _, job_id, sequence, *_ in lines:
                log = self._store.keys.log(self._tenant, JobId(job_id.decode()))
                pipeline.xrange(log, f"{sequence}-0", f"{sequence}-0")
            found = cast("list[list[tuple[bytes, Record]]]", await pipeline.execute())
        return {
            number: TenantEvent(
                sequence=number,
                time=instant(time),
                job_id=JobId(job_id.decode()),
                owner=owner.decode(),
                labels=unpack_text(labels) if labels else {},
                event=event_of(self._tenant, entries[0][1][b"e"]) if entries else None,
            )
            for (number, time, job_id, _, owner, labels), entries in zip(lines, found, strict=True)
        }

    async def _accepted(self, lines: Sequence[list[Any]]) -> dict[str, Job]:
        """Return the jobs whose acceptances lines tell: no log holds what they were then."""
        ids = [JobId(id_.decode()) for line in lines for id_ in line[2][::2]]
        return {job.id: job for job in await self._store.get_many(self._tenant, ids)}


def _acceptances(line: list[Any], jobs: Mapping[str, Job]) -> Iterator[TenantEvent]:
    last, time, accepted = line
    pairs = list(zip(accepted[::2], accepted[1::2], strict=True))
    for number, (id_, state) in enumerate(pairs, start=last - len(pairs) + 1):
        job = jobs.get(id_.decode())
        yield TenantEvent(
            sequence=number,
            time=instant(time),
            job_id=JobId(id_.decode()),
            owner=job.owner if job else "",
            labels=job.labels if job else {},
            event=_acceptance(job, JobState(state.decode())) if job else None,
        )


def _acceptance(job: Job, state: JobState) -> StateChanged:
    """Return the acceptance of a job, with the job as it then was but for what it awaited."""
    accepted = replace(
        job,
        state=state,
        sequence=1,
        progress=Progress(),
        attempt=0,
        interruptions=0,
        forgiven=0,
        rounds=1,
        attempts=(),
        generations=(),
        log_lines={},
        result=None,
        error=None,
        start_time=None,
        end_time=None,
        expire_time=None,
        next_attempt_time=None,
    )
    return StateChanged(sequence=1, time=job.create_time, from_state=None, to_state=state, job=accepted)
