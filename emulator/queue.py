"""Fal's queue: who waits, who runs, how a request ends.

Every instant is the event loop's clock. A request waits `queue_seconds`, then for a free slot of the
account; it runs for `run_seconds`, or longer while its media is being rendered. Changed settings take
effect at once, also for requests already accepted.
"""

import asyncio
import math
import uuid
from bisect import bisect_left, insort
from collections.abc import Coroutine
from datetime import UTC, datetime
from typing import Any, Protocol

import structlog

from emulator import outcomes
from emulator.faults import Fault, Faults, Phase
from emulator.ledger import Ledger
from emulator.outcomes import ModelError
from emulator.records import FalRequest, JsonObject, Outcome, Priority, Status, Submission
from emulator.settings import LiveBehaviour

log = structlog.get_logger()


class Models(Protocol):
    """Where requests get their output from."""

    async def run(self, submission: Submission) -> tuple[JsonObject, float]:
        """Return the output and its billable units, or raise `ModelError`."""


class FalQueue:
    """The state machine of all requests of the one account."""

    def __init__(self, *, behaviour: LiveBehaviour, faults: Faults, ledger: Ledger, models: Models) -> None:
        self._behaviour = behaviour
        self._faults = faults
        self._ledger = ledger
        self._models = models
        self._waiting: dict[Priority, list[int]] = {"normal": [], "low": []}
        self._by_order: dict[int, FalRequest] = {}
        self._running: dict[str, asyncio.Task[None]] = {}
        self._timers: set[asyncio.Task[None]] = set()
        self._wake: asyncio.TimerHandle | None = None
        self._changed = asyncio.Event()
        behaviour.on_change(self._settings_changed)

    @property
    def slots_free(self) -> int:
        """How many more requests of the account may run now."""
        return self._behaviour.current.concurrency - self._ledger.in_progress

    @property
    def length(self) -> int:
        """How many requests wait."""
        return sum(map(len, self._waiting.values()))

    def accept(self, submission: Submission, *, direct: bool = False) -> FalRequest:
        """Take a request in; from here on it runs and bills unless it is cancelled.

        A *direct* one starts at once and past the queue, as synchronous calls to fal.run do.
        """
        request = FalRequest(
            id=str(uuid.uuid4()),
            gateway_id=str(uuid.uuid4()),
            order=self._ledger.submits,
            submission=submission,
            create_time=datetime.now(UTC),
            queued_at=asyncio.get_running_loop().time(),
        )
        self._ledger.add(request)
        if direct:
            self._start(request)
            return request
        self._enqueue(request)
        if submission.start_timeout is not None:
            self._spawn(self._time_out_start(request, submission.start_timeout))
        self._pump()
        return request

    def position(self, request: FalRequest) -> int:
        """Count the requests ahead of a waiting one, those of other accounts included."""
        priority = request.submission.priority
        ahead = bisect_left(self._waiting[priority], request.order)
        if priority == "low":
            ahead += len(self._waiting["normal"])
        return ahead + self._others_ahead(request)

    def cancel(self, request: FalRequest) -> tuple[int, str]:
        """Cancel as far as fal would, and return the HTTP status and fal's word for it."""
        settings = self._behaviour.current
        if request.status is Status.COMPLETED:
            return 400, "ALREADY_COMPLETED"
        request.cancel_time = datetime.now(UTC)
        request.cancel_answer = "CANCELLATION_REQUESTED"
        if request.status is Status.IN_QUEUE:
            self._dequeue(request)
            self._complete(request, outcomes.cancelled())
            if settings.cancel_queued_status == 200:
                request.cancel_answer = "OK"
            return settings.cancel_queued_status, request.cancel_answer
        if settings.cancel_running == "stops":
            self._complete(request, outcomes.cancelled(units=1.0 if settings.bill_cancelled else 0.0))
        return 202, request.cancel_answer

    def is_kept(self, request: FalRequest) -> bool:
        """Whether the result of a completed request can still be read."""
        if request.expired or request.ended_at is None or request.outcome is None:
            return False
        settings = self._behaviour.current
        large = outcomes.size_of(request.outcome) >= settings.large_result_bytes
        kept = settings.large_result_seconds if large else settings.result_seconds
        return asyncio.get_running_loop().time() < request.ended_at + kept

    async def forget_all(self) -> None:
        """Stop and forget every request and every count."""
        tasks = [*self._running.values(), *self._timers]
        for waiting in self._waiting.values():
            waiting.clear()
        self._by_order.clear()
        for request in self._ledger.requests:
            if request.status is not Status.COMPLETED:
                self._complete(request, outcomes.cancelled())
        self._ledger.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def close(self) -> None:
        """Stop everything; the queue cannot be used any more."""
        if self._wake is not None:
            self._wake.cancel()
        await self.forget_all()

    # -- waiting ------------------------------------------------------------------------------------

    def _enqueue(self, request: FalRequest) -> None:
        insort(self._waiting[request.submission.priority], request.order)
        self._by_order[request.order] = request

    def _dequeue(self, request: FalRequest) -> None:
        if self._by_order.pop(request.order, None) is not None:
            self._waiting[request.submission.priority].remove(request.order)

    def _others_ahead(self, request: FalRequest) -> int:
        settings = self._behaviour.current
        if settings.others_ahead == 0 or settings.queue_seconds == 0:
            return 0
        waited = asyncio.get_running_loop().time() - request.queued_at
        return max(0, math.ceil(settings.others_ahead * (1 - waited / settings.queue_seconds)))

    def _pump(self) -> None:
        """Start all that may start, and come back when the next one may."""
        loop = asyncio.get_running_loop()
        if self._wake is not None:
            self._wake.cancel()
            self._wake = None
        next_times = []
        for waiting in self._waiting.values():
            while waiting and self.slots_free > 0:
                request = self._by_order[waiting[0]]
                eligible_at = request.queued_at + self._behaviour.current.queue_seconds
                if eligible_at > loop.time():
                    next_times.append(eligible_at)
                    break
                self._dequeue(request)
                self._start(request)
        if next_times:
            self._wake = loop.call_at(min(next_times), self._pump)

    def _settings_changed(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
        self._pump()

    async def _time_out_start(self, request: FalRequest, seconds: float) -> None:
        await asyncio.sleep(seconds)
        if request.status is Status.IN_QUEUE:
            self._dequeue(request)
            self._complete(request, outcomes.start_timed_out())

    # -- running ------------------------------------------------------------------------------------

    def _start(self, request: FalRequest) -> None:
        self._ledger.moved(request, Status.IN_PROGRESS)
        request.start_time = datetime.now(UTC)
        request.started_at = asyncio.get_running_loop().time()
        order = self._faults.take(Phase.RUN, request.endpoint)
        match order.fault if order else None:
            case Fault.REQUEUE:
                work = self._requeue(request, order.delay if order else 0.0)
            case Fault.NEVER_FINISHES:
                work = asyncio.sleep(math.inf)
            case fault:
                work = self._run(request, fault)
        self._running[request.id] = asyncio.create_task(work)

    async def _run(self, request: FalRequest, fault: Fault | None) -> None:
        clock = asyncio.create_task(self._elapse(request))
        work = asyncio.create_task(self._output(request, fault))
        try:
            await asyncio.gather(work, clock)
            output, units = work.result()
            outcome = outcomes.succeeded(output, units=units)
            if fault is Fault.RUN_500:
                outcome = outcomes.failed_by_runner()
        except ModelError as error:
            units = 1.0 if self._behaviour.current.bill_refused else 0.0
            outcome = outcomes.failed_by_model(error, units=units)
        except Exception:
            log.exception("request.broken", request_id=request.id, endpoint=request.endpoint)
            outcome = outcomes.failed_by_runner()
        finally:
            clock.cancel()
            work.cancel()
        self._complete(request, outcome)

    async def _output(self, request: FalRequest, fault: Fault | None) -> tuple[JsonObject, float]:
        """What the model answers; an ordered failure appears when a real run would have ended."""
        match fault:
            case None:
                return await self._models.run(request.submission)
            case Fault.RUN_422:
                await self._elapse(request)
                message = "The model could not work with this input."
                raise ModelError(outcomes.detail(["prompt"], message, "value_error"))
            case Fault.CONTENT_REFUSED:
                await self._elapse(request)
                raise outcomes.content_refused()
        await self._elapse(request)
        return {}, 0.0

    async def _elapse(self, request: FalRequest) -> None:
        """Wait until the request has run for as long as the settings now in force say."""
        loop = asyncio.get_running_loop()
        started = loop.time() if request.started_at is None else request.started_at
        while (left := started + self._behaviour.current.run_seconds - loop.time()) > 0:
            try:
                async with asyncio.timeout(left):
                    await self._changed.wait()
            except TimeoutError:
                return

    async def _requeue(self, request: FalRequest, pause: float) -> None:
        """Lose the runner half-way: back to the queue, to be run once more."""
        await asyncio.sleep(self._behaviour.current.run_seconds / 2)
        self._running.pop(request.id, None)
        self._ledger.moved(request, Status.IN_QUEUE)
        request.requeues += 1
        request.started_at = None
        request.start_time = None
        request.gateway_id = str(uuid.uuid4())
        self._spawn(self._rejoin(request, pause))
        self._pump()

    async def _rejoin(self, request: FalRequest, pause: float) -> None:
        await asyncio.sleep(pause)
        if request.status is Status.IN_QUEUE:
            self._enqueue(request)
            self._pump()

    def _complete(self, request: FalRequest, outcome: Outcome) -> None:
        request.outcome = outcome
        request.end_time = datetime.now(UTC)
        request.ended_at = asyncio.get_running_loop().time()
        self._ledger.moved(request, Status.COMPLETED)
        task = self._running.pop(request.id, None)
        if task is not None and task is not asyncio.current_task():
            task.cancel()
        request.done.set()
        self._pump()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._timers.add(task)
        task.add_done_callback(self._timers.discard)
