"""A crowd of callers and workers who do everything that can be done, at random, in a repeatable order."""

from __future__ import annotations

import dataclasses
import random
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, cast

from core.errors import FencedError, SegueError
from core.job import GenerationState, Job, JobId, JobKind, JobState, Progress, Submission, Tenant
from core.store.attempts import KindRule, Outcome, Policy
from core.store.control import Scope
from tests.integration.core.engine import LEASE, PREFIX, RETENTION, generation, key_of, submission

if TYPE_CHECKING:
    from core.job import Generation
    from tests.integration.core.engine import Clock, Engine

TENANTS: Final = ("a", "b", "c")
SCOPES: Final = (Scope(), Scope(tenant=Tenant("a")), Scope(kind=JobKind.MODEL))
TIGHT: Final = Policy(
    provider_slots=3,
    tenant_cap=2,
    weights={"a": 3, "b": 0.5},
    floor=5,
    kinds={
        JobKind.TRANSITION: KindRule(cap=3),
        JobKind.MODEL: KindRule(cap=2),
        JobKind.SCRIPT_VIDEO: KindRule(),
        JobKind.COMPOSITION: KindRule(cap=1, needs_provider=False),
    },
)
#: What is done how often.
DEEDS: Final = {
    "submit": 6,
    "submit_batch": 2,
    "claim": 12,
    "step": 24,
    "report": 6,
    "finish": 6,
    "cancel": 3,
    "retry": 4,
    "release": 2,
    "delete": 1,
    "pause": 1,
    "resume": 2,
    "heartbeat": 4,
    "sweep": 6,
    "expire": 1,
}


@dataclass
class Crowd:
    """Everybody who uses one engine."""

    engine: Engine
    clock: Clock
    seed: int
    jobs: dict[str, Job] = field(default_factory=dict)
    batches: list[tuple[Tenant, Any]] = field(default_factory=list)
    attempts: list[Job] = field(default_factory=list)
    """All that were ever claimed; most have been lost or have ended."""
    at_provider: set[str] = field(default_factory=set)
    """What runs at the provider for a job that has not ended: tenant/job/step."""

    def __post_init__(self) -> None:
        self.dice = random.Random(self.seed)  # noqa: S311 - repeatable on purpose
        self.number = 0

    async def act(self) -> str:
        """Do something, and return what."""
        deed = self.dice.choices(list(DEEDS), list(DEEDS.values()))[0]
        with suppress(SegueError):  # refusals and fences are as good as successes here
            await getattr(self, deed)()
        return deed

    def wanted(self, tenant: str) -> Submission:
        """Return a submission like no other; one in five awaits others of its tenant."""
        dice = self.dice
        own = [JobId(id_) for id_, job in self.jobs.items() if job.tenant == tenant]
        self.number += 1
        return submission(
            kind=dice.choice(list(JobKind)),
            priority=dice.randint(1, 10),
            hold=dice.random() < 0.1,
            owner=dice.choice(["", "ann"]),
            labels=dice.choice([{}, {"n": str(self.number % 3)}]),
            request_id=dice.choice(["", f"request {self.number}"]),
            schedule_time=self.clock.time + timedelta(seconds=dice.choice([0, 30])) if dice.random() < 0.2 else None,
            longest_wait=timedelta(seconds=40) if dice.random() < 0.2 else None,
            max_attempts=dice.choice([1, 3]),
            awaits=tuple(dice.choices(own, k=2)) if own and dice.random() < 0.2 else (),
        )

    async def submit(self) -> None:
        tenant = self.dice.choice(TENANTS)
        job = await self.engine.submit(tenant, **_fields(self.wanted(tenant)))
        self.jobs[job.id] = job

    async def submit_batch(self) -> None:
        tenant = self.dice.choice(TENANTS)
        wanted = [self.wanted(tenant) for _ in range(self.dice.randint(1, 4))]
        self.number += 1
        made, batch_id = await self.engine.submit_batch(wanted, tenant=tenant, request_id=f"batch {self.number}")
        self.batches.append((Tenant(tenant), batch_id))
        self.jobs |= {job.id: job for job in made or []}

    async def claim(self) -> None:
        if (job := await self.engine.claim()) is not None:
            self.attempts.append(job)

    def _attempt(self) -> Job | None:
        """Return an attempt, mostly a young one."""
        few = self.attempts[-6:] if self.dice.random() < 0.9 else self.attempts
        return self.dice.choice(few) if few else None

    async def step(self) -> None:
        """Bring a step of an attempt one further, as the worker's ledger does."""
        if (job := self._attempt()) is None:
            return
        name = self.dice.choice(["first", "second"])
        rows = {row.step: row for row in (await self.engine.now(job)).generations}
        row, slot, key = rows.get(name), f"{job.tenant}/{job.id}/{name}", key_of(job)
        attempts = self.engine.attempts
        if row is not None and row.state is GenerationState.INTENDED:
            await self._after_intention(job, row)
        elif (row is not None and row.state is GenerationState.COMPLETED) or not await attempts.take_slot(key, name):
            return
        elif row is None or row.state is not GenerationState.SUBMITTED:
            intended = generation(GenerationState.INTENDED, name, intent=f"{job.attempt}")
            await attempts.record(key, intended, replaces=["absent", GenerationState.FAILED, GenerationState.UNKNOWN])
        elif slot not in self.at_provider:
            self.at_provider.add(slot)  # attached to what an earlier round left running
        else:
            end = self.dice.choice([GenerationState.COMPLETED, GenerationState.FAILED])
            ended = generation(end, name, intent=row.intent)
            await attempts.record(key, ended, replaces=[GenerationState.SUBMITTED])
            self.at_provider.discard(slot)
            await attempts.free_slot(key, name)

    async def _after_intention(self, job: Job, row: Generation) -> None:
        """The submit is answered, perhaps after its lease was lost; or a successor cannot know whether it was made."""
        own = row.intent == f"{job.attempt}"
        state = GenerationState.SUBMITTED if own else GenerationState.UNKNOWN
        after = generation(state, row.step, intent=row.intent)
        slot = f"{job.tenant}/{job.id}/{row.step}"
        try:
            await self.engine.attempts.record(key_of(job), after, replaces=[GenerationState.INTENDED])
        except FencedError as error:
            # Accepted for a job that has ended meanwhile, it runs without a slot: nobody can help it.
            if "salvaged" in error.metadata and slot in await self.engine.slots():
                self.at_provider.add(slot)
            raise
        if own:
            self.at_provider.add(slot)

    async def report(self) -> None:
        if (job := self._attempt()) is not None:
            progress = Progress(fraction=self.dice.choice([None, 0, 0.1, 0.25, 0.9, 1]), stage="s")
            await self.engine.attempts.report(key_of(job), progress, ["line"], intent=f"{job.attempt}")

    async def finish(self) -> None:
        if (job := self._attempt()) is not None:
            await self.engine.finish(job, self.dice.choice(list(Outcome)), delay=timedelta(seconds=20))

    def _job(self) -> Job:
        return self.dice.choice(list(self.jobs.values()))

    async def cancel(self) -> None:
        if self.jobs:
            await self.engine.cancel(self._job().tenant, self._job().id)

    async def retry(self) -> None:
        if self.jobs:
            self.number += 1
            await self.engine.retry(self._job(), request_id=self.dice.choice(["", f"retry {self.number}"]))

    async def release(self) -> None:
        if self.jobs:
            job = self._job()
            await self.engine.control.release(job.tenant, [job.id])

    async def delete(self) -> None:
        if self.jobs:
            job = self._job()
            await self.engine.control.delete(job.tenant, job.id)

    async def pause(self) -> None:
        await self.engine.control.pause(self.dice.choice(SCOPES))

    async def resume(self) -> None:
        for scope in SCOPES:
            await self.engine.control.resume(scope)

    async def heartbeat(self) -> None:
        await self.engine.attempts.heartbeat([key_of(job) for job in self.attempts[-8:]])

    async def sweep(self) -> None:
        self.clock.advance(self.dice.choice([timedelta(seconds=1), LEASE / 2, LEASE]))
        await self.engine.attempts.sweep()

    async def expire(self) -> None:
        if self.dice.random() < 0.1:
            self.clock.advance(RETENTION)
        await self.engine.attempts.expire()

    async def running_at_provider(self) -> set[str]:
        """Return what runs at the provider for jobs that have not ended: what fal bills a job that has is not ours."""
        for slot in list(self.at_provider):
            tenant, id_, _ = slot.split("/")
            state = cast("bytes | None", await self.engine.redis.hget(f"{PREFIX}:job:{tenant}:{id_}", "state"))
            if state is None or JobState(state.decode()).is_terminal:
                self.at_provider.discard(slot)
        return self.at_provider

    async def look(self) -> None:
        """Forget the jobs that no longer exist."""
        for job in list(self.jobs.values()):
            if not await self.engine.redis.exists(self.engine.store.keys.job(job.tenant, job.id)):
                del self.jobs[job.id]

    async def go_home(self) -> None:
        """End every job, and let them all be forgotten."""
        await self.resume()
        while self.jobs:
            for job in self.jobs.values():
                with suppress(SegueError):
                    await self.engine.cancel(job.tenant, job.id)
            self.clock.advance(LEASE)
            await self.engine.attempts.sweep()
            while (job_ := await self.engine.claim()) is not None:
                await self.engine.finish(job_, Outcome.CANCELLED)
            self.clock.advance(RETENTION)
            while await self.engine.attempts.expire():
                pass
            await self.look()
        self.attempts.clear()


def _fields(wanted: Submission) -> dict[str, Any]:
    return {field.name: getattr(wanted, field.name) for field in dataclasses.fields(wanted)}
