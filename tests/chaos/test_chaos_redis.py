"""P1, P2 and P3 while Redis dies, stalls, or drops its connections."""

from __future__ import annotations

import asyncio
import signal
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import pytest
from redis.exceptions import RedisError, ResponseError

from tests.chaos.matrix import cell

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from devstack.stack import Stack
    from tests.chaos.scene import Scene

pytestmark = pytest.mark.chaos

#: Jobs that are under way, of which so many are let run at once.
JOBS: Final = 24
AT_ONCE: Final = {"SEGUE_FAL_CONCURRENCY": "6"}
#: Seconds of a stall.
STALL: Final = 8


@cell("R1", "Redis killed three times while jobs run, restarted from its append-only file")
async def test_jobs_survive_deaths_of_redis(scene: Scene, shared_stack: Stack) -> None:
    assert shared_stack.redis is not None
    await scene.stack.emulator.settings(run_seconds=1)
    for _ in range(2):
        await scene.worker(settings=AT_ONCE)
    jobs = [await scene.submit() for _ in range(JOBS)]
    watches = [asyncio.create_task(scene.ended(job)) for job in jobs]

    for accepted in (3, 9, 15):
        await scene.until_accepted(accepted)
        await shared_stack.redis.kill()
        await shared_stack.redis.start()
    finished = await asyncio.gather(*watches)

    row = await scene.note(*finished)
    assert (row.outcome, row.submits, row.billed) == (f"{JOBS} SUCCEEDED", JOBS, JOBS)


@cell("R2", "connections to Redis cut ten times a second, those of subscribers too, while jobs run")
async def test_jobs_survive_cut_connections(scene: Scene, redis: Redis) -> None:
    await scene.stack.emulator.settings(run_seconds=1)
    for _ in range(2):
        await scene.worker(settings=AT_ONCE)
    jobs = [await scene.submit() for _ in range(JOBS)]

    async def cut() -> None:
        while True:
            for kind in ("normal", "pubsub"):
                with suppress(RedisError):
                    await redis.client_kill_filter(_type=kind, skipme=True)
            await asyncio.sleep(0.1)

    cutting = asyncio.create_task(cut())
    finished = await asyncio.gather(*(scene.ended(job) for job in jobs))
    cutting.cancel()

    row = await scene.note(*finished)
    assert (row.outcome, row.submits, row.billed) == (f"{JOBS} SUCCEEDED", JOBS, JOBS)


@pytest.mark.parametrize(
    ("cell", "lease", "attempts"),
    [
        pytest.param(("R3", "Redis stalled 8 s during a POST and while running at fal; lease 15 s"), 15, 1, id="R3"),
        pytest.param(("R3s", "the same; lease 2 s, shorter than the stall"), 2, 1, id="R3s"),
    ],
)
async def test_jobs_survive_a_stall_of_redis(scene: Scene, redis: Redis, lease: int, attempts: int) -> None:
    await scene.stack.emulator.settings(run_seconds=3)
    for _ in range(2):
        await scene.worker(settings={"SEGUE_LEASE_SECONDS": str(lease)})
    running = await scene.submit()
    await scene.until_followed(running, "IN_PROGRESS")
    await scene.slow_submit(STALL + 2)
    posting = await scene.submit()
    await scene.until_accepted(2)

    await _stall(redis, scene.stack)
    finished = await asyncio.gather(scene.ended(running), scene.ended(posting))

    row = await scene.note(*finished)
    assert (row.outcome, row.submits, row.billed, row.attempts) == ("2 SUCCEEDED", 2, 2, attempts)


async def _stall(redis: Redis, stack: Stack) -> None:
    """Keep Redis from answering anybody for a while."""
    try:
        await redis.execute_command("DEBUG", "SLEEP", STALL)  # type: ignore[no-untyped-call]
    except ResponseError:  # not allowed from Redis 7 on; a frozen process is as silent
        assert stack.redis is not None
        assert stack.redis.process is not None
        stack.redis.process.send_signal(signal.SIGSTOP)
        await asyncio.sleep(STALL)
        stack.redis.process.send_signal(signal.SIGCONT)
