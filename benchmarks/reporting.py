"""Jobs that run, and what their workers report: through AttemptStore, as workers do it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, Self, cast

import hiredis

from benchmarks.load import LoadError
from benchmarks.payload import PROGRESS, transition_request
from benchmarks.store import PREFIX
from core.ids import time_ordered_ids
from core.job import DEFAULT_TENANT, BatchId, JobId, JobKind
from core.store import scripts
from core.store.attempts import AttemptKey, AttemptStore, KindRule, Policy
from core.store.jobs import JobStore
from server.settings import Settings
from server.translate.requests import submission_from_proto

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from redis.asyncio import Redis

#: Jobs of one submission.
BATCH: Final = 1000
#: Events that are kept of a job, as by default.
EVENTS: Final = 1000
#: What report.lua answers, on the wire.
OK: Final = b"*1\r\n$2\r\nok\r\n"
POLICY: Final = Policy(provider_slots=1, kinds={JobKind.TRANSITION: KindRule(needs_provider=False)})


class Recorder:
    """Stands for a Redis, and keeps the scripts' calls as bytes that can be sent later."""

    def __init__(self) -> None:
        self.calls: list[bytes] = []

    async def execute_command(self, *words: Any) -> list[bytes]:
        """Note a call."""
        self.calls.append(hiredis.pack_command(words))
        return [b"ok"]


def _attempts(redis: Redis) -> AttemptStore:
    return AttemptStore(redis, prefix=PREFIX, events_per_job=EVENTS, lease=timedelta(hours=1), policy=POLICY)


@dataclass(frozen=True, slots=True)
class Burst:
    """Reports that are made at once, packed beforehand: sending them costs next to nothing."""

    port: int
    calls: Sequence[bytes]

    @classmethod
    async def packed(cls, redis: Redis, port: int, keys: Iterable[AttemptKey]) -> Self:
        """Pack one report for each key, in that order."""
        recorder = Recorder()
        attempts = _attempts(cast("Redis", recorder))
        for key in keys:
            await attempts.report(key, PROGRESS)
        await redis.script_load(scripts.source_of("report"))
        return cls(port, recorder.calls)

    async def send(self) -> None:
        """Make the reports, and wait until all are made.

        Raises:
            LoadError: one was refused.
        """
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(b"".join(self.calls))
            if await reader.readexactly(len(OK) * len(self.calls)) != OK * len(self.calls):
                raise LoadError("a report was refused")
        finally:
            writer.close()
            await writer.wait_closed()


class Worker:
    """Submits jobs, and is the worker of some of them."""

    def __init__(self, redis: Redis) -> None:
        self.attempts = _attempts(redis)
        self._jobs = JobStore(redis, prefix=PREFIX, events_per_job=EVENTS)

    async def submit(self, count: int, *, hold: bool = False) -> list[JobId]:
        """Submit so many jobs, and return their ids, oldest first."""
        request = transition_request()
        request.hold = hold
        submission = submission_from_proto(request, Settings())
        ids: list[JobId] = []
        while len(ids) < count:
            batch, *jobs = time_ordered_ids(1 + min(BATCH, count - len(ids)))
            await self._jobs.submit_batch(
                DEFAULT_TENANT,
                BatchId(batch),
                [(JobId(job), submission) for job in jobs],
                display_name="",
                request_id="",
                digest="",
            )
            ids += map(JobId, jobs)
        return ids

    async def claim(self, count: int) -> list[AttemptKey]:
        """Start an attempt at so many jobs, oldest first.

        Raises:
            LoadError: so many do not wait.
        """
        keys = []
        for number in range(count):
            job = await self.attempts.claim("benchmark", f"{number}")
            if job is None:
                raise LoadError(f"{number} jobs waited where {count} were submitted")
            keys.append(AttemptKey(job.tenant, job.id, job.attempt))
        return keys
