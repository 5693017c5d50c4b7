"""Attempts at jobs: claims them, keeps their leases, performs their recipes, and records what became of them.

Knows no Dramatiq: `work` is what a ticket is spent on.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum, auto
from functools import partial
from typing import TYPE_CHECKING, Final
from uuid import uuid4

import structlog

from core.errors import FencedError, StoreUnavailableError
from core.job import ErrorReason, Job, JobError, JobState
from core.store.attempts import AttemptKey, Hold, Outcome
from workers.errors import JobFailedError
from workers.generations import Ledger
from workers.persistence import persistently
from workers.recipes import perform
from workers.run import Run

if TYPE_CHECKING:
    from core.store.attempts import AttemptStore
    from workers.fal.gateway import FalGateway
    from workers.polling import PollPolicy

log = structlog.get_logger(__name__)

#: Attempts whose leases are renewed in one call.
HEARTBEAT_CHUNK: Final = 500
#: Cancellations that are remembered for jobs that are just being claimed.
REMEMBERED: Final = 1000


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
        grown = min(self.longest, self.first * (1 << max(0, tries - 1)))
        return max(grown, retry_after or timedelta())


@dataclass(slots=True)
class _Attempt:
    """An attempt that runs in this process."""

    job: Job
    key: AttemptKey
    ledger: Ledger
    task: asyncio.Task[bytes] | None = None
    stop: Stop | None = None

    def end(self, why: Stop) -> None:
        """Stop the recipe; the first reason counts, except that a lost lease overrules all."""
        if self.stop is None or why is Stop.LOST:
            self.stop = why
        if self.task is not None:
            self.task.cancel()


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
    _running: dict[str, _Attempt] = field(default_factory=dict)
    _cancelled: deque[str] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    _stopping: bool = False

    @property
    def running(self) -> int:
        """How many attempts run."""
        return len(self._running)

    async def work(self) -> None:
        """Give one slot to the best job that may run now, then to the next, while there are any."""
        while not self._stopping:
            try:
                job = await self.store.claim(self.worker, uuid4().hex)
            except StoreUnavailableError:
                log.warning("claim.failed")  # the sweeper makes a new ticket for the job
                return
            if job is None:
                return
            await self._attempt(job)

    def cancel(self, name: str) -> None:
        """Stop the attempt at the job *name* (tenant/id), if it runs here or is about to."""
        self._cancelled.append(name)
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
                    holds = await self.store.heartbeat([(attempt.key, attempt.ledger.slots) for attempt in chunk])
                except StoreUnavailableError:
                    log.warning("heartbeat.failed", attempts=len(attempts))
                    continue
                for attempt, hold in zip(chunk, holds, strict=True):
                    if hold is Hold.LOST:
                        attempt.end(Stop.LOST)
                    elif hold is Hold.CANCELLING:
                        attempt.end(Stop.CANCEL)

    async def _attempt(self, job: Job) -> None:
        key = AttemptKey(job.tenant, job.id, job.attempt)
        ledger = Ledger(job, key, store=self.store, gateway=self.gateway, polls=self.polls)
        attempt = _Attempt(job, key, ledger)
        name = f"{job.tenant}/{job.id}"
        with structlog.contextvars.bound_contextvars(tenant=job.tenant, job_id=job.id, attempt=job.attempt):
            self._running[name] = attempt
            # What came while the claim was on its way; the heartbeat would tell it too, but later.
            if job.state is JobState.CANCELLING or name in self._cancelled:
                attempt.stop = Stop.CANCEL
            elif self._stopping:
                attempt.stop = Stop.INTERRUPT
            log.info("attempt.started", kind=job.kind)
            try:
                end = await self._performed(attempt)
                if end is not None:
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
        try:
            run = Run(job, attempt.key, store=self.store, ledger=attempt.ledger)
            attempt.task = asyncio.create_task(_made(run))
            async with asyncio.timeout_at(self._deadline(job)):
                result = await attempt.task
        except asyncio.CancelledError:
            if attempt.stop is None:
                raise
            return await self._stopped(attempt)
        except TimeoutError:
            attempt.stop = Stop.TIME_LIMIT
            return await self._stopped(attempt)
        except FencedError:
            raise
        except JobFailedError as failure:
            return self._failed(job, failure)
        except Exception as error:
            log.exception("recipe.failed")
            return self._failed(job, JobFailedError(_internal(error)))
        return _End(Outcome.SUCCEEDED, result=result)

    async def _stopped(self, attempt: _Attempt) -> _End | None:
        match attempt.stop:
            case Stop.CANCEL:
                await attempt.ledger.cancel()
                return _End(Outcome.CANCELLED)
            case Stop.TIME_LIMIT:
                await attempt.ledger.cancel()
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
        state = await persistently(
            partial(
                self.store.finish,
                attempt.key,
                end.outcome,
                result=end.result,
                error=end.error,
                delay=end.delay,
                slots=tuple(attempt.ledger.slots),
            )
        )
        log.info("attempt.ended", outcome=end.outcome, state=state, reason=end.error.reason if end.error else None)

    def _deadline(self, job: Job) -> float:
        """Return when the job's time is over, on the loop's clock."""
        started = job.start_time or datetime.now(UTC)
        left = started + job.time_limit - datetime.now(UTC)
        return asyncio.get_running_loop().time() + left.total_seconds()


async def _made(run: Run) -> bytes:
    result = await perform(run)
    return result.SerializeToString()


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
