"""A script of many scenes: all provider slots are busy until the last step is done."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING, Final

import pytest

import segue
from segue.v1.job_pb2 import GenerationState
from tests.e2e.films import Stage
from tests.e2e.scripts import script
from tests.quickest import quickest

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.timeout(180)

SCENES: Final = 12
SLOTS: Final = 6
#: What one generation takes at fal, in seconds.
QUEUE: Final = 0.1
RUN: Final = 3.0
#: A voice and an image for each scene, as many at once as there are slots.
IDEAL: Final = 2 * SCENES / SLOTS * (QUEUE + RUN)


async def test_twelve_scenes_take_at_most_a_quarter_longer_than_their_rounds(tmp_path: Path) -> None:
    async with Stage.opened(tmp_path, environment={"SEGUE_FAL_CONCURRENCY": str(SLOTS)}) as stage:
        await stage.stack.emulator.settings(queue_seconds=QUEUE, run_seconds=RUN, concurrency=SLOTS, render="tiny")

        async def took() -> float:
            return await _generated(stage)

        assert await quickest(took, enough=1.25 * IDEAL) <= 1.25 * IDEAL


async def _generated(stage: Stage) -> float:
    """Have the voices and images of a script made, and return how long that took at fal, in seconds."""
    job = await stage.client.submit(segue.script_video(script(SCENES)))
    await _until_generated(stage, job)
    await stage.client.cancel(job.id)  # the compositing is not what this is about
    async for _ in stage.client.watch(job.id):
        pass
    requests = (await stage.stack.emulator.ledger()).requests[-2 * SCENES :]
    assert Counter(request["status"] for request in requests) == {"COMPLETED": 2 * SCENES}
    began = min(_time(request["create_time"]) for request in requests)
    ended = max(_time(request["end_time"]) for request in requests)
    return (ended - began).total_seconds()


async def _until_generated(stage: Stage, job: segue.Job) -> None:
    async with asyncio.timeout(120):
        while True:
            found = await stage.client.get(job.id)
            assert not found.error.reason, found.error
            states = Counter(row.state for row in found.generations)
            if states == {GenerationState.GENERATION_STATE_COMPLETED: 2 * SCENES}:
                return
            await asyncio.sleep(0.1)


def _time(written: str) -> datetime:
    return datetime.fromisoformat(written)
