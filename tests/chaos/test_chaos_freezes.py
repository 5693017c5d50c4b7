"""P2 and P7: workers that are frozen past their lease and come back, and workers that are stopped in order."""

from __future__ import annotations

import signal
import time
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from core.job import JobId, Tenant
from core.settings import StoreSettings
from core.store.attempts import AttemptStore, Policy
from core.store.control import JobControl
from tests.chaos.crashing import Crash
from tests.chaos.matrix import cell
from tests.chaos.scene import FOR_EVER, LASTING, LEASE

if TYPE_CHECKING:
    from redis.asyncio import Redis

    import segue
    from devstack.process import ChildProcess
    from tests.chaos.scene import Scene

BEFORE_THE_POST = Crash(method="FalGateway.submit", when="before", signal="SIGSTOP")
BEFORE_THE_END = Crash(method="AttemptStore.finish", when="before", signal="SIGSTOP")
TENANT = Tenant("default")
long = pytest.mark.chaos


@cell("F6", "frozen past the lease while running at fal, then continued")
async def test_a_frozen_worker_that_comes_back_changes_nothing(scene: Scene) -> None:
    await scene.stack.emulator.settings(run_seconds=FOR_EVER)
    frozen = await scene.worker()
    job = await scene.submit()
    await scene.until_followed(job, "IN_PROGRESS")

    hit = _freeze(frozen)
    other = await scene.worker()
    await scene.until_attempt(job, 2)
    await scene.stack.emulator.settings(run_seconds=0.3)
    finished = await scene.ended(job)
    await other.kill()
    _thaw(frozen)
    another = await scene.ended(await scene.submit())  # by the one that came back

    row = await scene.note(finished, another, hit=hit)
    assert (row.outcome, row.submits, row.billed, row.attempts) == ("2 SUCCEEDED", 2, 2, 2)
    assert await scene.client.get(job.id) == finished


@long
@cell("F9", "frozen past the lease before the job's end is stored, then continued")
async def test_a_late_outcome_is_fenced_off(scene: Scene) -> None:
    frozen = await scene.worker(BEFORE_THE_END)
    job = await scene.submit()

    await scene.until_stopped(frozen)
    hit = time.time()
    await scene.worker()
    finished = await scene.ended(job)
    _thaw(frozen)
    await scene.until_says(frozen, "attempt.fenced")

    row = await scene.note(finished, hit=hit)
    assert (row.outcome, row.submits, row.billed, row.attempts) == ("SUCCEEDED", 1, 1, 2)
    assert await scene.client.get(job.id) == finished


@long
@cell("F2", "frozen past the lease before the POST, then continued")
async def test_a_job_that_has_failed_as_unknown_is_paid_at_most_once_by_a_worker_that_comes_back(scene: Scene) -> None:
    frozen = await scene.worker(BEFORE_THE_POST)
    job = await scene.submit()

    await scene.until_stopped(frozen)
    hit = time.time()
    await scene.worker()
    finished = await scene.ended(job)
    _thaw(frozen)
    await scene.until_known(job)
    await scene.until_at_fal("COMPLETED")

    row = await scene.note(finished, hit=hit)
    assert (row.outcome, row.submits) == ("FAILED (SUBMISSION_UNKNOWN)", 1)


@long
@cell("F3", "frozen past the lease during the POST, continued before the next claim")
async def test_the_id_of_a_frozen_workers_submit_is_used_by_the_next_attempt(scene: Scene, store: AttemptStore) -> None:
    frozen = await scene.worker(
        settings={"SEGUE_WORKER_SLOTS": "1"}
    )  # it can claim again only after it has heard of its submit
    job, hit = await _frozen_during_the_post(scene, frozen)

    async def swept() -> bool:
        return ("returned", f"{TENANT}/{job.id}") in await store.sweep()

    await scene.until(swept)
    _thaw(frozen)
    finished = await scene.ended(job)

    row = await scene.note(finished, hit=hit)
    assert (row.outcome, row.submits, row.billed, row.attempts) == ("SUCCEEDED", 1, 1, 2)


@long
@cell("F3b", "frozen past the lease during the POST, continued after the job has failed; then retried")
async def test_the_id_of_a_frozen_workers_submit_is_used_by_a_retry(scene: Scene, control: JobControl) -> None:
    frozen = await scene.worker()
    job, hit = await _frozen_during_the_post(scene, frozen)

    await scene.worker()
    failed = await scene.ended(job)
    assert failed.error.reason == "SUBMISSION_UNKNOWN"
    _thaw(frozen)
    await scene.until_known(job)
    await control.retry(TENANT, JobId(job.id), request_id="", digest="", resubmit_unknown=False)
    finished = await scene.until_state(job, "SUCCEEDED")

    row = await scene.note(finished, hit=hit)
    assert (row.submits, row.billed) == (1, 1)


@long
@pytest.mark.parametrize(
    ("cell", "status"),
    [
        pytest.param(("T3", "worker stopped by SIGTERM during the POST"), "", id="T3"),
        pytest.param(("T5", "worker stopped by SIGTERM while queued at fal"), "IN_QUEUE", id="T5"),
        pytest.param(("T6", "worker stopped by SIGTERM while running at fal"), "IN_PROGRESS", id="T6"),
    ],
)
async def test_a_worker_stopped_in_order_hands_its_job_over_without_spending_an_attempt(
    scene: Scene, status: str
) -> None:
    leaving = await scene.worker(settings=LASTING)
    if status:
        where = "queue_seconds" if status == "IN_QUEUE" else "run_seconds"
        await scene.stack.emulator.settings(**{where: FOR_EVER})
    else:
        await scene.slow_submit(3)
    job = await scene.submit(max_attempts=1)
    await (scene.until_followed(job, status) if status else scene.until_accepted())
    await scene.worker(settings=LASTING)

    hit = time.time()
    assert await leaving.stop() == 0
    await scene.stack.emulator.settings(queue_seconds=0.1, run_seconds=0.3)
    finished = await scene.ended(job)

    row = await scene.note(finished, hit=hit)
    assert (row.outcome, row.submits, row.billed, row.attempts) == ("SUCCEEDED", 1, 1, 1)


@pytest.fixture
def control(redis: Redis) -> JobControl:
    """What callers do to a job that has failed."""
    settings = StoreSettings()
    return JobControl(redis, prefix=settings.key_prefix, events_per_job=settings.events_per_job)


@pytest.fixture
def store(redis: Redis) -> AttemptStore:
    """A sweeper that claims nothing."""
    settings = StoreSettings()
    return AttemptStore(
        redis,
        prefix=settings.key_prefix,
        events_per_job=settings.events_per_job,
        lease=timedelta(seconds=LEASE),
        policy=Policy(provider_slots=1, kinds={}),
    )


def _freeze(worker: ChildProcess) -> float:
    """Freeze a worker where it is, and return when."""
    worker.send_signal(signal.SIGSTOP)
    return time.time()


async def _frozen_during_the_post(scene: Scene, worker: ChildProcess) -> tuple[segue.Job, float]:
    """Submit a job, and freeze the worker while fal has its POST and has not answered."""
    await scene.slow_submit(2 * LEASE)
    job = await scene.submit()
    await scene.until_accepted()
    return job, _freeze(worker)


def _thaw(worker: ChildProcess) -> None:
    """Let a frozen worker go on."""
    worker.send_signal(signal.SIGCONT)
