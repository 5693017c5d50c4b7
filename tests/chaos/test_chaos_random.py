"""P1 and P2 at no point in particular: workers are killed at random times while many jobs run."""

from __future__ import annotations

import asyncio
import random
import secrets
from collections import defaultdict
from typing import TYPE_CHECKING, Final

import pytest
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from tests.chaos.matrix import MATRIX, cell
from tests.chaos.scene import outcome_of

if TYPE_CHECKING:
    from tests.chaos.scene import Scene

JOBS: Final = 60
WORKERS: Final = 3
#: Of each worker.
KILLS: Final = 3
#: Seconds that a worker lives, at least and at most.
LIVES: Final = (0.1, 2.5)
#: Settings of each worker: few slots, so that jobs wait while others run.
NARROW: Final = {"SEGUE_WORKER_SLOTS": "8", "SEGUE_FAL_CONCURRENCY": "16"}
#: How a job may end, and whether fal billed each of the submits that it accepted for it: one at most.
ALLOWED: Final = {
    ("SUCCEEDED", (True,)),
    ("FAILED (SUBMISSION_UNKNOWN)", (True,)),
    ("FAILED (SUBMISSION_UNKNOWN)", ()),
}


class Chance(BaseSettings):
    """What chance is made of."""

    model_config = SettingsConfigDict(env_prefix="CHAOS_")

    seed: int = Field(default_factory=lambda: secrets.randbelow(1_000_000))
    """The same seed draws the same lives; set CHAOS_SEED to the one that was printed."""


@pytest.mark.chaos
@cell("X", f"{WORKERS} workers killed {KILLS} times each at random times, {JOBS} jobs")
async def test_jobs_survive_random_deaths_of_workers(scene: Scene, request: pytest.FixtureRequest) -> None:
    seed = Chance().seed
    request.config.stash[MATRIX].remarks.append(f"CHAOS_SEED={seed}")
    await scene.stack.emulator.settings(run_seconds=1)
    jobs = [await scene.submit(max_attempts=10) for _ in range(JOBS)]

    async def torment(place: int) -> None:
        chance = random.Random(seed + place)  # noqa: S311 - to be repeated, not to be guessed
        for _ in range(KILLS):
            worker = await scene.worker(settings=NARROW)
            await asyncio.sleep(chance.uniform(*LIVES))
            await worker.kill()
        await scene.worker(settings=NARROW)

    await asyncio.gather(*(torment(place) for place in range(WORKERS)))
    finished = await scene.all_ended(JOBS)

    await scene.until_at_fal("COMPLETED", len(await scene.requests()))
    paid: dict[str, tuple[bool, ...]] = defaultdict(tuple)
    for generation in await scene.requests():
        paid[jobs[generation["arguments"]["number"]].id] += (generation["billed"],)
    await scene.note(*finished)
    assert {job.id for job in finished} == {job.id for job in jobs}
    assert {(outcome_of(job), paid[job.id]) for job in finished} <= ALLOWED
