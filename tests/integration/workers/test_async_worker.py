"""P6: tickets wake slots, as many as there are, and none waits behind a busy worker."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import dramatiq
import dramatiq.worker
from dramatiq.brokers.stub import StubBroker

from core.store import tickets
from tests.integration.workers.rig import PATIENCE, PREFIX, eventually
from workers.actors import declare, redis_broker
from workers.async_worker import AsyncWorker

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    import pytest
    from dramatiq import Broker
    from redis.asyncio import Redis

    from tests.integration.workers.rig import Rig

    Work = Callable[[], Awaitable[None]]


class Meter:
    """Work that goes on until it is let go, and then for a moment, and how much of it went on at once."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.done = self.now = self.peak = 0

    async def work(self) -> None:
        """Take a while."""
        self.now += 1
        self.peak = max(self.peak, self.now)
        await self.go.wait()
        await asyncio.sleep(0.1)
        self.now -= 1
        self.done += 1


async def test_a_worker_runs_as_many_messages_at_once_as_it_has_slots(redis: Redis, redis_url: str) -> None:
    meter = Meter()
    async with _worker(redis_url, meter.work, slots=4) as worker:
        _send(worker.broker, 12)
        await eventually(lambda: meter.now == 4)
        meter.go.set()
        await eventually(lambda: meter.done == 12)

        assert meter.peak == 4
        await eventually(lambda: _nothing_left(redis))


async def test_a_worker_keeps_to_its_slots_when_its_consumer_has_forgotten_what_it_fetched(redis_url: str) -> None:
    meter = Meter()
    broker = StubBroker(middleware=[])
    # As after a restart of the consumer: what runs is not counted any more.
    async with _running(broker, meter.work, slots=2, fetched=6):
        _send(broker, 6)
        await eventually(lambda: meter.now == 2)
        meter.go.set()
        await eventually(lambda: meter.done == 6)

    assert meter.peak == 2


async def test_tickets_are_shared_by_workers_so_that_none_waits_for_a_busy_one(redis: Redis, redis_url: str) -> None:
    busy, other = Meter(), Meter()
    async with _worker(redis_url, busy.work, slots=5), _worker(redis_url, other.work, slots=5) as worker:
        _send(worker.broker, 20)
        await eventually(lambda: (busy.now, other.now) == (5, 5))

        other.go.set()

        # Had one of them hoarded tickets, some would wait behind the busy one's.
        await eventually(lambda: other.done == 15)
        busy.go.set()
        await eventually(lambda: busy.done == 5)


async def test_an_actor_that_raises_is_acknowledged_and_its_slot_goes_on(redis: Redis, redis_url: str) -> None:
    runs = 0

    async def work() -> None:
        nonlocal runs
        runs += 1
        raise ValueError("a fault")

    async with _worker(redis_url, work, slots=1) as worker:
        _send(worker.broker, 3)
        await eventually(lambda: runs == 3)
        await eventually(lambda: _nothing_left(redis))


async def test_a_worker_that_stops_acknowledges_what_is_done_and_puts_back_the_rest(
    redis: Redis, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dramatiq.worker, "CONSUMER_RESTART_DELAY_SECS", 60)  # what the stock pause() sleeps out
    meter = Meter()
    async with _worker(redis_url, meter.work, slots=2) as worker:
        _send(worker.broker, 5)
        await eventually(lambda: meter.now == 2)
        began = time.monotonic()
        worker.drain()
        assert time.monotonic() - began < 20
        meter.go.set()

    assert meter.done == 2
    assert await redis.llen(f"{PREFIX}:dramatiq:segue") == 3


async def test_a_ticket_that_finds_no_job_is_spent_and_does_no_harm(rig: Rig, redis_url: str) -> None:
    attempts = rig.worker().attempts
    async with _worker(redis_url, attempts.work, slots=2) as worker:
        _send(worker.broker, 10)
        await eventually(lambda: _nothing_left(rig.redis))
        job = await rig.submit()

        assert (await rig.until(job)).state == "succeeded"
        await eventually(lambda: _nothing_left(rig.redis))


@asynccontextmanager
async def _worker(url: str, work: Work, *, slots: int) -> AsyncIterator[AsyncWorker]:
    """A worker on the real broker."""
    broker = redis_broker(url, prefix=PREFIX)
    async with _running(broker, work, slots=slots) as worker:
        yield worker
    broker.client.connection_pool.disconnect()


@asynccontextmanager
async def _running(broker: Broker, work: Work, *, slots: int, fetched: int | None = None) -> AsyncIterator[AsyncWorker]:
    loop = asyncio.get_running_loop()
    declare(broker, work)
    worker = AsyncWorker(broker, loop=loop, slots=slots, poll_milliseconds=20)
    worker.queue_prefetch = fetched or slots
    await loop.run_in_executor(None, worker.start)
    try:
        yield worker
    finally:
        worker.drain()
        if worker.tasks:
            await asyncio.wait(worker.tasks, timeout=PATIENCE)
        await loop.run_in_executor(None, worker.stop)


def _send(broker: Broker, count: int) -> None:
    for _ in range(count):
        broker.enqueue(
            dramatiq.Message(queue_name=tickets.QUEUE, actor_name=tickets.ACTOR, args=(), kwargs={}, options={})
        )


async def _nothing_left(redis: Redis) -> bool:
    return not await redis.hlen(f"{PREFIX}:dramatiq:segue.msgs")
