"""Follows a job: every event after a sequence, in order, once. Publishing makes it fast, the log makes it true."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from core.store.jobs import PAGE

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from datetime import timedelta

    from core.events.event import Event
    from core.events.hub import Hub
    from core.events.inbox import Inbox
    from core.job import Job, JobId, Tenant
    from core.store.jobs import JobStore

#: Silence after which the log is read whatever the hub says, in seconds: the last line of defence.
RECHECK: Final = 5.0
#: How long a new follower waits for its subscription, in seconds. Without it, it begins with the log all the same.
CONFIRMATION: Final = 2.0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The job as it stands; its sequence is the job's."""

    job: Job
    history_truncated: bool = False
    """Events after the requested sequence are no longer kept; the snapshot stands in for them."""


@dataclass(frozen=True, slots=True)
class Quiet:
    """Nothing happened for a heartbeat interval; all up to the sequence has been delivered."""

    sequence: int


class Follower:
    """Follows jobs on one hub and store."""

    def __init__(self, store: JobStore, hub: Hub) -> None:
        self._store = store
        self._hub = hub

    async def follow(
        self, tenant: Tenant, job_id: JobId, *, after: int, heartbeat: timedelta
    ) -> AsyncGenerator[Snapshot | Event | Quiet, None]:
        """Yield what happens to a job after a sequence; end right after its final event.

        With *after* 0 a snapshot comes first; otherwise the missed events do, or a snapshot if they are gone.

        Raises:
            JobNotFoundError: this tenant has no such job.
            DrainingError: this process is about to stop; follow on elsewhere.
        """
        # Listening comes before the first read: what happens between the two then waits in the inbox.
        with self._hub.listen(tenant, job_id) as (inbox, confirmed):
            with suppress(TimeoutError):
                async with asyncio.timeout(CONFIRMATION):
                    await confirmed.wait()
            job = await self._store.get(tenant, job_id)
            if after == 0 or after > job.sequence:
                yield Snapshot(job, history_truncated=after > 0)
                after = job.sequence
                if job.state.is_terminal:
                    return
            elif after == job.sequence and job.state.is_terminal:
                return
            else:
                inbox.miss()
            async for item in self._events(tenant, job_id, inbox, after, heartbeat.total_seconds()):
                yield item

    async def _events(
        self, tenant: Tenant, job_id: JobId, inbox: Inbox, after: int, heartbeat: float
    ) -> AsyncGenerator[Snapshot | Event | Quiet, None]:
        clock = asyncio.get_running_loop().time
        spoken = clock()
        while True:
            event = await inbox.next(timeout=max(0.0, min(RECHECK, spoken + heartbeat - clock())))
            if event is not None and event.sequence <= after:
                continue
            if event is not None and event.sequence == after + 1:
                items: list[Snapshot | Event] = [event]
            else:
                items = await self._missed(tenant, job_id, after)
            for item in items:
                yield item
                spoken = clock()
                after = item.job.sequence if isinstance(item, Snapshot) else item.sequence
            if items and _ends(items[-1]):
                return
            if clock() - spoken >= heartbeat:
                yield Quiet(after)
                spoken = clock()

    async def _missed(self, tenant: Tenant, job_id: JobId, after: int) -> list[Snapshot | Event]:
        """Return all events after a sequence from the log, or a snapshot where the log no longer reaches back."""
        events: list[Snapshot | Event] = []
        while True:
            page = await self._store.events(tenant, job_id, after=after)
            if page and page[0].sequence != after + 1:
                return [Snapshot(await self._store.get(tenant, job_id), history_truncated=True)]
            events += page
            if len(page) < PAGE:
                return events
            after = page[-1].sequence


def _ends(item: Snapshot | Event) -> bool:
    """Whether nothing will follow: a final event that a retry has followed is not the last one of its page."""
    return item.job.state.is_terminal if isinstance(item, Snapshot) else item.is_final
