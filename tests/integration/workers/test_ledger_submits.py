"""P2 at the POST: whatever happens to a submit, a step has at most one that runs or has succeeded."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest

from core.job import ErrorReason, GenerationState, Job, JobState, UnknownSubmission
from emulator.faults import Fault
from emulator.records import Status
from tests.integration.fal.raw_fal import Exchange, raw_fal
from tests.integration.workers.rig import ECHO, SHORT_LEASE, eventually, key_of, left_behind, result_of
from tests.kept_port import kept_port
from workers.generations import Ledger

if TYPE_CHECKING:
    from tests.integration.workers.rig import Rig


async def test_a_job_is_submitted_once_and_its_answer_is_stored(rig: Rig) -> None:
    rig.worker().start()
    job = await rig.submit(arguments={"prompt": "a boat", "steps": 4})

    done = await rig.until(job)

    assert done.state is JobState.SUCCEEDED
    assert done.progress.fraction == 1
    assert dict(result_of(done).output) == {"prompt": "a boat", "steps": 4}
    assert rig.requests[0].submission.arguments == {"prompt": "a boat", "steps": 4}
    assert rig.books == (1, 1)
    row = await rig.generation(job)
    assert (row.state, row.submits, row.provider_request_id) == (GenerationState.COMPLETED, 1, rig.requests[0].id)


async def test_an_attempt_interrupted_in_fals_queue_is_taken_up_where_it_was(rig: Rig) -> None:
    rig.behave(queue_seconds=60)
    first = rig.worker().start()
    job = await rig.submit()
    await rig.until(job, JobState.PROCESSING)

    await first.interrupted()
    assert (await rig.now(job)).state is JobState.PENDING
    rig.behave(queue_seconds=0)
    rig.worker().start()

    done = await rig.until(job)
    assert (done.state, done.tries, done.attempt) == (JobState.SUCCEEDED, 1, 2)
    assert rig.books == (1, 1)


async def test_an_attempt_interrupted_while_the_model_runs_is_taken_up_where_it_was(rig: Rig) -> None:
    rig.behave(run_seconds=60)
    first = rig.worker().start()
    job = await rig.submit()
    await eventually(lambda: bool(rig.requests) and rig.requests[0].status is Status.IN_PROGRESS)

    await first.interrupted()
    rig.behave(run_seconds=0)
    rig.worker().start()

    assert (await rig.until(job)).state is JobState.SUCCEEDED
    assert rig.books == (1, 1)


async def test_an_attempt_interrupted_during_the_post_waits_for_fals_id(rig: Rig) -> None:
    rig.order(Fault.SLOW_SUBMIT, seconds=0.4)
    first = rig.worker().start()
    job = await rig.submit()
    await eventually(lambda: bool(rig.requests))

    await first.interrupted()
    assert (await rig.generation(job)).provider_request_id == rig.requests[0].id
    rig.worker().start()

    assert (await rig.until(job)).state is JobState.SUCCEEDED
    assert rig.books == (1, 1)


async def test_a_job_cancelled_during_the_post_is_cancelled_at_fal_however_often_it_is_told(rig: Rig) -> None:
    rig.behave(run_seconds=60)
    rig.order(Fault.SLOW_SUBMIT, seconds=0.8)
    worker = rig.worker(lease=SHORT_LEASE).start()  # its heartbeat tells the cancellation again, every 0.2 s
    job = await rig.submit()
    await eventually(lambda: bool(rig.requests))

    await rig.cancel(job.tenant, job.id)
    worker.attempts.cancel(f"{job.tenant}/{job.id}")

    assert (await rig.until(job)).state is JobState.CANCELLED
    assert rig.requests[0].cancel_time is not None
    assert rig.books == (1, 0)


async def test_an_intention_that_was_left_behind_fails_the_job_as_unknown(rig: Rig) -> None:
    job = await left_behind(rig)

    rig.sweeping()
    rig.worker().start()

    done = await rig.until(job)
    assert done.error is not None
    assert (done.state, done.error.reason) == (JobState.FAILED, ErrorReason.SUBMISSION_UNKNOWN)
    assert done.error.metadata["step"] == "model"
    assert (await rig.generation(job)).state is GenerationState.UNKNOWN
    assert rig.books == (0, 0)


async def test_an_intention_that_was_left_behind_is_submitted_anew_if_that_was_asked_for(rig: Rig) -> None:
    job = await left_behind(rig, on_unknown_submission=UnknownSubmission.RESUBMIT)

    rig.sweeping()
    rig.worker().start()

    assert (await rig.until(job)).state is JobState.SUCCEEDED
    row = await rig.generation(job)
    assert (row.state, row.submits) == (GenerationState.COMPLETED, 2)
    assert rig.books == (1, 1)


@pytest.mark.parametrize(
    ("fault", "accepted"),
    [
        (Fault.RESET_AFTER_ACCEPT, 1),
        (Fault.TRUNCATED_SUBMIT, 1),
        (Fault.SUBMIT_502_AFTER_ACCEPT, 1),
        (Fault.MISSING_KEYS, 1),
        (Fault.SUBMIT_500, 0),
        (Fault.SUBMIT_502, 0),
        # On the wire a reset before the acceptance looks like one after it.
        (Fault.RESET_BEFORE_ACCEPT, 0),
    ],
)
async def test_a_submit_whose_outcome_cannot_be_known_is_not_repeated(rig: Rig, fault: Fault, accepted: int) -> None:
    rig.order(fault)
    rig.worker().start()
    job = await rig.submit()

    done = await rig.until(job)

    assert done.error is not None
    assert (done.state, done.error.reason) == (JobState.FAILED, ErrorReason.SUBMISSION_UNKNOWN)
    assert not done.error.retryable
    row = await rig.generation(job)
    assert (row.state, row.submits) == (GenerationState.UNKNOWN, 1)
    assert rig.fal.context.ledger.posts == 1
    assert rig.books[0] == accepted


async def test_unknown_submits_are_repeated_only_as_often_as_attempts_are_allowed(rig: Rig) -> None:
    rig.order(Fault.RESET_AFTER_ACCEPT, times=10)
    rig.worker().start()
    job = await rig.submit(on_unknown_submission=UnknownSubmission.RESUBMIT, max_attempts=3)

    done = await rig.until(job)

    assert done.error is not None
    assert (done.state, done.error.reason) == (JobState.FAILED, ErrorReason.SUBMISSION_UNKNOWN)
    assert rig.fal.context.ledger.posts == 3
    assert (await rig.generation(job)).submits == 3


async def test_a_cancelled_job_is_not_submitted_anew_after_an_unknown_submit(rig: Rig) -> None:
    cancelled = asyncio.Event()

    async def break_off(exchange: Exchange) -> None:
        await cancelled.wait()
        exchange.reset()

    async with raw_fal() as fal:
        fal.script = break_off
        worker = rig.worker(fal_url=fal.url).start(hears=False)
        job = await rig.submit(on_unknown_submission=UnknownSubmission.RESUBMIT)
        await fal.arrival(1)

        await rig.cancel(job.tenant, job.id)
        worker.attempts.cancel(f"{job.tenant}/{job.id}")
        cancelled.set()  # the submit fails, its outcome unknown

        assert (await rig.until(job)).state is JobState.CANCELLED
        assert len(fal.requests) == 1
    assert (await rig.generation(job)).state is GenerationState.UNKNOWN


async def test_a_submit_that_fal_put_off_is_repeated_after_the_time_it_asked_for(rig: Rig) -> None:
    rig.order(Fault.SUBMIT_429, seconds=1)
    rig.sweeping()
    rig.worker().start()
    began = time.monotonic()
    job = await rig.submit()

    done = await rig.until(job)

    assert (done.state, done.tries) == (JobState.SUCCEEDED, 2)
    assert time.monotonic() - began >= 1
    assert (await rig.generation(job)).submits == 1
    assert rig.books == (1, 1)
    assert rig.fal.context.ledger.posts == 2


async def test_a_submit_is_repeated_when_fal_could_not_be_reached(rig: Rig) -> None:
    job = await rig.submit()
    with kept_port() as nobodys:
        away = rig.worker(fal_url=f"http://127.0.0.1:{nobodys}").start()
        await eventually(lambda: _has_failed_once(rig, job))
        await away.died()

    rig.sweeping()
    rig.worker().start()

    done = await rig.until(job)
    assert (done.state, done.error) == (JobState.SUCCEEDED, None)
    assert (await rig.generation(job)).submits == 1
    assert rig.books == (1, 1)


async def test_a_locked_account_fails_the_job_without_a_retry(rig: Rig) -> None:
    rig.order(Fault.SUBMIT_403)
    rig.worker().start()
    job = await rig.submit()

    done = await rig.until(job)

    assert done.error is not None
    assert (done.error.reason, done.attempt) == (ErrorReason.PROVIDER_BALANCE, 1)


async def test_an_endpoint_that_fal_does_not_know_fails_the_job_without_a_retry(rig: Rig) -> None:
    rig.worker().start()
    job = await rig.submit(endpoint="nobody/nothing")

    done = await rig.until(job)

    assert done.error is not None
    assert (done.error.reason, done.attempt) == (ErrorReason.INVALID_INPUT, 1)
    assert (await rig.generation(job)).submits == 0


async def test_a_stale_attempts_writes_are_fenced_but_its_late_fal_id_is_salvaged(rig: Rig) -> None:
    stale = rig.worker().start(keeps_leases=False)
    stale.gateway.answered.clear()
    job = await rig.submit()
    await eventually(lambda: bool(rig.requests))
    stale.takes_no_more()

    await rig.lost(job)
    await rig.attempt_store().sweep()
    assert (await rig.now(job)).state is JobState.PENDING
    stale.gateway.answered.set()
    await eventually(lambda: stale.attempts.running == 0)  # fenced, and so quiet
    await stale.died()
    row = await rig.generation(job)
    assert (row.state, row.provider_request_id) == (GenerationState.SUBMITTED, rig.requests[0].id)
    assert (await rig.now(job)).state is JobState.PENDING
    rig.worker().start()

    assert (await rig.until(job)).state is JobState.SUCCEEDED
    assert rig.books == (1, 1)


async def test_an_attempt_goes_on_with_an_id_salvaged_after_its_claim(rig: Rig) -> None:
    stale = rig.worker().start(keeps_leases=False)
    stale.gateway.answered.clear()
    job = await rig.submit()
    await eventually(lambda: bool(rig.requests))
    stale.takes_no_more()
    await rig.lost(job)
    store = rig.attempt_store()
    await store.sweep()
    claimed = await store.claim("another", "nonce")
    assert claimed is not None
    assert claimed.generations[0].state is GenerationState.INTENDED
    stale.gateway.answered.set()
    await eventually(lambda: stale.attempts.running == 0)
    await stale.died()

    ledger = Ledger(
        claimed, key_of(claimed), store=store, gateway=rig.gateway(), polls=stale.attempts.polls
    )  # it knows the row as it was at the claim

    output = await ledger.generate("model", ECHO, {"prompt": "a boat"}, report=_unheard)
    assert output == {"prompt": "a boat"}
    assert rig.books == (1, 1)


async def test_an_id_salvaged_while_an_attempt_is_about_to_submit_anew_is_taken_instead(rig: Rig) -> None:
    stale = rig.worker().start(keeps_leases=False)
    stale.gateway.answered.clear()
    job = await rig.submit(on_unknown_submission=UnknownSubmission.RESUBMIT)
    await eventually(lambda: bool(rig.requests))
    stale.takes_no_more()
    await rig.lost(job)
    store = rig.attempt_store()
    await store.sweep()
    claimed = await store.claim("another", "nonce")
    assert claimed is not None
    ledger = Ledger(claimed, key_of(claimed), store=store, gateway=rig.gateway(), polls=stale.attempts.polls)
    unknown = await ledger._settled(claimed.generations[0])
    assert unknown is not None
    assert unknown.state is GenerationState.UNKNOWN
    stale.gateway.answered.set()
    await eventually(lambda: stale.attempts.running == 0)
    await stale.died()

    output = await ledger.generate("model", ECHO, {"prompt": "a boat"}, report=_unheard)
    assert output == {"prompt": "a boat"}
    assert rig.books == (1, 1)


async def _has_failed_once(rig: Rig, job: Job) -> bool:
    now = await rig.now(job)
    return now.state is JobState.PENDING and now.error is not None


async def _unheard(*_: object) -> None:
    """Take a report and forget it."""
