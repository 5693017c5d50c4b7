"""What workers do with the store: claim, renew, report, keep the ledger, finish, sweep."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Literal, cast

from core.errors import FencedError
from core.job import (
    ErrorReason,
    Generation,
    GenerationState,
    Job,
    JobError,
    JobId,
    JobKind,
    JobState,
    Tenant,
    sources_of,
)
from core.store import scripts, tickets
from core.store.connection import translated
from core.store.durations import Durations
from core.store.keys import Keys
from core.store.packing import milliseconds, pack, pairs
from core.store.records import job_of, progress_argument
from core.store.rows import error_argument, generation_argument, generation_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import timedelta

    from redis.asyncio import Redis

    from core.job import Progress

#: Things mended or forgotten in one call of a sweeping script, so that it never holds Redis up.
BATCH: Final = 100
#: Silence after which a Dramatiq process counts as dead.
DRAMATIQ_SILENCE_MS: Final = 60_000

_WORKER_LOST: Final = JobError(
    reason=ErrorReason.WORKER_LOST, message="The worker died in each of the job's attempts.", retryable=True
)
_NOT_STARTED: Final = JobError(
    reason=ErrorReason.TIME_LIMIT,
    message="The job was not started within the time that its caller allowed; nothing was paid.",
    retryable=True,
    metadata={"limit": "expire_if_not_started_after"},
)


class Outcome(StrEnum):
    """How an attempt ends."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    RETRY = "retry"  #: pending again, after a delay
    INTERRUPTED = "interrupted"  #: pending again at its old place; costs no attempt

    @property
    def state(self) -> JobState:
        """The state that the job goes to."""
        return JobState.PENDING if self in {Outcome.RETRY, Outcome.INTERRUPTED} else JobState(self.value)


class Take(StrEnum):
    """Which provider slots a step may take."""

    ANY = "take"  #: any that is free
    BEHIND = "behind"  #: any, but not while jobs wait for their claim
    OWN = "own"  #: what is the job's already: the step's, or the one that the claim took


class Hold(StrEnum):
    """What a heartbeat learns of an attempt."""

    HELD = "held"
    CANCELLING = "cancelling"  #: held, and its cancellation was asked for
    LOST = "lost"  #: somebody else may have it


@dataclass(frozen=True, slots=True, kw_only=True)
class KindRule:
    """What the scheduler knows of a kind."""

    cap: int = 0
    """Jobs of the kind that run at once, over all tenants; 0: no cap."""
    needs_provider: bool = True
    """Whether a claim takes a provider slot with the job."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What the scheduler goes by."""

    provider_slots: int
    """Generations that run at the provider at once, over all workers."""
    tenant_cap: int = 0
    """Jobs that a tenant runs at once; 0: no cap."""
    weights: Mapping[str, float] = field(default_factory=dict)
    """The shares of tenants inside a class; 1 for those that are not named."""
    floor: int = 20
    """Every so many claims a lower class goes first."""
    kinds: Mapping[JobKind, KindRule]

    def argument(self) -> bytes:
        """Return the policy as the argument that claim.lua takes."""
        kinds = {
            kind.value: {"cap": rule.cap, "provider": int(rule.needs_provider)} for kind, rule in self.kinds.items()
        }
        return pack(
            {
                "floor": self.floor,
                "provider": self.provider_slots,
                "tenant": self.tenant_cap,
                "weights": dict(self.weights),
                "kinds": kinds,
            }
        )


@dataclass(frozen=True, slots=True)
class AttemptKey:
    """Which attempt of which job: what a fenced write is checked against."""

    tenant: Tenant
    job_id: JobId
    attempt: int


class AttemptStore:
    """The running attempts in Redis. Every write is one atomic step that a stale attempt cannot make."""

    def __init__(self, redis: Redis, *, prefix: str, events_per_job: int, lease: timedelta, policy: Policy) -> None:
        self.keys = Keys(prefix)
        self.durations = Durations(redis, self.keys)
        self._redis = redis
        self._events_per_job = events_per_job
        self._lease_ms = milliseconds(lease)
        self._policy = policy
        self._policy_argument = policy.argument()
        self._tickets = (tickets.template(), tickets.MOST_WAITING)
        self._scripts = {
            name: scripts.load(redis, prefix, name)
            for name in ("claim", "heartbeat", "report", "ledger", "finish", "salvage", "slot", "sweep", "expire")
        }

    async def claim(self, worker: str, nonce: str) -> Job | None:
        """Start an attempt at the best job that may run now; None: there is none.

        Args:
            nonce: a fresh random text; the same one again gives the same job, so a lost answer loses no job.
        """
        verdict, *details = await self._scripts["claim"](
            *(scripts.SERVER_CLOCK, self._events_per_job, worker, self._lease_ms, nonce, self._policy_argument)
        )
        if verdict == b"none":
            return None
        tenant, _, _, record = details
        return job_of(Tenant(tenant.decode()), pairs(record))

    async def heartbeat(self, keys: Sequence[AttemptKey]) -> list[Hold]:
        """Renew the leases of attempts, and return what became of each."""
        verdicts = await self._scripts["heartbeat"](
            *(scripts.SERVER_CLOCK, self._lease_ms),
            *(pack([key.tenant, key.job_id, key.attempt]) for key in keys),
        )
        return [Hold(verdict.decode()) for verdict in verdicts]

    async def report(
        self, key: AttemptKey, progress: Progress | None, logs: Sequence[str] = (), *, intent: str = ""
    ) -> None:
        """Log how far an attempt is and what the model wrote in a generation (by its intent).

        Raises:
            FencedError: the attempt no longer holds the job.
        """
        (verdict,) = await self._scripts["report"](
            *(scripts.SERVER_CLOCK, self._events_per_job, key.tenant, key.job_id, key.attempt),
            *(b"" if progress is None else progress_argument(progress), intent, *logs),
        )
        _check(verdict)

    async def record(
        self,
        key: AttemptKey,
        generation: Generation,
        *,
        replaces: Iterable[GenerationState | Literal["absent"]],
        output: bytes = b"",
    ) -> Generation | None:
        """Write a row of the ledger; the job becomes PROCESSING with its first accepted generation.

        Args:
            replaces: the states in which the row may stand now.
            output: what the generation made (JSON), stored in the same step.

        Returns:
            None, or the row as it is when it stands in another state; nothing is written then.

        Raises:
            FencedError: the attempt no longer holds the job. A SUBMITTED row was written all the same if the intention
                that it answers still stood: the provider's id of a paid generation must not be lost.
            LookupError: there is no row, though *replaces* wants one: a mistake of the caller.
        """
        accepted = generation.state is GenerationState.SUBMITTED
        verdict, *details = await self._scripts["ledger"](
            *(scripts.SERVER_CLOCK, self._events_per_job, key.tenant, key.job_id, key.attempt),
            *(generation.step, generation_argument(generation), ",".join(replaces), output),
            JobState.PROCESSING if accepted else "",
            ",".join(sorted(sources_of(JobState.PROCESSING))),
        )
        if verdict == b"salvaged":
            raise FencedError(metadata={"salvaged": generation.step})
        _check(verdict)
        if verdict != b"conflict":
            return None
        if not details[0]:
            raise LookupError(f"the ledger has no row of the step {generation.step!r}")
        return generation_of(details[0])

    async def output(self, key: AttemptKey, step: str) -> bytes | None:
        """Return what a completed generation made (JSON)."""
        with translated():
            output = await self._redis.hget(self.keys.outputs(key.tenant, key.job_id), step)
        return cast("bytes | None", output)

    async def salvage(self, key: AttemptKey, result: bytes) -> None:
        """Keep what is paid for and can be used: a job that fails without a result carries the last of it.

        Raises:
            FencedError: the attempt no longer holds the job.
        """
        (verdict,) = await self._scripts["salvage"](key.tenant, key.job_id, key.attempt, result)
        _check(verdict)

    async def take_slot(self, key: AttemptKey, step: str, how: Take = Take.ANY) -> bool:
        """Take a provider slot for a step, or the one that it has already; False: there is none for it.

        Raises:
            FencedError: the attempt no longer holds the job.
        """
        verdict = await self._slot(how, key, step)
        _check(verdict)
        return verdict == b"taken"

    async def free_slot(self, key: AttemptKey, step: str, *, heir: str = "") -> bool:
        """Give a step's provider slot back, or hand it to another step; an attempt that lost the job changes nothing.

        Returns:
            Whether the other step has a slot now.
        """
        return await self._slot("give", key, step, heir) == b"handed"

    async def _slot(self, verb: str, key: AttemptKey, step: str, heir: str = "") -> bytes:
        (verdict,) = await self._scripts["slot"](
            *(verb, self._policy.provider_slots, key.tenant, key.job_id, key.attempt, step, heir)
        )
        return cast("bytes", verdict)

    async def finish(
        self,
        key: AttemptKey,
        outcome: Outcome,
        *,
        result: bytes = b"",
        error: JobError | None = None,
        delay: timedelta | None = None,
    ) -> JobState:
        """End an attempt and return the state of the job, which is CANCELLED if that was asked for meanwhile.

        Raises:
            FencedError: the attempt no longer holds the job.
        """
        verdict, *details = await self._scripts["finish"](
            *(scripts.SERVER_CLOCK, self._events_per_job, *self._tickets, key.tenant, key.job_id, key.attempt),
            *(outcome, ",".join(sorted(sources_of(outcome.state))), result),
            *(b"" if error is None else error_argument(error), 0 if delay is None else milliseconds(delay)),
        )
        _check(verdict)
        return JobState(details[0].decode())

    async def sweep(self) -> list[tuple[str, str]]:
        """Mend lost leases, due retries and missing tickets; return what was done to which job (tenant/id)."""
        flat = await self._scripts["sweep"](
            *(scripts.SERVER_CLOCK, self._events_per_job, *self._tickets),
            *(error_argument(_WORKER_LOST), BATCH, DRAMATIQ_SILENCE_MS, error_argument(_NOT_STARTED)),
        )
        return [(verdict.decode(), job.decode()) for verdict, job in zip(flat[::2], flat[1::2], strict=True)]

    async def expire(self) -> int:
        """Forget up to BATCH jobs whose retention has passed; return how many."""
        return int(await self._scripts["expire"](scripts.SERVER_CLOCK, BATCH))


def _check(verdict: bytes) -> None:
    if verdict == b"fenced":
        raise FencedError
