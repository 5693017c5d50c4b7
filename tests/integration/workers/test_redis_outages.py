"""P1 and P2 while Redis is away: nothing is lost, and nothing is paid twice."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from core.job import JobState
from core.store.connection import connect
from core.tasks import ended
from devstack.redis import RedisServer
from tests.integration.workers.rig import Rig, eventually
from workers import attempts, persistence
from workers.sweeper import sweep

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from emulator.app import Emulator


@pytest.fixture(autouse=True)
def _hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(persistence, "PAUSE", 0.1)
    monkeypatch.setattr(attempts, "CLAIM_PAUSE", 0.1)


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[RedisServer]:
    """A Redis with an append-only file, to be stopped and started."""
    started = RedisServer(tmp_path, appendfsync="always")
    await started.start()
    yield started
    await started.stop()


@pytest.fixture
async def rig(server: RedisServer, fal: Emulator) -> AsyncIterator[Rig]:
    """The rig on that Redis."""
    client = connect(server.url, timeout=timedelta(seconds=1))
    made = Rig(client, fal)
    yield made
    await made.close()
    await client.aclose()


async def test_fals_id_is_kept_when_redis_is_away_during_the_post(rig: Rig, server: RedisServer) -> None:
    worker = rig.worker().start()
    worker.gateway.answered.clear()
    job = await rig.submit()
    await eventually(lambda: bool(rig.requests))

    await server.kill()
    worker.gateway.answered.set()
    await asyncio.sleep(0.3)  # fal's answer comes meanwhile
    await server.start()

    done = await rig.until(job)
    assert (done.state, done.attempt) == (JobState.SUCCEEDED, 1)
    assert rig.books == (1, 1)


async def test_a_result_is_kept_when_redis_is_away_while_the_job_ends(rig: Rig, server: RedisServer) -> None:
    rig.behave(run_seconds=60)
    rig.worker().start()
    job = await rig.submit()
    await rig.until(job, JobState.PROCESSING)

    await server.kill()
    rig.behave(run_seconds=0)
    await eventually(lambda: rig.requests[0].result_reads == 1)
    await server.start()

    done = await rig.until(job)
    assert (done.state, done.attempt) == (JobState.SUCCEEDED, 1)
    assert rig.books == (1, 1)


@pytest.mark.parametrize("sweep_first", [0.0, 0.5])
async def test_an_outage_longer_than_the_lease_costs_a_running_job_no_attempt(
    rig: Rig, server: RedisServer, sweep_first: float
) -> None:
    rig.behave(run_seconds=60)
    lease = timedelta(seconds=3)
    worker = rig.worker(lease=lease).start()
    job = await rig.submit()
    await rig.until(job, JobState.PROCESSING)
    sweeper = asyncio.create_task(sweep(worker.attempts.store, lease=lease))
    # The outage begins while the sweeper asks, or while it sleeps.
    await asyncio.sleep(sweep_first)

    await server.kill()
    await asyncio.sleep(3.4)
    await server.start()
    rig.behave(run_seconds=0.5)

    done = await rig.until(job)
    await ended(sweeper)
    assert (done.state, done.attempt) == (JobState.SUCCEEDED, 1)
    assert rig.books == (1, 1)


async def test_a_claim_is_repeated_until_redis_is_back(rig: Rig, server: RedisServer) -> None:
    worker = rig.worker()
    job = await rig.submit()
    await server.kill()
    working = asyncio.create_task(worker.attempts.work())
    await asyncio.sleep(0.4)

    await server.start()

    assert (await rig.until(job)).attempt == 1
    await working


async def test_a_stalled_redis_delays_a_job_and_breaks_nothing(rig: Rig) -> None:
    rig.behave(run_seconds=0.2)
    rig.worker().start()
    jobs = [await rig.submit() for _ in range(3)]
    await eventually(lambda: bool(rig.requests))

    await rig.redis.client_pause(1500)

    for job in jobs:
        assert (await rig.until(job)).state is JobState.SUCCEEDED
    assert rig.books == (3, 3)
