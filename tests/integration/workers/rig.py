"""A store, an emulated fal, and workers between them that live in the test's own loop."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from core.errors import StoreUnavailableError
from core.events.event import LogWritten, ProgressMade
from core.ids import time_ordered_ids
from core.job import DEFAULT_TENANT, Generation, GenerationState, Job, JobId, JobKind, JobState, Submission, Tenant
from core.store.attempts import AttemptKey, AttemptStore, KindRule, Policy
from core.store.control import JobControl
from core.store.feeds import JobFeed
from core.store.jobs import JobStore
from core.tasks import ended
from emulator.faults import Fault, FaultOrder
from segue.v1.job_pb2 import JobResult
from segue.v1.spec_pb2 import JobSpec, ModelSpec
from workers import control
from workers.attempts import Attempts, RetryPolicy
from workers.fal.gateway import FalGateway
from workers.fal.limits import Timeouts
from workers.polling import PollPolicy

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from redis.asyncio import Redis

    from emulator.app import Emulator
    from emulator.records import FalRequest
    from workers.run import Run

    Recipe = Callable[[Run, Any], Awaitable[JobResult]]

PREFIX: Final = "{test}"
#: An endpoint that answers with its arguments.
ECHO: Final = "segue/echo"
KEY: Final = "test-key-0123456789"
#: Longer than this process, on a machine that is shared, may be kept from renewing it.
LEASE: Final = timedelta(seconds=15)
#: For workers whose heartbeat, or whose death, a test waits for.
SHORT_LEASE: Final = timedelta(seconds=0.6)
RETRIES: Final = RetryPolicy(first=timedelta(seconds=0.1), longest=timedelta(seconds=0.3))
POLLS: Final = PollPolicy(first=timedelta(seconds=0.02), longest=timedelta(seconds=0.04))
#: None that a machine that is busy runs out of: who waits for one asks for a shorter one.
TIMEOUTS: Final = Timeouts(
    submit=timedelta(seconds=30),
    poll=timedelta(seconds=30),
    result=timedelta(seconds=30),
    cancel=timedelta(seconds=30),
)
#: Seconds that a test waits for what has to come.
PATIENCE: Final = 30.0


async def eventually(condition: Callable[[], Awaitable[bool] | bool], *, within: float = PATIENCE) -> None:
    """Return when the condition holds.

    Raises:
        TimeoutError: it did not in time.
    """
    async with asyncio.timeout(within):
        while True:
            held = condition()
            if held if isinstance(held, bool) else await held:
                return
            await asyncio.sleep(0.005)


class Gateway(FalGateway):
    """A gateway on which fal's answers to submits can be late."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.answered = asyncio.Event()
        """Not set: answers that have come are held back."""
        self.answered.set()

    async def submit(self, endpoint: str, arguments: Mapping[str, Any]) -> str:
        """Send one POST."""
        request_id = await super().submit(endpoint, arguments)
        await self.answered.wait()
        return request_id


class Worker:
    """What a worker process does, as tasks of the test's loop. Slots ask for jobs instead of waiting for tickets."""

    def __init__(self, rig: Rig, attempts: Attempts, gateway: Gateway) -> None:
        self.attempts = attempts
        self.gateway = gateway
        self._rig = rig
        self._tasks: list[asyncio.Task[None]] = []
        self._slots: list[asyncio.Task[None]] = []

    def start(self, *, slots: int = 1, hears: bool = True, keeps_leases: bool = True) -> Worker:
        """Begin to take jobs."""
        if keeps_leases:
            self.keep_leases()
        if hears:
            keys = self.attempts.store.keys
            self._spawn(control.listen(self._rig.redis, keys.control, self.attempts.cancel))
        self._slots += [asyncio.create_task(self._slot()) for _ in range(slots)]
        return self

    def keep_leases(self) -> None:
        """Begin to renew leases."""
        self._spawn(self.attempts.keep_leases())

    async def _slot(self) -> None:
        while not self.attempts._stopping:
            await self.attempts.work()
            await asyncio.sleep(0.01)

    def _spawn(self, work: Any) -> None:
        self._tasks.append(asyncio.create_task(work))

    def takes_no_more(self) -> None:
        """Go on with what it has, and claim nothing else."""
        self.attempts._stopping = True

    async def interrupted(self) -> None:
        """Stop as on SIGTERM, and return when every job is given back."""
        self.attempts.interrupt()
        await asyncio.gather(*self._slots)
        await self.died()

    async def died(self) -> None:
        """Be gone without another word, as after SIGKILL."""
        await ended(*self._tasks, *self._slots)


class Rig:
    """Everything around the attempts that a test wants to look at."""

    def __init__(self, redis: Redis, fal: Emulator) -> None:
        self.redis = redis
        self.fal = fal
        self.store = JobStore(redis, prefix=PREFIX, events_per_job=1000)
        self.control = JobControl(redis, prefix=PREFIX, events_per_job=1000)
        self._gateways: list[FalGateway] = []
        self._workers: list[Worker] = []
        self._sweeper: asyncio.Task[None] | None = None

    async def cancel(self, tenant: Tenant, job_id: JobId) -> Job:
        """Ask for a job's cancellation, and return it as it then stands."""
        await self.control.cancel(tenant, job_id)
        return await self.store.get(tenant, job_id)

    # -- workers --------------------------------------------------------------------------------------

    def attempt_store(self, *, slots: int = 20, lease: timedelta = LEASE) -> AttemptStore:
        """Return a worker's face of the store, with so many provider slots."""
        policy = Policy(provider_slots=slots, kinds={kind: KindRule() for kind in JobKind})
        return AttemptStore(self.redis, prefix=PREFIX, events_per_job=1000, lease=lease, policy=policy)

    def gateway(self, url: str = "", *, timeouts: Timeouts = TIMEOUTS) -> Gateway:
        """Return a worker's gateway; by default to the emulator."""
        gateway = Gateway(key=KEY, base_url=url or self.fal.url, timeouts=timeouts)
        self._gateways.append(gateway)
        return gateway

    def worker(
        self,
        *,
        provider_slots: int = 20,
        lease: timedelta = LEASE,
        fal_url: str = "",
        timeouts: Timeouts = TIMEOUTS,
    ) -> Worker:
        """Return another worker, not started."""
        gateway = self.gateway(fal_url, timeouts=timeouts)
        attempts = Attempts(
            store=self.attempt_store(slots=provider_slots, lease=lease),
            gateway=gateway,
            worker=f"worker-{uuid4().hex[:6]}",
            lease=lease,
            polls=POLLS,
            retries=RETRIES,
        )
        worker = Worker(self, attempts, gateway)
        self._workers.append(worker)
        return worker

    def sweeping(self) -> None:
        """Mend what crashes leave behind, from now on; faster than the sweeper of a process."""

        async def sweep() -> None:
            store = self.attempt_store()
            while True:
                await store.sweep()
                await asyncio.sleep(0.03)

        self._sweeper = asyncio.create_task(sweep())

    async def close(self) -> None:
        """Stop all that the test has left running."""
        if self._sweeper is not None:
            await ended(self._sweeper)
        for worker in self._workers:
            await worker.died()
        for gateway in self._gateways:
            await gateway.aclose()

    # -- jobs -----------------------------------------------------------------------------------------

    async def submit(self, *, endpoint: str = ECHO, arguments: dict[str, Any] | None = None, **changes: Any) -> Job:
        """Submit a job that asks a model for something."""
        spec = ModelSpec(endpoint=endpoint)
        spec.arguments.update(arguments or {"prompt": "a boat"})
        usual: dict[str, Any] = {
            "kind": JobKind.MODEL,
            "spec": JobSpec(model=spec).SerializeToString(),
            "priority": 5,
            "time_limit": timedelta(minutes=5),
            "retention": timedelta(hours=1),
            "max_attempts": 3,
        }
        tenant = Tenant(changes.pop("tenant", DEFAULT_TENANT))
        job, _ = await self.store.submit(tenant, JobId(time_ordered_ids()[0]), Submission(**{**usual, **changes}))
        assert job is not None
        return job

    async def now(self, job: Job) -> Job:
        """Return the job as it stands."""
        return await self.store.get(job.tenant, job.id)

    async def until(self, job: Job, *states: JobState, within: float = PATIENCE) -> Job:
        """Wait for a state (by default for the end), and return the job in it."""
        wanted = states or (JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED)
        seen: list[Job] = []

        async def reached() -> bool:
            try:
                seen.append(await self.now(job))
            except StoreUnavailableError:
                return False  # asked again, as everybody does
            return seen[-1].state in wanted

        try:
            await eventually(reached, within=within)
        except TimeoutError:
            raise AssertionError(f"not {wanted} but {seen[-1:]}") from None
        return seen[-1]

    async def generation(self, job: Job) -> Generation:
        """Return the only generation of a job."""
        (row,) = (await self.now(job)).generations
        return row

    async def recorded(self, job: Job, *, count: int = 1) -> None:
        """Return when the ledger knows of *count* generations, and the id of each that fal has accepted."""

        async def known() -> bool:
            ids = {row.provider_request_id for row in (await self.now(job)).generations}
            return len(ids) >= count and {request.id for request in self.requests} <= ids

        await eventually(known)

    async def heard(self) -> None:
        """Return when a worker hears whose cancellation was asked for."""

        async def subscribed() -> bool:
            return bool((await self.redis.pubsub_numsub(self.store.keys.control))[0][1])

        await eventually(subscribed)

    async def logs(self, job: Job) -> list[str]:
        """Return what the model wrote, as the job's log holds it."""
        events = await JobFeed(self.store, self.redis, job.tenant, job.id).events(after=0)
        return [event.text for event in events if isinstance(event, LogWritten)]

    async def fractions(self, job: Job) -> list[float]:
        """Return the fractions of progress that a job's log holds."""
        events = await JobFeed(self.store, self.redis, job.tenant, job.id).events(after=0)
        progress = [event.progress.fraction for event in events if isinstance(event, ProgressMade)]
        return [fraction for fraction in progress if fraction is not None]

    async def lost(self, job: Job) -> None:
        """Let the lease of a job's attempt run out at once, as if its worker had died a while ago."""
        await self.redis.zadd(f"{PREFIX}:leases", {f"{job.tenant}/{job.id}": 1}, xx=True)

    # -- fal ------------------------------------------------------------------------------------------

    def order(self, fault: Fault, **details: Any) -> None:
        """Let a fault strike."""
        self.fal.context.faults.add(FaultOrder(fault=fault, **details))

    def behave(self, **settings: Any) -> None:
        """Change how fal behaves."""
        self.fal.context.behaviour.change(settings)

    @property
    def requests(self) -> list[FalRequest]:
        """What fal has accepted, oldest first."""
        return list(self.fal.context.ledger.requests)

    @property
    def books(self) -> tuple[int, int]:
        """How many submits fal has accepted, and how many it bills."""
        counts = self.fal.context.ledger.counts()
        return counts["submits"], counts["billed"]


def key_of(job: Job) -> AttemptKey:
    """Return the attempt that a claim has started."""
    return AttemptKey(job.tenant, job.id, job.attempt)


def result_of(job: Job) -> JobResult:
    """Return the result of a finished job."""
    return JobResult.FromString(job.result or b"")


async def left_behind(rig: Rig, **changes: Any) -> Job:
    """Return a job whose worker died between the intention and fal's id."""
    job = await rig.submit(**changes)
    store = rig.attempt_store()
    claimed = await store.claim("dead", "nonce")
    assert claimed is not None
    intended = Generation(
        step="model",
        endpoint=ECHO,
        state=GenerationState.INTENDED,
        intent="an intention",
        input_digest="",
        submit_time=datetime.now(UTC),
    )
    await store.record(key_of(claimed), intended, replaces=["absent"])
    await rig.lost(job)
    return job
