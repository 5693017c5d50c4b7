"""What the tests of watches share: who writes events, who watches them, and what must have been told in the end."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, TypeVar
from uuid import uuid4

import grpc
from redis.exceptions import ResponseError

import segue
from core.errors import FencedError, StoreUnavailableError
from core.events.event import LogWritten, StateChanged
from core.events.feed import PAGE
from core.ids import time_ordered_ids
from core.job import DEFAULT_TENANT, JobId, JobKind, Submission
from core.settings import StoreSettings
from core.store.attempts import AttemptKey, AttemptStore, KindRule, Outcome, Policy
from core.store.connection import connect
from core.store.feeds import JobFeed
from core.store.jobs import JobStore
from devstack.settings import Settings
from devstack.stack import Stack
from segue.v1.job_service_pb2 import ListJobsRequest, WatchJobRequest
from segue.v1.job_service_pb2_grpc import JobServiceStub

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
    from pathlib import Path

    from redis.asyncio import Redis

    from core.events.event import Event
    from core.job import Job
    from segue import WatchJobResponse, aio
    from segue.v1.job_service_pb2_grpc import JobServiceAsyncStub

#: Longer than any test, so that no attempt is lost.
LEASE: Final = timedelta(hours=1)
#: Seconds between two tries at a Redis that is away.
AGAIN: Final = 0.1
#: Watches on one connection; servers allow a thousand.
STREAMS: Final = 500
#: Seconds that an answer may take before a server counts as standing still.
USUAL: Final = 0.2

T = TypeVar("T")


@asynccontextmanager
async def stack_of(folder: Path) -> AsyncIterator[Stack]:
    """Have a Redis with an append-only file, and no fal: the test writes the events itself."""
    async with Stack(Settings(dev_dir=folder, fal_base_url="http://127.0.0.1:9")) as stack:
        yield stack


class Writer:
    """Leads jobs through their lives on the store, as a worker would, whatever becomes of Redis meanwhile."""

    def __init__(self, redis: Redis) -> None:
        settings = StoreSettings()
        self.redis = redis
        self._store = JobStore(redis, prefix=settings.key_prefix, events_per_job=settings.events_per_job)
        kinds = {kind: KindRule(needs_provider=False) for kind in JobKind}
        self._attempts = AttemptStore(
            redis,
            prefix=settings.key_prefix,
            events_per_job=settings.events_per_job,
            lease=LEASE,
            policy=Policy(provider_slots=1, kinds=kinds),
        )

    @classmethod
    @asynccontextmanager
    async def on(cls, url: str) -> AsyncIterator[Writer]:
        """Have a writer on the Redis at *url*."""
        redis = connect(url, timeout=timedelta(seconds=5))
        try:
            yield cls(redis)
        finally:
            await redis.aclose()

    async def start(self, count: int = 1) -> list[Job]:
        """Return so many jobs that have just started; they have two events."""
        return list(await asyncio.gather(*(self._start() for _ in range(count))))

    async def _start(self) -> Job:
        spec = segue.model("segue/echo").SerializeToString()
        (id_,) = time_ordered_ids()
        submission = Submission(
            kind=JobKind.MODEL,
            spec=spec,
            priority=5,
            time_limit=LEASE,
            retention=LEASE,
            max_attempts=3,
        )
        await self._store.submit(DEFAULT_TENANT, JobId(id_), submission)
        job = await self._attempts.claim("writer", uuid4().hex)
        assert job is not None
        return job

    async def log(self, job: Job, *lines: str) -> None:
        """Write an event for each line, or twice where Redis went away before it answered."""
        await _at_last(lambda: self._attempts.report(_key(job), None, lines))

    async def finish(self, job: Job) -> None:
        """End a job."""
        try:
            await _at_last(lambda: self._attempts.finish(_key(job), Outcome.SUCCEEDED))
        except FencedError:  # the answer of an earlier try was lost
            assert (await self._store.get(job.tenant, job.id)).state.is_terminal

    async def live(self, job: Job, lines: int, *, every: float = 0) -> None:
        """Lead a job to its end, with a line *every* so many seconds."""
        for number in range(lines):
            await self.log(job, str(number))
            await asyncio.sleep(every)
        await self.finish(job)

    async def log_of(self, job: Job) -> dict[int, Event]:
        """Return the whole log of a job, by sequence; its acceptance (1) is in no log."""
        log: dict[int, Event] = {}
        feed = JobFeed(self._store, self.redis, job.tenant, job.id)
        while True:
            page = await feed.events(after=max(log, default=1))
            log |= {event.sequence: event for event in page}
            if len(page) < PAGE:
                return log

    async def channels(self) -> int:
        """Return how many channels of jobs anybody is subscribed to."""
        return len(await self.redis.pubsub_channels("*:events:*"))

    async def until_unwatched(self, *, within: float = 60) -> None:
        """Wait until nobody is subscribed to any job."""
        async with asyncio.timeout(within):
            while await self.channels():
                await asyncio.sleep(0.05)


def _key(job: Job) -> AttemptKey:
    return AttemptKey(job.tenant, job.id, job.attempt)


async def _at_last(call: Callable[[], Awaitable[T]]) -> T:
    while True:
        try:
            return await call()
        except (StoreUnavailableError, ResponseError):  # away, or just about to leave
            await asyncio.sleep(AGAIN)


@dataclass
class Heard:
    """What one watcher of a job was told."""

    job: Job
    after: int
    """The sequence it asked for: 0 for a snapshot first."""
    events: list[WatchJobResponse] = field(default_factory=list)
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the first event has come."""
    opened: float = field(default_factory=time.monotonic)
    ended: float = 0.0
    """When its stream was over, with OK; 0: it is not."""

    async def by(self, client: aio.Client) -> Heard:
        """Watch with our client, which comes back by itself, to the end."""
        async for event in client.watch(self.job.id, after_sequence=self.after, include_logs=True):
            self.events.append(event)
            self.begun.set()
        self.ended = time.monotonic()
        return self

    async def over(self, stub: JobServiceAsyncStub) -> Heard:
        """Watch over one bare stream, which must end with OK.

        Raises:
            grpc.aio.AioRpcError: it ended otherwise.
        """
        async for message in stub.WatchJob(self._request()):
            if message.WhichOneof("event") != "heartbeat":
                self.events.append(message)
                self.begun.set()
        self.ended = time.monotonic()
        return self

    def _request(self) -> WatchJobRequest:
        return WatchJobRequest(job_id=self.job.id, after_sequence=self.after, include_logs=True)

    def assert_complete(self, log: Mapping[int, Event]) -> None:
        """Check that every event after the first one told came once, in order, as the log has it, to the final one."""
        sequences = [event.sequence for event in self.events]
        assert self.ended, f"still waits after event {sequences[-1:]} of {max(log)}"
        assert sequences, "was told nothing"
        assert all(before + 1 == after for before, after in pairwise(sequences)), f"not in order: {sequences}"
        assert sequences[-1] == max(log), f"ended at {sequences[-1]} of {max(log)}"
        has_snapshot = self.events[0].HasField("snapshot")
        assert has_snapshot == (self.after == 0)
        assert has_snapshot or sequences[0] == self.after + 1, f"began with {sequences[0]} after {self.after}"
        for event in self.events[has_snapshot:]:
            assert _told(event) == _written(log[event.sequence])


def _told(event: WatchJobResponse) -> Any:
    return event.log.text if event.HasField("log") else event.state_change.to_state


def _written(event: Event) -> Any:
    match event:
        case LogWritten():
            return event.text
        case StateChanged():
            return segue.JobState.Value(f"JOB_STATE_{event.to_state.upper()}")


@asynccontextmanager
async def stubs(address: str, connections: int = 1) -> AsyncIterator[list[JobServiceAsyncStub]]:
    """Have bare connections to a server, which know nothing of retries."""
    options: list[tuple[str, Any]] = [("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0)]
    channels = [grpc.aio.insecure_channel(address, options) for _ in range(connections)]
    try:
        yield [JobServiceStub(channel) for channel in channels]
    finally:
        await asyncio.gather(*(channel.close() for channel in channels))


@asynccontextmanager
async def stalls_of(*servers: JobServiceAsyncStub) -> AsyncIterator[Callable[[], float]]:
    """Add up for how long servers, their Redis or this process stand still inside the block; yields the seconds so far.

    What a busy machine does not give them says nothing of what they would have done with it.
    """
    total, began = 0.0, time.monotonic()

    async def look() -> None:
        nonlocal total, began
        while True:
            await asyncio.gather(*(server.ListJobs(ListJobsRequest(page_size=1)) for server in servers))
            await asyncio.sleep(USUAL / 4)
            total, began = so_far(), time.monotonic()

    def so_far() -> float:
        return total + max(0.0, time.monotonic() - began - USUAL)

    looking = asyncio.create_task(look())
    try:
        yield so_far
        assert not looking.done(), looking.exception()
    finally:
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)


async def assert_all_complete(heard: list[Heard], writer: Writer) -> None:
    """Check that each watcher was told all."""
    jobs = {watch.job.id: watch.job for watch in heard}
    logs = dict(zip(jobs, await asyncio.gather(*map(writer.log_of, jobs.values())), strict=True))
    for watch in heard:
        watch.assert_complete(logs[watch.job.id])
