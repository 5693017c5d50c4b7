"""P1 and P2: a worker dies at each numbered point of an attempt; another one takes over."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from segue.v1.job_pb2 import AttemptOutcome, CancelOutcome
from tests.chaos.crashing import Crash
from tests.chaos.matrix import cell
from tests.chaos.scene import FOR_EVER, state_of

if TYPE_CHECKING:
    from tests.chaos.scene import Scene

CLAIM = Crash(method="AttemptStore.claim", when="after", sees="Job")
INTENDED = Crash(method="AttemptStore.record", when="after", sees="intended")
POSTED = Crash(method="FalGateway.submit", when="after")
SUBMITTED = Crash(method="AttemptStore.record", when="after", sees="submitted")
COMPLETED_AT_FAL = Crash(method="FalGateway.status", when="after", sees="Completed")
FETCHED = Crash(method="FalGateway.result", when="after")
STORED = Crash(method="AttemptStore.record", when="after", sees="completed")
ENDED = Crash(method="AttemptStore.finish", when="after")
CANCELLING = Crash(method="FalGateway.cancel", when="before")
CANCELLED_AT_FAL = Crash(method="FalGateway.cancel", when="after")

UNKNOWN = "FAILED (SUBMISSION_UNKNOWN)"
long = pytest.mark.chaos


@pytest.mark.parametrize(
    ("cell", "crash"),
    [
        pytest.param(("1", "after the claim"), CLAIM, id="1"),
        pytest.param(("4s", "after SUBMITTED is stored, before the first poll"), SUBMITTED, id="4s", marks=long),
        pytest.param(("7", "after fal says COMPLETED, before the fetch"), COMPLETED_AT_FAL, id="7", marks=long),
        pytest.param(("8", "after the fetch, before the result is stored"), FETCHED, id="8"),
        pytest.param(("9", "after the result is stored, before the job's end"), STORED, id="9", marks=long),
    ],
)
async def test_a_job_whose_worker_dies_succeeds_and_is_paid_once(scene: Scene, crash: Crash) -> None:
    job = await scene.submit()

    hit = await _dead(scene, crash)
    await scene.worker()
    finished = await scene.ended(job)

    row = await scene.note(finished, hit=hit)
    assert (row.outcome, row.submits, row.billed, row.attempts) == ("SUCCEEDED", 1, 1, 2)


@pytest.mark.parametrize(
    ("cell", "status"),
    [
        pytest.param(("5", "while queued at fal"), "IN_QUEUE", id="5", marks=long),
        pytest.param(("6", "while running at fal"), "IN_PROGRESS", id="6"),
    ],
)
async def test_a_generation_whose_worker_dies_is_followed_by_another(scene: Scene, status: str) -> None:
    await _keep_at_fal(scene, status)
    doomed = await scene.worker()
    job = await scene.submit()
    await scene.until_followed(job, status)

    hit = time.time()
    await doomed.kill()
    await scene.stack.emulator.settings(queue_seconds=0.1, run_seconds=0.3)
    await scene.worker()
    finished = await scene.ended(job)

    row = await scene.note(finished, hit=hit)
    assert (row.outcome, row.submits, row.billed, row.attempts) == ("SUCCEEDED", 1, 1, 2)


@pytest.mark.parametrize(
    ("cell", "crash", "accepted"),
    [
        pytest.param(("2", "after INTENDED is stored, before the POST"), INTENDED, 0, id="2", marks=long),
        pytest.param(("3", "during the POST"), None, 1, id="3"),
        pytest.param(("4", "after the POST, before SUBMITTED is stored"), POSTED, 1, id="4", marks=long),
    ],
)
async def test_a_submit_of_unknown_outcome_fails_the_job_and_is_never_repeated(
    scene: Scene, crash: Crash | None, accepted: int
) -> None:
    job = await scene.submit()

    hit = await (_dead(scene, crash) if crash else _dead_during_the_post(scene))
    await scene.worker()
    finished = await scene.ended(job)
    await scene.until_at_fal("COMPLETED", accepted)

    row = await scene.note(finished, hit=hit)
    assert (row.outcome, row.submits, row.attempts) == (UNKNOWN, accepted, 2)


@long
@pytest.mark.parametrize(
    ("cell", "crash", "accepted"),
    [
        pytest.param(("2r", "the same, RESUBMIT asked for"), INTENDED, 1, id="2r"),
        pytest.param(("3r", "the same, RESUBMIT asked for"), None, 2, id="3r"),
        pytest.param(("4r", "the same, RESUBMIT asked for"), POSTED, 2, id="4r"),
    ],
)
async def test_a_submit_of_unknown_outcome_is_repeated_once_where_that_was_asked_for(
    scene: Scene, crash: Crash | None, accepted: int
) -> None:
    job = await scene.submit(on_unknown_submission="resubmit")

    hit = await (_dead(scene, crash) if crash else _dead_during_the_post(scene))
    await scene.worker()
    finished = await scene.ended(job)

    row = await scene.note(finished, hit=hit)
    assert (row.outcome, row.submits, row.attempts) == ("SUCCEEDED", accepted, 2)


@pytest.mark.parametrize(
    ("cell", "crash", "told"),
    [
        pytest.param(
            ("12", "between the cancellation and fal's answer, fal not told"),
            CANCELLING,
            CancelOutcome.CANCEL_OUTCOME_SIGNALLED,
            id="12",
        ),
        pytest.param(
            ("12b", "between the cancellation and fal's answer, fal told"),
            CANCELLED_AT_FAL,
            CancelOutcome.CANCEL_OUTCOME_ALREADY_COMPLETED,
            id="12b",
            marks=long,
        ),
    ],
)
async def test_a_cancellation_whose_worker_dies_reaches_fal_all_the_same(
    scene: Scene, crash: Crash, told: CancelOutcome.ValueType
) -> None:
    await _keep_at_fal(scene, "IN_PROGRESS")
    doomed = await scene.worker(crash)
    job = await scene.submit()
    await scene.until_followed(job, "IN_PROGRESS")

    await scene.client.cancel(job.id)
    await doomed.wait()
    hit = time.time()
    assert state_of(await scene.client.get(job.id)) == "CANCELLING"
    await scene.worker()
    finished = await scene.ended(job)

    row = await scene.note(finished, hit=hit)
    (request,) = await scene.requests()
    assert (row.outcome, row.submits, row.billed) == ("CANCELLED", 1, 0)
    assert request["cancel_time"] is not None
    assert finished.generations[0].cancel_outcome == told


@long
@cell("13", "after the job's end is stored, before its ticket is acknowledged")
async def test_a_job_that_has_ended_stays_as_it_is_when_its_worker_dies(scene: Scene) -> None:
    job = await scene.submit()

    await _dead(scene, ENDED)
    finished = await scene.ended(job)
    await scene.worker()
    another = await scene.ended(await scene.submit())

    row = await scene.note(finished, another)
    assert (row.outcome, row.submits, row.billed, row.attempts) == ("2 SUCCEEDED", 2, 2, 1)
    assert await scene.client.get(job.id) == finished


@long
@cell("P", "poisoned job: kills its worker in each attempt")
async def test_a_poisoned_job_fails_after_its_attempts_and_is_paid_once(scene: Scene) -> None:
    await _keep_at_fal(scene, "IN_PROGRESS")
    poison = Crash(method="FalGateway.status", when="after", sees="Running")
    job = await scene.submit(max_attempts=3)

    for _ in range(3):
        hit = await _dead(scene, poison)
    await scene.worker()
    finished = await scene.ended(job)

    row = await scene.note(finished, hit=hit)
    assert (row.outcome, row.submits, row.attempts) == ("FAILED (WORKER_LOST)", 1, 3)
    assert finished.attempts[-1].outcome == AttemptOutcome.ATTEMPT_OUTCOME_LOST


async def _dead(scene: Scene, crash: Crash) -> float:
    """Let a worker run into *crash*, and return when it died."""
    doomed = await scene.worker(crash)
    assert await doomed.wait() == -9
    return time.time()


async def _dead_during_the_post(scene: Scene) -> float:
    """Kill a worker while fal has its POST and has not answered, and return when."""
    await scene.slow_submit(FOR_EVER)
    doomed = await scene.worker()
    await scene.until_accepted()
    await doomed.kill()
    return time.time()


async def _keep_at_fal(scene: Scene, status: str) -> None:
    """Let generations stay in a status at fal until the settings are changed."""
    where = "queue_seconds" if status == "IN_QUEUE" else "run_seconds"
    await scene.stack.emulator.settings(**{where: FOR_EVER})
