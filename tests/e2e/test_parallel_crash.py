"""A worker is killed while many steps of one job are at fal, done, or waiting for their slot."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Final

import segue
from segue import aio
from segue.v1.job_pb2 import GenerationState
from tests.e2e.conftest import MORTAL
from tests.e2e.evidence import FOR_EVER
from tests.e2e.scripts import script

if TYPE_CHECKING:
    from devstack.stack import Stack

SCENES: Final = 12
SLOTS: Final = 6
COMPLETED: Final = GenerationState.GENERATION_STATE_COMPLETED
SUBMITTED: Final = GenerationState.GENERATION_STATE_SUBMITTED


async def test_no_step_of_a_script_is_paid_twice(stack: Stack) -> None:
    await stack.start_server()
    few = {"SEGUE_FAL_CONCURRENCY": str(SLOTS)}
    doomed = await stack.start_worker(environment={**few, **MORTAL})
    await stack.emulator.settings(queue_seconds=0, run_seconds=FOR_EVER)
    async with aio.Client(stack.address) as client:
        job = await client.submit(segue.script_video(script(SCENES)))
        await _until(client, job.id, {SUBMITTED: SLOTS})
        # Those that run end; those that take their places stay in the queue.
        await stack.emulator.settings(queue_seconds=FOR_EVER, run_seconds=0)
        # The second round is at fal, the first one is done, and none is between.
        await _until(client, job.id, {COMPLETED: SLOTS, SUBMITTED: SLOTS})
        await doomed.kill()
        await stack.emulator.settings(queue_seconds=0)
        await stack.start_worker(environment=few)

        await _until(client, job.id, {COMPLETED: 2 * SCENES})
        await client.cancel(job.id)  # the composing is not what this is about

    requests = (await stack.emulator.ledger()).requests
    asked = Counter(str((request["endpoint"], request["arguments"])) for request in requests)
    assert len(asked) == 2 * SCENES
    assert set(asked.values()) == {1}


async def _until(client: aio.Client, job_id: str, wanted: dict[int, int]) -> None:
    """Return when the generations of a job stand so."""
    async with asyncio.timeout(90):
        while True:
            job = await client.get(job_id)
            states = Counter(generation.state for generation in job.generations)
            if states == wanted:
                return
            assert not job.error.reason, job.error
            await asyncio.sleep(0.1)
