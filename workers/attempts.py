"""Attempts at jobs: claims them, keeps their leases, performs their recipes, and records what became of them.

Knows no Dramatiq: `work` is what a ticket is spent on.
"""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum, auto
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

import structlog

from core.errors import FencedError, StoreUnavailableError
from core.job import ErrorReason, Job, JobError, JobState
from core.store.attempts import AttemptKey, Hold, Outcome
from core.tasks import ended
from workers.errors import JobFailedError, most_telling
from workers.generations import Ledger
from workers.persistence import persistently
from workers.recipes import perform
from workers.run import Run
from workers.slots import SlotLine

if TYPE_CHECKING:
    from core.store.attempts import AttemptStore
    from workers.fal.gateway import FalGateway
    from workers.polling import PollPolicy
    from workers.studio import Studio

log = structlog.get_logger(__name__)

#: Attempts whose leases are renewed in one call.
HEARTBEAT_CHUNK: Final = 500
#: Doublings of the wait for a retry: beyond any longest wait, within what a timedelta holds.
MOST_DOUBLINGS: Final = 24
#: Attempts that begin at once: from the claim until a generation is at the provider. Enough to keep its connections
#: for submits busy. Thousands together would wait for one longer than they may, and keep heartbeats from Redis.
MOST_STARTING: Final = 64
#: Pause before a claim that Redis did not answer is repeated, in seconds.
CLAIM_PAUSE: Final = 0.5


class Stop(Enum):
    """Why an attempt is stopped from outside."""

    CANCEL = auto()  #: its caller wants no result
    LOST = auto()  #: somebody else may have the job
    INTERRUPT = auto()  #: this process stops
    TIME_LIMIT = auto()  #: the job's time is over


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How long a job waits after a failed attempt."""

    first: timedelta
    longest: timedelta

    def delay(self, tries: int, retry_after: timedelta | None) -> timedelta:
        """Return the wait after so many tries; what the provider asks for counts if it is longer."""
        grown = min(self.longest, self.first * (1 << min(MOST_DOUBLINGS, max(0, tries - 1))))
        return max(grown, retry_after or timedelta())


@dataclass(slots=True)
class _Attempt:
    """An attempt that runs in this process."""

    job: Job
    key: AttemptKey
    ledger: Ledger
    run: Run
    stop: Stop | None = None
    stopped: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    """Done once it is stopped. A future: an event and a task that waits for it would cost each attempt 3 KB."""

    def end(self, why: Stop) -> None:
        """Stop the recipe; the first reason counts, except that a lost lease overrules all."""
        if self.stop is None or why is Stop.LOST:
            self.stop = why
        if not self.stopped.done():
            self.stopped.set_result(None)


@dataclass(frozen=True, slots=True)
class _End:
    """What is to be recorded of an attempt."""

    outcome: Outcome
    result: bytes = b""
    error: JobError | None = None
    delay: timedelta | None = None


@dataclass(slots=True, kw_only=True)
class Attempts:
    """The attempts of this process."""

    store: AttemptStore
    gateway: FalGateway
    worker: str
    """The id of this process, unique for ever."""
    lease: timedelta
    polls: PollPolicy
    retries: RetryPolicy
    studio: Studio | None = None
    """The tools of recipes that work on media; None: there are none."""
    _slots: SlotLine = field(init=False)
    _running: dict[str, _Attempt] = field(default_factory=dict)
    _starting: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MOST_STARTING))
    _claims: dict[str, set[str]] = field(default_factory=dict)
    """The claims under way, by their nonces, with the cancellations that were heard meanwhile."""
    _stopping: bool = False

    def __post_init__(self) -> None:
        self._slots = SlotLine(self.store)

    @property
    def running(self) -> int:
        """How many attempts run."""
        return len(self._running)

    async def work(self) -> None:
        """Give one slot to the best job that may run now, then to the next, while there are any."""
        while not self._stopping:
            with await self._start() as start:
                heard: set[str] = set()
                job = await self._claim(heard)
                if job is None:
                    return
                await self._attempt(job, start, cancelled=f"{job.tenant}/{job.id}" in heard)

    async def _start(self) -> ExitStack:
        """Wait until another attempt may begin; closing what is returned lets the next one, and may be repeated."""
        await self._starting.acquire()
        start = ExitStack()
        start.callback(self._starting.release)
        return start

    async def _claim(self, heard: set[str]) -> Job | None:
        """Claim the best job, again and again under one nonce: an answer that was lost must not lose the job."""
        nonce = uuid4().hex
        self._claims[nonce] = heard
        try:
            while not self._stopping:
                try:
                    return await self.store.claim(self.worker, nonce)
                except StoreUnavailableError:
                    log.warning("claim.failed", retry_seconds=CLAIM_PAUSE)
                    await asyncio.sleep(CLAIM_PAUSE)
            return None
        finally:
            del self._claims[nonce]

    def cancel(self, name: str) -> None:
        """Stop the attempt at the job *name* (tenant/id), if it runs here or is about to."""
        for heard in self._claims.values():
            heard.add(name)
        if attempt := self._running.get(name):
            attempt.end(Stop.CANCEL)

    def interrupt(self) -> None:
        """Claim no more, and give back every job to its place in the queue."""
        self._stopping = True
        for attempt in self._running.values():
            attempt.end(Stop.INTERRUPT)

    async def keep_leases(self) -> None:
        """Renew the leases three times in their length, for ever; learn what was lost or cancelled meanwhile."""
        while True:
            await asyncio.sleep(self.lease.total_seconds() / 3)
            attempts = list(self._running.values())
            for start in range(0, len(attempts), HEARTBEAT_CHUNK):
                chunk = attempts[start : start + HEARTBEAT_CHUNK]
                try:
                    holds = await self.store.heartbeat([attempt.key for attempt in chunk])
                except StoreUnavailableError:
                    log.warning("heartbeat.failed", attempts=len(attempts))
                    continue
                for attempt, hold in zip(chunk, holds, strict=True):
                    if hold is Hold.LOST:
                        attempt.end(Stop.LOST)
                    elif hold is Hold.CANCELLING:
                        attempt.end(Stop.CANCEL)

    async def _attempt(self, job: Job, start: ExitStack, *, cancelled: bool) -> None:
        key = AttemptKey(job.tenant, job.id, job.attempt)
        ledger = Ledger(
            job,
            key,
            store=self.store,
            gateway=self.gateway,
            polls=self.polls,
            slots=self._slots,
            following=start.close,
        )
        attempt = _Attempt(job, key, ledger, Run(job, key, store=self.store, ledger=ledger, studio=self.studio))
        name = f"{job.tenant}/{job.id}"
        with structlog.contextvars.bound_contextvars(tenant=job.tenant, job_id=job.id, attempt=job.attempt):
            self._running[name] = attempt
            # What came while the claim was on its way; the heartbeat would tell it too, but later.
            if job.state is JobState.CANCELLING or cancelled:
                attempt.end(Stop.CANCEL)
            elif self._stopping:
                attempt.end(Stop.INTERRUPT)
            log.info("attempt.started", kind=job.kind)
            try:
                end = await self._performed(attempt)
                if end is not None:
                    if end.outcome is Outcome.FAILED:
                        # Steps beside the one that failed may still run at fal, for nobody.
                        await ledger.cancel()
                    await self._finish(attempt, end)
            except FencedError:
                log.warning("attempt.fenced")
            finally:
                # A second attempt of the same process may have taken the name already.
                if self._running.get(name) is attempt:
                    del self._running[name]

    async def _performed(self, attempt: _Attempt) -> _End | None:
        """Perform the recipe and return what to record; None: nothing, the job is no longer ours."""
        job = attempt.job
        if attempt.stop is not None:
            return await self._stopped(attempt)
        making = asyncio.create_task(_made(attempt.run))
        try:
            either: set[asyncio.Future[Any]] = {making, attempt.stopped}
            await asyncio.wait(either, timeout=_left(job), return_when=asyncio.FIRST_COMPLETED)
            if not making.done() and attempt.stop is None:
                attempt.stop = Stop.TIME_LIMIT
        finally:
            await ended(making)
        # What ended by itself in the last moment counts: it may be paid. But a job whose caller wants no result is not
        # left to another attempt with steps that run beside the one that failed.
        unwanted = attempt.stop is Stop.CANCEL and not making.cancelled() and making.exception() is not None
        return await self._stopped(attempt) if making.cancelled() or unwanted else self._made(job, making)

    def _made(self, job: Job, making: asyncio.Task[bytes]) -> _End:
        try:
            return _End(Outcome.SUCCEEDED, result=making.result())
        except Exception as error:
            cause = most_telling(error)
            if isinstance(cause, FencedError):
                raise cause from None
            if not isinstance(cause, JobFailedError):
                log.exception("recipe.failed")
                cause = JobFailedError(_internal(cause))
            return self._failed(job, cause)

    async def _stopped(self, attempt: _Attempt) -> _End | None:
        match attempt.stop:
            case Stop.CANCEL:
                await attempt.ledger.cancel()
                return _End(Outcome.CANCELLED)
            case Stop.TIME_LIMIT:
                return _End(Outcome.FAILED, error=_time_limit(attempt.job))
            case Stop.INTERRUPT:
                return _End(Outcome.INTERRUPTED)
            case _:
                return None

    def _failed(self, job: Job, failure: JobFailedError) -> _End:
        error = failure.error
        if not error.retryable or job.tries >= job.max_attempts:
            return _End(Outcome.FAILED, error=error)
        return _End(Outcome.RETRY, error=error, delay=self.retries.delay(job.tries, failure.retry_after))

    async def _finish(self, attempt: _Attempt, end: _End) -> None:
        # What it has salvaged goes to its job if that has failed, and to the next attempt if one follows.
        leaves = end.outcome not in {Outcome.SUCCEEDED, Outcome.CANCELLED}
        state = await persistently(
            partial(
                self.store.finish,
                attempt.key,
                end.outcome,
                result=attempt.run.salvaged if leaves else end.result,
                error=end.error,
                delay=end.delay,
            )
        )
        log.info("attempt.ended", outcome=end.outcome, state=state, reason=end.error.reason if end.error else None)


async def _made(run: Run) -> bytes:
    result = await perform(run)
    return result.SerializeToString()


def _left(job: Job) -> float:
    """Return the seconds that are left to the job; none may be."""
    started = job.start_time or datetime.now(UTC)
    return max(0.0, (started + job.time_limit - datetime.now(UTC)).total_seconds())


def _internal(error: Exception) -> JobError:
    return JobError(
        reason=ErrorReason.INTERNAL,
        message="A fault of the service.",
        retryable=True,
        metadata={"error": type(error).__name__},
    )


def _time_limit(job: Job) -> JobError:
    return JobError(
        reason=ErrorReason.TIME_LIMIT,
        message=f"The job did not end within {job.time_limit.total_seconds():g} s of its first start.",
    )
