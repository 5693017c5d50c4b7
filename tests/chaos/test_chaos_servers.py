"""P1: a server dies while it accepts jobs; every submit is repeated at another one."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from uuid import uuid4

import pytest

from segue import aio
from segue.errors import SegueError
from segue.options import Retry
from tests.chaos.crashing import Crash
from tests.chaos.matrix import cell
from tests.chaos.scene import LASTING, SERVER_READY

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from segue.v1.spec_pb2 import JobSpec
    from tests.chaos.scene import Scene

    Submit = Callable[[aio.Client, str, list[JobSpec]], Awaitable[tuple[str, ...]]]

#: Settings of a worker that is to work off what was accepted.
BROAD: Final = {**LASTING, "SEGUE_FAL_CONCURRENCY": "200", "SEGUE_WORKER_SLOTS": "200"}


@dataclass
class Burst:
    """Submits without a pause, until their server is dead."""

    scene: Scene
    submit: Submit
    jobs: int
    """How many jobs each submit has."""
    asked: dict[str, list[JobSpec]] = field(default_factory=dict)
    """What was submitted, by request_id."""
    answered: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """The ids of the jobs, by request_id, where the answer came."""

    async def run(self, crash: Crash, *, at_once: int) -> None:
        """Keep *at_once* submits in flight until *crash* has killed their server."""
        doomed = await self.scene.server(crash)
        listening = doomed.matched(SERVER_READY)
        assert listening is not None
        async with aio.Client(listening[1], retry=Retry(attempts=1), timeout=30) as client:
            await asyncio.gather(*(self._submit_on(client) for _ in range(at_once)))
        assert await doomed.wait() == -9

    async def _submit_on(self, client: aio.Client) -> None:
        while True:
            request_id, specs = uuid4().hex, [self.scene.spec() for _ in range(self.jobs)]
            self.asked[request_id] = specs
            try:
                self.answered[request_id] = await self.submit(client, request_id, specs)
            except SegueError:
                return

    async def repeated(self) -> dict[str, tuple[str, ...]]:
        """Repeat every submit at another server, and return the ids of the jobs by request_id."""
        answers = [self.submit(self.scene.client, *asked) for asked in self.asked.items()]
        return dict(zip(self.asked, await asyncio.gather(*answers), strict=True))


async def _one(client: aio.Client, request_id: str, specs: list[JobSpec]) -> tuple[str, ...]:
    (spec,) = specs
    return ((await client.submit(spec, request_id=request_id)).id,)


async def _batch(client: aio.Client, request_id: str, specs: list[JobSpec]) -> tuple[str, ...]:
    return tuple(job.id for job in (await client.submit_batch(specs, request_id=request_id)).jobs)


@pytest.mark.chaos
@cell("S1", "server killed during SubmitJob, 32 in flight; each repeated at another server")
async def test_each_request_id_gives_one_job_when_the_server_dies_while_it_accepts_jobs(scene: Scene) -> None:
    burst = Burst(scene, _one, jobs=1)
    await burst.run(Crash(method="JobStore.submit", when="after", call=50), at_once=32)

    await _assert_exactly_once(scene, burst)


@cell("S2", "server killed during BatchSubmit, 8 of 25 jobs in flight; each repeated at another server")
async def test_each_request_id_gives_one_batch_when_the_server_dies_while_it_accepts_batches(scene: Scene) -> None:
    burst = Burst(scene, _batch, jobs=25)
    await burst.run(Crash(method="JobStore.submit_batch", when="after", call=5), at_once=8)

    batches = Counter([job.batch_id async for job in scene.client.list(page_size=100)])
    assert set(batches.values()) == {25}, "a batch is half stored"
    await _assert_exactly_once(scene, burst)


async def _assert_exactly_once(scene: Scene, burst: Burst) -> None:
    """Each submit has made its jobs once, and each of these jobs is done once."""
    await scene.stack.emulator.settings(queue_seconds=0, run_seconds=0, concurrency=200)
    stored = {job.id async for job in scene.client.list(page_size=100)}
    repeated = await burst.repeated()
    listed = [job.id async for job in scene.client.list(page_size=100)]
    await scene.worker(settings=BROAD)
    ended = await scene.all_ended(len(listed))

    lost = burst.asked.keys() - burst.answered.keys()
    kept = sum(set(repeated[request_id]) <= stored for request_id in lost)
    row = await scene.note(*ended)
    row.outcome += f"; {len(lost)} answers lost, {kept} of them stored before"
    assert kept >= 1, "the one that was stored last has no answer"
    assert burst.answered.items() <= repeated.items(), "a repeated submit made other jobs"
    assert sorted(listed) == sorted(job_id for job_ids in repeated.values() for job_id in job_ids)
    assert stored <= set(listed)
    assert row.outcome.startswith(f"{len(listed)} SUCCEEDED")
    assert (row.submits, row.billed, row.attempts) == (len(listed), len(listed), 1)
