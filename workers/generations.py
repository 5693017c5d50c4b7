"""The paid-call ledger: each step of a job is submitted to the provider once, whatever crashes in between.

A row is written INTENDED before the submit and SUBMITTED with the provider's id right after it, each in one fenced
step. So whoever finds a row knows what to do: COMPLETED answers from what is stored; SUBMITTED is followed by its
id, never submitted anew; INTENDED without an id means that a process died or a connection broke between the two,
and nobody can know whether the provider took it: the job says so, and pays again only if its caller asked for that.
Only the provider's own word (FAILED, CANCELLED), or the proof that a submit never reached it, frees a step.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

import structlog

from core.catalog.prices import estimated_cost
from core.errors import FencedError, StoreUnavailableError
from core.job import CancelOutcome, ErrorReason, Generation, GenerationState, Job, JobError, UnknownSubmission
from core.tasks import heed_cancellation
from workers.errors import JobFailedError
from workers.fal.errors import (
    GenerationFailedError,
    NotAcceptedError,
    PollFailedError,
    ProviderError,
    RefusedError,
    ResultExpiredError,
    ResultFetchFailedError,
    SubmissionUnknownError,
)
from workers.fal.statuses import Completed, Running
from workers.persistence import persistently
from workers.polling import progress_of
from workers.slots import SlotLine

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from core.job import Progress
    from core.store.attempts import AttemptKey, AttemptStore
    from workers.fal.gateway import FalGateway
    from workers.polling import PollPolicy

    Report = Callable[[Progress | None, list[str], str], Awaitable[None]]

log = structlog.get_logger(__name__)

#: Times a result is fetched before the attempt gives up, and the pauses between, in seconds (doubled each time).
FETCHES: Final = 6
FETCH_PAUSE: Final = 0.5
#: Polls in a row at which fal says that it knows no such request, before that is believed.
UNKNOWN_REQUESTS: Final = 5
#: What a generation takes where none of its endpoint has ended lately: Kling makes 5 s of video in about a minute.
USUAL: Final = timedelta(seconds=60)

_AT_PROVIDER: Final = {GenerationState.INTENDED, GenerationState.SUBMITTED, GenerationState.UNKNOWN}
_FREE: Final = ("absent", GenerationState.FAILED, GenerationState.CANCELLED)


class Ledger:
    """The generations of one attempt at a job."""

    def __init__(
        self,
        job: Job,
        key: AttemptKey,
        *,
        store: AttemptStore,
        gateway: FalGateway,
        polls: PollPolicy,
        slots: SlotLine | None = None,
        following: Callable[[], object] = lambda: None,
    ) -> None:
        """Take up the generations of a job.

        Args:
            slots: the line for provider slots that the attempts of a process share; None: one of its own.
            following: called when the attempt will not submit at once: its generation is at the provider, or waits
                for a slot, or the recipe does something else.
        """
        self._job = job
        self._key = key
        self._store = store
        self._gateway = gateway
        self._polls = polls
        self._slots = slots or SlotLine(store)
        self.goes_on = following
        """To be called when the recipe does something else than generate."""
        self._under_way: set[str] = set()
        self._rows = {row.step: row for row in job.generations}

    async def generate(
        self, step: str, endpoint: str, arguments: Mapping[str, Any], *, report: Report
    ) -> dict[str, Any]:
        """Return what the model made for a step, submitting it only if nobody has. Different steps may run at once.

        Raises:
            JobFailedError: the step failed; the error says whether another attempt may go better.
            FencedError: the attempt no longer holds the job.
            RuntimeError: the step is under way already; two of one name would be paid as one.
        """
        if step in self._under_way:
            raise RuntimeError(f"the step {step!r} is under way already")
        self._under_way.add(step)
        try:
            return await self._generated(step, endpoint, arguments, report)
        finally:
            self._under_way.discard(step)

    async def _generated(
        self, step: str, endpoint: str, arguments: Mapping[str, Any], report: Report
    ) -> dict[str, Any]:
        row = self._rows.get(step)
        if row is not None and row.state is GenerationState.COMPLETED:
            return await self._stored(row)
        has_one = row is not None and row.state in _AT_PROVIDER
        async with self._slots.slot(self._key, step, has_one=has_one, waiting=self.goes_on):
            while True:
                row = await self._settled(row)
                while row is None or row.state is not GenerationState.SUBMITTED:
                    # Each submit by itself: between two of them the attempt may be stopped.
                    heed_cancellation()
                    row = await self._settled(await self._uninterrupted(self._submit(row, step, endpoint, arguments)))
                cancelled_before = row.cancel_outcome is not None
                try:
                    return await self._outcome(row, report)
                except JobFailedError:
                    row = self._rows[step]
                    # A job that was cancelled while it ran, and is retried: fal has done as it was told.
                    if not (cancelled_before and row.state is GenerationState.CANCELLED):
                        raise

    async def cancel(self) -> None:
        """Tell the provider to cancel what it runs for this job, and record its answers."""
        await asyncio.gather(*(self._cancelled(row) for row in self._rows.values()))

    async def _cancelled(self, row: Generation) -> None:
        if row.state is GenerationState.INTENDED:
            await self._write(replace(row, state=GenerationState.UNKNOWN), replaces=(GenerationState.INTENDED,))
            row = self._rows[row.step]
        if row.state is GenerationState.SUBMITTED and row.cancel_outcome in {None, CancelOutcome.UNREACHABLE}:
            await self._cancel(row)

    async def _cancel(self, row: Generation) -> None:
        outcome = await self._gateway.cancel(row.endpoint, row.provider_request_id)
        log.info("generation.cancelled", step=row.step, outcome=outcome)
        # Only a request that left the queue is known to be over; a running one may still complete and be billed.
        gone = outcome is CancelOutcome.REMOVED
        state = GenerationState.CANCELLED if gone else row.state
        await self._write(
            replace(row, state=state, cancel_outcome=outcome, end_time=_now() if gone else None),
            replaces=(GenerationState.SUBMITTED,),
        )

    async def _stored(self, row: Generation) -> dict[str, Any]:
        output = await persistently(partial(self._store.output, self._key, row.step))
        if output is None:
            raise JobFailedError(self._error(ErrorReason.INTERNAL, "The stored output is gone.", row))
        return dict(json.loads(output))

    async def _settled(self, row: Generation | None) -> Generation | None:
        """Return the row after deciding what an intention without an id means."""
        if row is None or row.state not in {GenerationState.INTENDED, GenerationState.UNKNOWN}:
            return row
        if row.state is GenerationState.INTENDED:
            row = await self._write(replace(row, state=GenerationState.UNKNOWN), replaces=(GenerationState.INTENDED,))
            if row.state is GenerationState.SUBMITTED:
                return row  # its worker lives, and has added fal's id meanwhile
            log.warning("generation.unknown", step=row.step)
        # Each resubmit may pay once more: as many as attempts are allowed, and no more.
        may_resubmit = self._job.on_unknown_submission is UnknownSubmission.RESUBMIT
        if not may_resubmit or row.submits >= self._job.max_attempts * self._job.rounds:
            raise JobFailedError(
                self._error(
                    ErrorReason.SUBMISSION_UNKNOWN,
                    "It cannot be known whether fal accepted the submit; submitting anew might pay twice.",
                    row,
                )
            )
        return row

    async def _submit(
        self, before: Generation | None, step: str, endpoint: str, arguments: Mapping[str, Any]
    ) -> Generation:
        """Submit once and return the row: SUBMITTED, or UNKNOWN if nobody can know."""
        earlier = 0 if before is None else before.submits
        intended = Generation(
            step=step,
            endpoint=endpoint,
            state=GenerationState.INTENDED,
            intent=uuid4().hex,
            input_digest=_digest(endpoint, arguments),
            submit_time=_now(),
            submits=earlier + 1,
            estimated_cost=estimated_cost(endpoint, arguments),
        )
        written = await self._write(intended, replaces=(*_FREE, GenerationState.UNKNOWN))
        if written.intent != intended.intent:
            return written  # the id of the earlier submit has come after all
        try:
            request_id = await self._gateway.submit(endpoint, arguments)
        except SubmissionUnknownError as error:
            log.warning("generation.unknown", step=step, error=error.message)
            unknown = replace(intended, state=GenerationState.UNKNOWN)
            return await self._write(unknown, replaces=(GenerationState.INTENDED,))
        except (NotAcceptedError, RefusedError) as error:
            # Provably not accepted: the step is free again, and this submit does not count.
            failed = replace(intended, state=GenerationState.FAILED, submits=earlier, end_time=_now())
            await self._write(failed, replaces=(GenerationState.INTENDED,))
            raise self._failure(error, failed) from error
        submitted = replace(intended, state=GenerationState.SUBMITTED, provider_request_id=request_id)
        log.info("generation.submitted", step=step, provider_request_id=request_id)
        return await self._write(submitted, replaces=(GenerationState.INTENDED,))

    async def _outcome(self, row: Generation, report: Report) -> dict[str, Any]:
        """Follow a submitted generation to its end and store what it made."""
        try:
            completed, lines = await self._followed(row, report)
            try:
                output = await self._fetched(row, completed)
            finally:
                if lines:  # after the fetch: fal keeps the result for minutes only, and Redis may be away
                    await persistently(partial(report, None, lines, row.intent))
        except GenerationFailedError as error:
            state = GenerationState.CANCELLED if error.cancelled else GenerationState.FAILED
            ended = await self._write(replace(row, state=state, end_time=_now()), replaces=(GenerationState.SUBMITTED,))
            raise self._failure(error, ended) from error
        except ProviderError as error:
            raise self._failure(error, row) from error
        await self._write(
            replace(row, state=GenerationState.COMPLETED, end_time=_now()),
            replaces=(GenerationState.SUBMITTED,),
            output=json.dumps(output, separators=(",", ":")).encode(),
        )
        return output

    async def _followed(self, row: Generation, report: Report) -> tuple[Completed, list[str]]:
        """Poll until fal says that the generation has ended; return that, and the lines not reported yet."""
        self.goes_on()
        usual = await self._store.durations.of_generations(row.endpoint) or USUAL
        seen, unknown = self._job.log_lines.get(row.intent, 0), 0
        last: Progress | None = None
        for pause in self._polls.pauses():
            heed_cancellation()
            await asyncio.sleep(pause)
            try:
                status = await self._gateway.status(row.endpoint, row.provider_request_id, with_logs=True)
            except PollFailedError as error:
                # A failed poll says nothing about the generation; only fal's repeated word does.
                unknown = unknown + 1 if error.unknown_request else 0
                if unknown >= UNKNOWN_REQUESTS:
                    raise ResultExpiredError("fal no longer knows the request.", metadata=error.metadata) from error
                log.warning("generation.poll_failed", step=row.step, error=error.message)
                continue
            unknown = 0
            lines = [line.text for line in status.logs[seen:]] if isinstance(status, Running | Completed) else []
            progress = progress_of(status, elapsed=_now() - row.submit_time, usual=usual)
            news = None if progress == last else progress
            if isinstance(status, Completed):
                return status, lines
            if lines or news:
                with suppress(StoreUnavailableError):  # the next poll brings the same, and more
                    await report(news, lines, row.intent)
                    seen += len(lines)
                    last = progress or last
            # Thousands of generations wait at once, and a model's log may be long: nothing of it is held meanwhile.
            del status, lines, progress, news
        raise AssertionError("the pauses never end")

    async def _fetched(self, row: Generation, completed: Completed) -> dict[str, Any]:
        """Fetch the result, again and again: the generation is paid, and fal keeps it for minutes only."""
        for attempt in range(FETCHES):
            try:
                return await self._gateway.result(row.endpoint, row.provider_request_id, completed=completed)
            except ResultFetchFailedError as error:
                if not error.retryable or attempt == FETCHES - 1:
                    raise
                log.warning("generation.fetch_failed", step=row.step, error=error.message)
                await asyncio.sleep(FETCH_PAUSE * 2**attempt)
        raise AssertionError("the last fetch returns or raises")

    async def _uninterrupted(self, submitting: Awaitable[Generation]) -> Generation:
        """Await a submit to its end even when the attempt is cancelled: its outcome must not be lost."""
        task = asyncio.ensure_future(submitting)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            while not task.done():
                with suppress(asyncio.CancelledError):  # each heartbeat may tell the same again
                    await asyncio.wait([task])
            if not task.cancelled() and (error := task.exception()) is not None:
                log.info("generation.submit_failed_while_stopping", error=type(error).__name__)
            raise

    async def _write(self, row: Generation, *, replaces: tuple[Any, ...], output: bytes = b"") -> Generation:
        """Write a row and return what then stands there.

        That is another row if the id of a submit was added meanwhile by the worker that made it, or if an earlier
        write of the same submit arrived although nobody waited for its answer.
        """
        conflict = await persistently(partial(self._store.record, self._key, row, replaces=replaces, output=output))
        if conflict is not None:
            if conflict.intent != row.intent and conflict.state is not GenerationState.SUBMITTED:
                log.error("generation.conflict", step=row.step, found=conflict.state)
                raise FencedError
            row = conflict
        self._rows[row.step] = row
        return row

    def _failure(self, error: ProviderError, row: Generation) -> JobFailedError:
        failure = self._error(error.reason, error.message, row, retryable=error.retryable, metadata=error.metadata)
        return JobFailedError(failure, retry_after=error.retry_after)

    def _error(
        self,
        reason: ErrorReason,
        message: str,
        row: Generation,
        *,
        retryable: bool = False,
        metadata: Mapping[str, str] | None = None,
    ) -> JobError:
        about = {"step": row.step, "endpoint": row.endpoint}
        if row.provider_request_id:
            about["provider_request_id"] = row.provider_request_id
        return JobError(reason=reason, message=message, retryable=retryable, metadata={**(metadata or {}), **about})


def _digest(endpoint: str, arguments: Mapping[str, Any]) -> str:
    canonical = json.dumps([endpoint, arguments], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def _now() -> datetime:
    return datetime.now(UTC)
