"""The words in which the tests of the core speak: submit, claim, finish, and what Redis holds afterwards."""

from __future__ import annotations

import asyncio
import secrets
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, cast

from core.ids import time_ordered_ids
from core.job import (
    DEFAULT_TENANT,
    BatchId,
    Generation,
    GenerationState,
    Job,
    JobId,
    JobKind,
    Submission,
    Tenant,
)
from core.store.attempts import AttemptKey, AttemptStore, Outcome, Policy
from core.store.control import JobControl
from core.store.feeds import JobFeed
from core.store.jobs import JobStore

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from redis.asyncio import Redis

    from core.events.event import Event
    from core.job import JobState

PREFIX: Final = "{test}"
#: How long Redis may owe an answer: far longer than a busy machine lets it wait for the processor.
TIMEOUT: Final = timedelta(seconds=30)
LEASE: Final = timedelta(seconds=15)
EVENTS: Final = 1000
RETENTION: Final = timedelta(hours=1)


def submission(**changes: Any) -> Submission:
    """Return a submission that is like every other but for *changes*."""
    usual = {
        "kind": JobKind.TRANSITION,
        "spec": b"\x00spec\xff",
        "priority": 5,
        "time_limit": timedelta(minutes=30),
        "retention": RETENTION,
        "max_attempts": 3,
    }
    return Submission(**{**usual, **changes})


def generation(state: GenerationState, step: str = "video", *, intent: str = "1") -> Generation:
    """Return a row of the ledger."""
    return Generation(
        step=step,
        endpoint="fal-ai/x",
        state=state,
        intent=intent,
        input_digest="d",
        provider_request_id="" if state is GenerationState.INTENDED else f"request of {step}",
        submit_time=datetime.fromtimestamp(1_800_000_000, UTC),
    )


def key_of(job: Job) -> AttemptKey:
    """Return the attempt that a claim has started."""
    return AttemptKey(job.tenant, job.id, job.attempt)


async def eventually(condition: Callable[[], Awaitable[bool]], *, within: float = 30) -> None:
    """Return when the condition holds.

    Raises:
        TimeoutError: it did not in time.
    """
    async with asyncio.timeout(within):
        while not await condition():
            await asyncio.sleep(0.01)


class Clock:
    """The time of the engine, in milliseconds since the epoch."""

    def __init__(self, show: Callable[[int], None]) -> None:
        self._show = show
        self.now = 1_800_000_000_000
        show(self.now)

    @property
    def time(self) -> datetime:
        """The same as a time."""
        return datetime.fromtimestamp(self.now / 1000, UTC)

    def advance(self, by: timedelta) -> None:
        """Let time pass."""
        self.now += round(by / timedelta(milliseconds=1))
        self._show(self.now)


class Engine:
    """A job store and an attempt store on one Redis, as a server and a worker have them."""

    def __init__(self, redis: Redis, policy: Policy, *, events: int = EVENTS) -> None:
        self.redis = redis
        self.store = JobStore(redis, prefix=PREFIX, events_per_job=events)
        self.control = JobControl(redis, prefix=PREFIX, events_per_job=events)
        self.attempts = AttemptStore(redis, prefix=PREFIX, events_per_job=events, lease=LEASE, policy=policy)

    async def cancel(self, tenant: Tenant, job_id: JobId) -> Job:
        """Ask for a job's cancellation, and return it as it then stands."""
        await self.control.cancel(tenant, job_id)
        return await self.store.get(tenant, job_id)

    async def submit(self, tenant: str = DEFAULT_TENANT, **changes: Any) -> Job:
        """Submit a job that must be accepted."""
        job, _ = await self.store.submit(Tenant(tenant), JobId(time_ordered_ids()[0]), submission(**changes))
        assert job is not None
        return job

    async def submit_batch(
        self, jobs: Sequence[Submission], *, tenant: str = DEFAULT_TENANT, request_id: str = "", digest: str = ""
    ) -> tuple[list[Job] | None, BatchId]:
        """Submit a batch under new ids."""
        batch_id, *ids = time_ordered_ids(1 + len(jobs))
        numbered = [(JobId(id_), job) for id_, job in zip(ids, jobs, strict=True)]
        return await self.store.submit_batch(
            Tenant(tenant), BatchId(batch_id), numbered, display_name="", request_id=request_id, digest=digest
        )

    async def claim(self, nonce: str = "") -> Job | None:
        """Claim for a new slot."""
        return await self.attempts.claim("worker", nonce or secrets.token_hex(8))

    async def started(self, tenant: str = DEFAULT_TENANT, **changes: Any) -> Job:
        """Submit a job and claim it."""
        submitted = await self.submit(tenant, **changes)
        job = await self.claim()
        assert job is not None
        assert job.id == submitted.id
        return job

    async def finish(self, job: Job, outcome: Outcome, **details: Any) -> JobState:
        """End the attempt that a claim has started."""
        return await self.attempts.finish(key_of(job), outcome, **details)

    async def intend(self, job: Job, step: str = "video") -> None:
        """Take a provider slot and write that a step is about to be submitted."""
        assert await self.attempts.take_slot(key_of(job), step)
        await self.attempts.record(
            key_of(job), generation(GenerationState.INTENDED, step), replaces=["absent", GenerationState.FAILED]
        )

    async def generate(self, job: Job, step: str = "video") -> None:
        """Bring a step so far that its generation runs at the provider."""
        await self.intend(job, step)
        await self.attempts.record(
            key_of(job), generation(GenerationState.SUBMITTED, step), replaces=[GenerationState.INTENDED]
        )

    async def complete(self, job: Job, step: str = "video") -> None:
        """End a step's generation and give its slot back."""
        await self.attempts.record(
            key_of(job),
            generation(GenerationState.COMPLETED, step),
            replaces=[GenerationState.SUBMITTED],
            output=b"{}",
        )
        await self.attempts.free_slot(key_of(job), step)

    async def slots(self) -> set[str]:
        """Return the provider slots that are taken: tenant/job, or tenant/job/step."""
        taken = cast("list[bytes]", await self.redis.zrange(f"{PREFIX}:provider", 0, -1))
        return {slot.decode() for slot in taken}

    async def retry(self, job: Job, *, request_id: str = "", digest: str = "d", resubmit: bool = False) -> bool:
        """Give a job another round of attempts."""
        return await self.control.retry(
            job.tenant, job.id, request_id=request_id, digest=digest, resubmit_unknown=resubmit
        )

    async def ended(self, outcome: Outcome = Outcome.FAILED, tenant: str = DEFAULT_TENANT, **changes: Any) -> Job:
        """Submit a job, claim it and end its attempt."""
        job = await self.started(tenant, **changes)
        await self.finish(job, outcome)
        return await self.now(job)

    async def now(self, job: Job) -> Job:
        """Return the job as it stands."""
        return await self.store.get(job.tenant, job.id)

    async def log(self, job: Job, *lines: str) -> None:
        """Log lines for the attempt that a claim has started."""
        await self.attempts.report(key_of(job), None, lines)

    async def events(self, job: Job) -> list[Event]:
        """Return the whole log of a job."""
        return await JobFeed(self.store, self.redis, job.tenant, job.id).events(after=0)

    async def tickets(self) -> int:
        """Return how many tickets wait in Dramatiq's queue."""
        return int(await self.redis.llen(f"{PREFIX}:dramatiq:segue"))

    async def listeners(self, job: Job) -> int:
        """Return how many connections are subscribed to a job's channel."""
        ((_, count),) = await self.redis.pubsub_numsub(self.store.keys.channel(job.tenant, job.id))
        return int(count)

    async def dump(self) -> dict[str, Any]:
        """Return all that Redis holds under the prefix, without what goes by itself in a minute."""
        names = [name async for name in self.redis.scan_iter(f"{PREFIX}:*", count=1000)]
        pipeline: Any = self.redis.pipeline()
        for name in names:
            pipeline.type(name).ttl(name)
        answers = await pipeline.execute()
        lasting = [
            (name, kind) for name, kind, ttl in zip(names, answers[::2], answers[1::2], strict=True) if ttl == -1
        ]
        for name, kind in lasting:
            match kind:
                case b"hash":
                    pipeline.hgetall(name)
                case b"zset":
                    pipeline.zrange(name, 0, -1, withscores=True)
                case b"set":
                    pipeline.smembers(name)
                case b"list":
                    pipeline.lrange(name, 0, -1)
                case b"stream":
                    pipeline.xrange(name)
                case _:
                    pipeline.get(name)
        values = await pipeline.execute()
        return {
            name.decode(): dict(value) if kind == b"zset" else value
            for (name, kind), value in zip(lasting, values, strict=True)
        }
