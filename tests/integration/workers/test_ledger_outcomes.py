"""P2 after the POST: a generation is followed by its id to what fal itself says of it, and fetched until it is here."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from core.errors import StoreUnavailableError
from core.job import CancelOutcome, ErrorReason, GenerationState, JobState
from emulator.faults import Fault
from emulator.records import Status
from tests.integration.workers.rig import ECHO, POLLS, PREFIX, TIMEOUTS, eventually, key_of
from workers import generations
from workers.generations import Ledger

if TYPE_CHECKING:
    from core.job import Job, Progress
    from tests.integration.workers.rig import Rig


async def test_a_completed_step_answers_from_the_ledger_when_its_worker_died_later_on(rig: Rig) -> None:
    job = await rig.submit()
    first = await _ledger(rig)
    await first.generate("model", ECHO, {"prompt": "a boat"}, report=_unheard)
    await rig.lost(job)

    rig.sweeping()
    rig.worker().start()

    done = await rig.until(job)
    assert (done.state, done.attempt) == (JobState.SUCCEEDED, 2)
    assert rig.books == (1, 1)


async def test_a_result_that_fal_cannot_give_is_fetched_again_not_generated_again(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generations, "FETCH_PAUSE", 0.01)
    rig.order(Fault.RESULT_504, times=3)
    rig.worker().start()
    job = await rig.submit()

    done = await rig.until(job)

    assert (done.state, done.attempt) == (JobState.SUCCEEDED, 1)
    assert rig.books == (1, 1)


async def test_the_next_attempt_fetches_a_result_that_one_attempt_could_not(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generations, "FETCH_PAUSE", 0.001)
    rig.order(Fault.RESULT_504, times=generations.FETCHES)
    rig.sweeping()
    rig.worker().start()
    job = await rig.submit()

    done = await rig.until(job)

    assert (done.state, done.tries) == (JobState.SUCCEEDED, 2)
    assert rig.books == (1, 1)


async def test_a_result_that_fal_no_longer_has_fails_the_job_without_a_retry(rig: Rig) -> None:
    rig.order(Fault.RESULT_EXPIRED)
    rig.worker().start()
    job = await rig.submit()

    done = await rig.until(job)

    assert done.error is not None
    assert (done.state, done.error.reason, done.attempt) == (JobState.FAILED, ErrorReason.RESULT_EXPIRED, 1)
    assert rig.books == (1, 1)


@pytest.mark.parametrize("fault", [Fault.POLL_403, Fault.POLL_404, Fault.POLL_500])
async def test_failed_polls_do_not_end_a_job(rig: Rig, fault: Fault) -> None:
    rig.order(fault, times=generations.UNKNOWN_REQUESTS - 1)
    rig.worker().start()
    job = await rig.submit()

    done = await rig.until(job)

    assert (done.state, done.attempt) == (JobState.SUCCEEDED, 1)
    assert rig.books == (1, 1)


async def test_a_poll_that_hangs_does_not_end_a_job(rig: Rig) -> None:
    rig.order(Fault.POLL_HANG, seconds=60)
    rig.worker(timeouts=replace(TIMEOUTS, poll=timedelta(seconds=0.5))).start()
    job = await rig.submit()

    done = await rig.until(job)

    assert (done.state, done.attempt) == (JobState.SUCCEEDED, 1)
    assert rig.books == (1, 1)


async def test_a_request_that_fal_keeps_not_knowing_is_given_up_and_not_submitted_anew(rig: Rig) -> None:
    rig.order(Fault.POLL_404, times=generations.UNKNOWN_REQUESTS)
    rig.worker().start()
    job = await rig.submit()

    done = await rig.until(job)

    assert done.error is not None
    assert (done.state, done.error.reason) == (JobState.FAILED, ErrorReason.RESULT_EXPIRED)
    assert rig.books[0] == 1


async def test_a_generation_that_fal_says_has_failed_is_made_anew(rig: Rig) -> None:
    rig.order(Fault.RUN_500)
    rig.sweeping()
    rig.worker().start()
    job = await rig.submit()

    done = await rig.until(job)

    assert (done.state, done.tries, done.error) == (JobState.SUCCEEDED, 2, None)
    row = await rig.generation(job)
    assert (row.submits, row.provider_request_id) == (2, rig.requests[1].id)
    assert rig.books == (2, 1)


async def test_a_model_that_fails_in_each_attempt_fails_the_job(rig: Rig) -> None:
    rig.order(Fault.RUN_500, times=5)
    rig.sweeping()
    rig.worker().start()
    job = await rig.submit(max_attempts=2)

    done = await rig.until(job)

    assert done.error is not None
    assert (done.state, done.error.reason, done.tries) == (JobState.FAILED, ErrorReason.PROVIDER_ERROR, 2)
    assert done.error.metadata["provider_request_id"] == rig.requests[1].id
    assert rig.books == (2, 0)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [(Fault.RUN_422, ErrorReason.INVALID_INPUT), (Fault.CONTENT_REFUSED, ErrorReason.CONTENT_REFUSED)],
)
async def test_what_the_model_refuses_is_not_tried_again(rig: Rig, fault: Fault, reason: ErrorReason) -> None:
    rig.order(fault)
    rig.worker().start()
    job = await rig.submit()

    done = await rig.until(job)

    assert done.error is not None
    assert (done.state, done.error.reason, done.error.retryable, done.attempt) == (JobState.FAILED, reason, False, 1)
    assert (await rig.generation(job)).state is GenerationState.FAILED
    assert rig.books == (1, 0)


async def test_what_the_model_writes_arrives_once_and_in_order_and_progress_never_falls(rig: Rig) -> None:
    rig.behave(run_seconds=0.5, concurrency=0)
    rig.order(Fault.REQUEUE, seconds=0.1)
    rig.worker().start()
    job = await rig.submit()
    await eventually(lambda: bool(rig.requests) and rig.requests[0].polls > 1)
    rig.behave(concurrency=1)
    await asyncio.sleep(0)  # it begins the run that it loses after half of its time
    rig.behave(run_seconds=60)
    await eventually(lambda: rig.requests[0].requeues == 1 and rig.requests[0].status is Status.IN_PROGRESS)
    polled = rig.requests[0].polls
    await eventually(lambda: rig.requests[0].polls > polled + 10)
    rig.behave(run_seconds=1)

    await rig.until(job)

    logs, fractions = await rig.logs(job), await rig.fractions(job)
    steps = [f"Generating: {10 * step}% ({step}/10)" for step in range(1, 11)]
    assert logs == ["Loading the model", *steps, "Finished"]
    assert len(fractions) > 3
    assert fractions == sorted(fractions)


async def test_lines_that_could_not_be_reported_come_with_the_next_report(rig: Rig) -> None:
    rig.behave(run_seconds=0.3)
    await rig.submit()
    ledger = await _ledger(rig)
    heard: list[str] = []
    refusals = [StoreUnavailableError(retry_after=POLLS.first) for _ in range(2)]

    async def report(_: Progress | None, lines: list[str], __: str) -> None:
        if lines and refusals:
            raise refusals.pop()
        heard.extend(lines)

    await ledger.generate("model", ECHO, {"prompt": "a boat"}, report=report)

    assert heard[0] == "Loading the model"
    assert heard[-1] == "Finished"
    assert len(heard) == 12


async def test_a_step_waits_for_a_slot_of_its_own_while_another_step_has_the_attempts(rig: Rig) -> None:
    rig.behave(run_seconds=0.15)
    await rig.submit()
    ledger = await _ledger(rig, provider_slots=1)

    await asyncio.gather(*(_generate(ledger, step) for step in ("first", "second", "third")))

    assert rig.books == (3, 3)
    assert rig.fal.context.ledger.peak_in_progress == 1


async def test_steps_beside_each_other_take_a_slot_each_and_give_it_back(rig: Rig) -> None:
    rig.behave(run_seconds=60)
    await rig.submit()
    ledger = await _ledger(rig, provider_slots=3)
    all_three = asyncio.gather(*(_generate(ledger, step) for step in ("first", "second", "third")))
    await eventually(lambda: rig.fal.context.ledger.in_progress == 3)
    rig.behave(run_seconds=0)

    await all_three

    assert rig.fal.context.ledger.peak_in_progress == 3
    assert await rig.redis.zcard(f"{PREFIX}:provider") == 0


async def test_a_cancellation_finds_a_generation_that_was_stored_a_moment_before(rig: Rig) -> None:
    job = await rig.submit()
    ledger = await _ledger(rig)
    claimed = await rig.now(job)
    await ledger.generate("model", ECHO, {"prompt": "a boat"}, report=_unheard)
    (completed,) = (await rig.now(job)).generations
    # The write has reached Redis, but the attempt was stopped before it heard so.
    stopped = Ledger(claimed, key_of(claimed), store=rig.attempt_store(), gateway=rig.gateway(), polls=POLLS)
    stopped._rows["model"] = replace(completed, state=GenerationState.SUBMITTED)

    await stopped.cancel()

    assert (await rig.generation(job)) == completed


async def test_a_cancellation_is_told_to_fal_once(rig: Rig) -> None:
    rig.behave(run_seconds=60)
    worker = rig.worker().start()
    job = await rig.submit()
    await eventually(lambda: bool(rig.requests) and rig.requests[0].status is Status.IN_PROGRESS)
    held = await rig.until(job, JobState.PROCESSING)
    await worker.died()
    first = Ledger(held, key_of(held), store=rig.attempt_store(), gateway=rig.gateway(), polls=POLLS)
    await first.cancel()

    # The worker died before it could end the job; another one finishes the cancellation.
    held = await rig.now(job)
    await Ledger(held, key_of(held), store=rig.attempt_store(), gateway=rig.gateway(), polls=POLLS).cancel()

    assert (await rig.generation(job)).cancel_outcome is CancelOutcome.SIGNALLED


async def _ledger(rig: Rig, *, provider_slots: int = 20) -> Ledger:
    """Claim the job that waits, and open its ledger."""
    store = rig.attempt_store(slots=provider_slots)
    job: Job | None = await store.claim("by hand", "nonce")
    assert job is not None
    return Ledger(job, key_of(job), store=store, gateway=rig.gateway(), polls=POLLS)


async def _generate(ledger: Ledger, step: str) -> None:
    await ledger.generate(step, ECHO, {"prompt": step}, report=_unheard)


async def _unheard(*_: object) -> None:
    """Take a report and forget it."""
