"""P2, P4, P7 of an attempt as a whole: cancelled, interrupted, too long, lost with its worker."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from core.job import CancelOutcome, ErrorReason, GenerationState, JobState
from emulator.faults import Fault
from emulator.records import Status
from tests.integration.fal.leap import leap
from tests.integration.fal.raw_fal import never_answer, raw_fal
from tests.integration.workers.rig import PREFIX, SHORT_LEASE, TIMEOUTS, eventually, left_behind
from tests.quickest import quickest
from workers import attempts as attempts_module
from workers.attempts import RetryPolicy
from workers.polling import PollPolicy

if TYPE_CHECKING:
    import pytest

    from core.job import Job
    from tests.integration.workers.rig import Rig

#: Its heartbeats, which tell of cancellations too, come later than any test has patience.
LONG_LEASE = timedelta(minutes=10)


async def test_the_cancellation_of_a_running_job_reaches_fal_within_a_second(rig: Rig) -> None:
    rig.worker(lease=LONG_LEASE).start()
    await rig.heard()

    async def cancelled() -> float:
        job = await _running(rig)
        began = datetime.now(UTC)

        await rig.cancel(job.tenant, job.id)

        assert (await rig.until(job)).state is JobState.CANCELLED
        row = await rig.generation(job)
        # A running model may still complete and be billed: only what left fal's queue is known to be over.
        assert (row.state, row.cancel_outcome) == (GenerationState.SUBMITTED, CancelOutcome.SIGNALLED)
        told = rig.requests[-1].cancel_time
        assert told is not None
        return (told - began).total_seconds()

    assert await quickest(cancelled, enough=1) < 1


async def test_no_more_jobs_are_claimed_at_once_than_can_be_submitted_at_once(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or thousands would wait for a connection, to fal and to Redis, for longer than they may."""
    monkeypatch.setattr(attempts_module, "MOST_STARTING", 2)
    for _ in range(6):
        await rig.submit()
    async with raw_fal() as silent:
        silent.script = never_answer
        worker = rig.worker(fal_url=silent.url).start(slots=6)

        await silent.arrival(2)

        assert worker.attempts.running == 2
        worker.takes_no_more()  # the submits fail when the server has gone


async def test_those_that_are_submitted_let_the_next_ones_begin(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts_module, "MOST_STARTING", 2)
    rig.fal.context.behaviour.change({"run_seconds": 60})
    for _ in range(6):
        await rig.submit()

    rig.worker().start(slots=6)

    await eventually(lambda: rig.fal.context.ledger.in_progress == 6)


async def test_a_cancellation_reaches_fal_when_its_message_is_lost(rig: Rig) -> None:
    rig.worker(lease=SHORT_LEASE).start(hears=False)
    job = await _running(rig)

    await rig.cancel(job.tenant, job.id)

    assert (await rig.until(job)).state is JobState.CANCELLED
    assert rig.requests[0].cancel_time is not None


async def test_the_channel_of_cancellations_is_heard_again_after_its_connection_broke(rig: Rig) -> None:
    rig.worker(lease=LONG_LEASE).start()
    job = await _running(rig)
    await rig.heard()
    await rig.redis.client_kill_filter(_type="pubsub")

    await rig.heard()
    await rig.cancel(job.tenant, job.id)

    assert (await rig.until(job)).state is JobState.CANCELLED


async def test_a_generation_that_leaves_fals_queue_is_recorded_as_cancelled(rig: Rig) -> None:
    rig.behave(queue_seconds=60)
    rig.worker().start()
    job = await rig.submit()
    await rig.until(job, JobState.PROCESSING)

    await rig.cancel(job.tenant, job.id)

    assert (await rig.until(job)).state is JobState.CANCELLED
    row = await rig.generation(job)
    assert (row.state, row.cancel_outcome) == (GenerationState.CANCELLED, CancelOutcome.REMOVED)
    assert rig.books == (1, 0)


async def test_a_generation_that_ended_before_its_cancellation_says_so(rig: Rig) -> None:
    worker = rig.worker()
    worker.attempts.polls = PollPolicy(first=timedelta(seconds=60), longest=timedelta(seconds=60))
    worker.start()
    job = await rig.submit()
    await eventually(lambda: bool(rig.requests) and rig.requests[0].status is Status.COMPLETED)

    await rig.cancel(job.tenant, job.id)

    assert (await rig.until(job)).state is JobState.CANCELLED
    assert (await rig.generation(job)).cancel_outcome is CancelOutcome.ALREADY_COMPLETED


async def test_a_job_is_cancelled_even_if_fal_cannot_be_told(rig: Rig) -> None:
    rig.worker(timeouts=replace(TIMEOUTS, cancel=timedelta(seconds=0.6))).start()
    job = await _running(rig)
    await rig.fal.close()

    await rig.cancel(job.tenant, job.id)

    assert (await rig.until(job)).state is JobState.CANCELLED
    assert (await rig.generation(job)).cancel_outcome is CancelOutcome.UNREACHABLE


async def test_another_worker_finishes_a_cancellation_whose_worker_died(rig: Rig) -> None:
    first = rig.worker().start()
    job = await _running(rig)
    await first.died()
    assert (await rig.cancel(job.tenant, job.id)).state is JobState.CANCELLING

    await rig.lost(job)
    rig.sweeping()
    rig.worker().start()

    done = await rig.until(job)
    assert done.state is JobState.CANCELLED
    assert (await rig.generation(job)).cancel_outcome is CancelOutcome.SIGNALLED
    assert rig.books == (1, 0)


async def test_a_cancelled_job_says_that_nobody_knows_of_a_submit_in_which_its_worker_died(rig: Rig) -> None:
    job = await left_behind(rig)
    await rig.cancel(job.tenant, job.id)

    rig.sweeping()
    rig.worker().start()

    assert (await rig.until(job)).state is JobState.CANCELLED
    assert (await rig.generation(job)).state is GenerationState.UNKNOWN


async def test_a_cancellation_heard_before_the_claim_is_of_another_attempt(rig: Rig) -> None:
    worker = rig.worker()
    job = await rig.submit()
    worker.attempts.cancel(f"{job.tenant}/{job.id}")  # of an earlier attempt, before its caller retried the job

    worker.start()

    assert (await rig.until(job)).state is JobState.SUCCEEDED


async def test_a_cancellation_heard_while_the_claim_is_under_way_stops_the_attempt(rig: Rig) -> None:
    rig.behave(run_seconds=60)
    worker = rig.worker(lease=LONG_LEASE)
    job = await rig.submit()
    working = asyncio.create_task(worker.attempts.work())
    await asyncio.sleep(0)  # the claim is on its way

    worker.attempts.cancel(f"{job.tenant}/{job.id}")

    assert (await rig.until(job)).state is JobState.CANCELLED
    await working


async def test_an_interrupted_job_goes_back_to_its_place_with_a_ticket(rig: Rig) -> None:
    first = rig.worker(provider_slots=1).start()
    job = await _running(rig)
    later = await rig.submit()
    await rig.redis.delete(f"{PREFIX}:dramatiq:segue")

    await first.interrupted()

    back = await rig.now(job)
    assert (back.state, back.attempt, back.tries) == (JobState.PENDING, 1, 0)
    assert await rig.redis.llen(f"{PREFIX}:dramatiq:segue") == 1
    claimed = await rig.attempt_store().claim("another", "nonce")
    assert claimed is not None
    assert (claimed.id, claimed.tries) == (job.id, 1)
    assert (await rig.now(later)).state is JobState.PENDING


async def test_a_job_that_takes_too_long_fails_and_is_cancelled_at_fal(rig: Rig) -> None:
    rig.worker().start()
    job = await _running(rig)

    rig.behave(run_seconds=3600)
    leap(job.time_limit)

    done = await rig.until(job)

    assert done.error is not None
    assert (done.state, done.error.reason) == (JobState.FAILED, ErrorReason.TIME_LIMIT)
    assert rig.requests[0].cancel_time is not None
    assert (await rig.generation(job)).cancel_outcome is CancelOutcome.SIGNALLED


async def test_a_timeout_inside_a_recipe_is_not_the_jobs_time_limit(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    async def perform(_: object) -> None:
        raise TimeoutError

    monkeypatch.setattr(attempts_module, "perform", perform)
    rig.worker().start()
    job = await rig.submit(max_attempts=1)

    done = await rig.until(job)

    assert done.error is not None
    assert (done.error.reason, done.error.metadata["error"]) == (ErrorReason.INTERNAL, "TimeoutError")


async def test_a_job_whose_workers_die_fails_after_so_many_attempts(rig: Rig) -> None:
    rig.behave(run_seconds=60)
    rig.sweeping()
    job = await rig.submit(max_attempts=2)
    for number in (1, 2):
        dying = rig.worker().start()
        await rig.until(await _attempt(rig, job, number), JobState.PROCESSING, JobState.STARTED)
        await rig.recorded(job)
        await dying.died()
        await rig.lost(job)

    done = await rig.until(job)

    assert done.error is not None
    assert (done.state, done.error.reason, done.tries) == (JobState.FAILED, ErrorReason.WORKER_LOST, 2)


async def test_a_retry_waits_longer_after_each_failure_and_is_seen_to(rig: Rig) -> None:
    worker = rig.worker()
    worker.attempts.retries = RetryPolicy(first=timedelta(seconds=60), longest=timedelta(seconds=100))
    rig.order(Fault.RUN_500, times=9)
    job = await rig.submit()
    worker.start()
    waits = []
    for number in (1, 2):
        await eventually(lambda number=number: _waits(rig, job, number))  # type: ignore[misc]
        waiting = await rig.now(job)
        assert waiting.next_attempt_time is not None
        waits.append((waiting.next_attempt_time - waiting.attempts[-1].end_time).total_seconds())
        await rig.redis.zadd(f"{PREFIX}:delayed", {f"{job.tenant}/{job.id}": 1}, xx=True)
        await rig.attempt_store().sweep()

    assert waits == [60, 100]


async def test_a_worker_that_was_lost_leaves_the_job_to_its_successor(rig: Rig) -> None:
    stale = rig.worker(lease=SHORT_LEASE)
    stale.attempts.polls = PollPolicy(first=timedelta(seconds=60), longest=timedelta(seconds=60))
    stale.start(keeps_leases=False)
    job = await _running(rig)
    stale.takes_no_more()
    await rig.lost(job)
    await rig.attempt_store().sweep()
    rig.worker().start()
    await _attempt(rig, job, 2)

    stale.keep_leases()

    # Nothing else tells it: it does not poll.
    await eventually(lambda: stale.attempts.running == 0)
    rig.behave(run_seconds=0)
    done = await rig.until(job)
    assert (done.state, done.attempt) == (JobState.SUCCEEDED, 2)
    assert rig.books == (1, 1)


async def test_provider_slots_are_never_exceeded_by_workers_together(rig: Rig) -> None:
    rig.behave(run_seconds=60)
    for _ in range(2):
        rig.worker(provider_slots=3).start(slots=10)

    jobs = [await rig.submit() for _ in range(15)]
    await eventually(lambda: rig.fal.context.ledger.in_progress == 3)
    rig.behave(run_seconds=0.1)

    for job in jobs:
        assert (await rig.until(job)).state is JobState.SUCCEEDED
    assert rig.fal.context.ledger.peak_in_progress == 3
    assert rig.books == (15, 15)


async def test_the_provider_slots_of_a_dead_worker_come_back_within_its_lease(rig: Rig) -> None:
    rig.behave(run_seconds=60)
    first = rig.worker(provider_slots=2, lease=SHORT_LEASE).start(slots=2)
    jobs = [await rig.submit() for _ in range(2)]
    for job in jobs:
        await rig.until(job, JobState.PROCESSING)
    await first.died()
    rig.behave(run_seconds=0.05)
    began = time.monotonic()

    rig.sweeping()
    rig.worker(provider_slots=2).start(slots=5)
    jobs += [await rig.submit() for _ in range(4)]

    for job in jobs:
        assert (await rig.until(job)).state is JobState.SUCCEEDED
    # The lease is 0.6 s; the silence after which a process counts as dead to Dramatiq is 60 s.
    assert time.monotonic() - began < 20
    assert rig.books == (6, 6)


async def _running(rig: Rig) -> Job:
    """Submit a job and return it when its model runs, which it does for a minute."""
    rig.behave(run_seconds=60)
    job = await rig.submit()
    await eventually(lambda: bool(rig.requests) and rig.requests[0].status is Status.IN_PROGRESS)
    return await rig.until(job, JobState.PROCESSING)


async def _attempt(rig: Rig, job: Job, number: int) -> Job:
    async def begun() -> bool:
        return (await rig.now(job)).attempt == number

    await eventually(begun)
    return replace(job, attempt=number)


async def _waits(rig: Rig, job: Job, tries: int) -> bool:
    now = await rig.now(job)
    return now.state is JobState.PENDING and now.attempt == tries and now.next_attempt_time is not None
