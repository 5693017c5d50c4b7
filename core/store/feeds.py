"""The feeds that can be followed: a job's events, and those of all jobs of a batch."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, cast

from core.errors import JobNotFoundError
from core.events.feed import PAGE, BatchEvent, BatchSnapshot, Head, Snapshot
from core.job import JobId, JobState
from core.store.connection import translated
from core.store.packing import instant, unpack, unpack_first
from core.store.records import event_of

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from core.events.event import Event
    from core.job import Batch, BatchId, Tenant
    from core.store.jobs import JobStore
    from core.store.packing import Record

#: How long the log of many jobs goes on after the last one who followed it: who comes back within has missed nothing.
ATTENTION: Final = timedelta(hours=1)
#: How often that is said anew, in seconds.
RENEWAL: Final = 60.0
#: The order in which prelude.lua (tell_batch) counts a batch's jobs.
COUNTED: Final = tuple(JobState)


class JobFeed:
    """The events of a job."""

    def __init__(self, store: JobStore, redis: Redis, tenant: Tenant, job_id: JobId) -> None:
        self.channel = store.keys.channel(tenant, job_id)
        self.record = store.keys.job(tenant, job_id)
        self._log = store.keys.log(tenant, job_id)
        self._store = store
        self._redis = redis
        self._tenant = tenant
        self._job_id = job_id

    def published(self, packed: bytes) -> Event:
        """Return the event that was published."""
        return event_of(self._tenant, packed)

    async def attend(self) -> None:
        """Do nothing: a job's events are always logged and published."""

    async def head(self) -> Head:
        """Return the number of its newest event, and whether nothing follows that.

        Raises:
            JobNotFoundError: this tenant has no such job.
        """
        with translated():
            fields = await self._redis.hmget(self.record, ["sequence", "state"])
        sequence, state = cast("list[bytes | None]", fields)
        if sequence is None or state is None:
            raise JobNotFoundError(metadata={"job_id": self._job_id})
        return Head(int(sequence), JobState(state.decode()).is_terminal)

    async def snapshot(self, *, history_truncated: bool) -> Snapshot:
        """Return the job as it stands.

        Raises:
            JobNotFoundError: this tenant has no such job.
        """
        return Snapshot(await self._store.get(self._tenant, self._job_id), history_truncated)

    async def events(self, *, after: int) -> list[Event]:
        """Return up to PAGE events after a sequence, in order. Whether a gap stands before them, the caller checks."""
        return [event_of(self._tenant, packed) for packed in await read_log(self._redis, self._log, after)]


class Attention:
    """What keeps the log of a batch, or of a tenant, written while somebody follows it."""

    def __init__(self, store: JobStore, tenant: Tenant, batch_id: BatchId | None) -> None:
        self._store = store
        self._tenant = tenant
        self._batch_id = batch_id
        self._due = 0.0

    async def renew(self) -> None:
        """Pay attention for another ATTENTION; most of the time that has been said, and costs nothing."""
        if time.monotonic() >= self._due:
            await self._store.attend(self._tenant, self._batch_id, lasting=ATTENTION)
            self._due = time.monotonic() + RENEWAL


class BatchFeed:
    """The events of all jobs of a batch, under the batch's own sequence.

    The log holds only which event of which job came when, with the counts after it; the events stand in the jobs' own
    logs. What is published carries both.
    """

    def __init__(self, store: JobStore, redis: Redis, tenant: Tenant, batch: Batch) -> None:
        self.channel = store.keys.batch_channel(tenant, batch.id)
        self.record = store.keys.batch(tenant, batch.id)
        self._log = store.keys.batch_log(tenant, batch.id)
        self._store = store
        self._redis = redis
        self._tenant = tenant
        self._batch = batch
        self._attention = Attention(store, tenant, batch.id)

    def published(self, packed: bytes) -> BatchEvent:
        """Return the event that was published."""
        entry, event = unpack_first(packed)
        return self._event(entry, event_of(self._tenant, event))

    async def attend(self) -> None:
        """See to it that for a while from now on what happens is logged and published."""
        await self._attention.renew()

    async def head(self) -> Head:
        """Return the number of its newest event, and whether nothing follows that.

        Raises:
            BatchNotFoundError: this tenant has no such batch.
        """
        batch = await self._store.get_batch(self._tenant, self._batch.id)
        return Head(batch.sequence, batch.is_ended)

    async def snapshot(self, *, history_truncated: bool) -> BatchSnapshot:
        """Return the batch as it stands, with its jobs.

        Raises:
            BatchNotFoundError: this tenant has no such batch.
        """
        # The batch first: what happens to a job after it is told again, and not left out.
        batch = await self._store.get_batch(self._tenant, self._batch.id)
        return BatchSnapshot(batch, await self._store.jobs_of_batch(self._tenant, batch.id), history_truncated)

    async def events(self, *, after: int) -> list[BatchEvent]:
        """Return up to PAGE events after a sequence, in order. Whether a gap stands before them, the caller checks."""
        entries = [unpack(entry) for entry in await read_log(self._redis, self._log, after)]
        with translated():
            pipeline = self._redis.pipeline(transaction=False)
            for _, _, job_id, sequence, *_ in entries:
                log = self._store.keys.log(self._tenant, JobId(job_id.decode()))
                pipeline.xrange(log, f"{sequence}-0", f"{sequence}-0")
            found = cast("list[list[tuple[bytes, Record]]]", await pipeline.execute()) if entries else []
        return [
            self._event(entry, event_of(self._tenant, lines[0][1][b"e"]) if lines else None)
            for entry, lines in zip(entries, found, strict=True)
        ]

    def _event(self, entry: list[Any], event: Event | None) -> BatchEvent:
        sequence, time, job_id, _, counts, fraction, ended = entry
        tally = {state: int(count or 0) for state, count in zip(COUNTED, counts, strict=True)}
        done = sum(count for state, count in tally.items() if state.is_terminal)
        batch = replace(
            self._batch,
            state_counts={state: count for state, count in tally.items() if count > 0},
            fraction=min(1.0, max(0.0, (done + float(fraction or 0)) / self._batch.job_count)),
            end_time=instant(ended) if ended else None,
            sequence=sequence,
        )
        return BatchEvent(
            sequence=sequence, time=instant(time), batch=batch, job_id=JobId(job_id.decode()), event=event
        )


async def read_log(redis: Redis, log: str, after: int) -> list[bytes]:
    """Return the next lines of a log after a sequence, PAGE at most."""
    with translated():
        entries = await redis.xrange(log, min=f"({after}-0", max="+", count=PAGE)
    return [fields[b"e"] for _, fields in cast("list[tuple[bytes, Record]]", entries)]
