"""P3 and P7: watches go on through lost subscriptions, stopping and dying servers, and restarts of Redis."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Final

import pytest
from redis.exceptions import RedisError

from devstack.ports import LOOPBACK, free_port
from segue import aio
from tests.chaos.watching import Heard, Writer, assert_all_complete, stack_of, stalls_of, stubs

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from core.job import Job
    from devstack.stack import Stack

long = pytest.mark.chaos

#: Seconds until the last watcher has heard of the end of its job, after all that was done to it.
PATIENCE: Final = 60
#: Seconds that the end of a job may take to watchers who had long to settle at another server, beside its stalls.
PROMPT: Final = 4
#: Seconds within which a stopping server is gone (SEGUE_GRACE_SECONDS).
GRACE: Final = 10


@asynccontextmanager
async def subscriptions_cut(writer: Writer) -> AsyncIterator[Callable[[], int]]:
    """Kill every pub/sub connection once a second; yields how many have been."""
    killed = 0

    async def cut() -> None:
        nonlocal killed
        while True:
            with suppress(RedisError):
                killed += await writer.redis.client_kill_filter(_type="pubsub")
            await asyncio.sleep(1)

    cutting = asyncio.create_task(cut())
    try:
        yield lambda: killed
    finally:
        cutting.cancel()
        await asyncio.gather(cutting, return_exceptions=True)


def open_watches(client: aio.Client, jobs: list[Job], *, of_each: int) -> tuple[list[Heard], asyncio.Task[list[Heard]]]:
    """Have each job watched so many times, and return the watches with what waits for their ends."""
    heard = [Heard(job, after=0 if number % 2 else 1) for job in jobs for number in range(of_each)]
    return heard, asyncio.create_task(_all(client, heard))


async def _all(client: aio.Client, heard: list[Heard]) -> list[Heard]:
    async with asyncio.TaskGroup() as group:
        for watch in heard:
            group.create_task(watch.by(client))
    return heard


async def until_begun(heard: list[Heard]) -> None:
    """Wait until every watcher has been told something."""
    async with asyncio.timeout(PATIENCE):
        await asyncio.gather(*(watch.begun.wait() for watch in heard))


@pytest.mark.parametrize(("watchers", "seconds"), [(40, 3), pytest.param(200, 24, marks=long)])
async def test_watchers_lose_nothing_whatever_dies(tmp_path: Path, watchers: int, seconds: int) -> None:
    async with stack_of(tmp_path) as stack, Writer.on(stack.redis_url) as writer:
        one, other = await asyncio.gather(stack.start_server(), stack.start_server())
        jobs = await writer.start(watchers // 2)
        async with aio.Client([one.address, other.address]) as client:
            heard, watching = open_watches(client, jobs, of_each=2)
            await until_begun(heard)
            async with subscriptions_cut(writer) as cut, asyncio.TaskGroup() as living:
                for job in jobs:
                    living.create_task(writer.live(job, 2 * seconds, every=0.5))
                await _do_harm(stack, pause=seconds / 8)
            await asyncio.wait_for(watching, PATIENCE)

        assert cut() >= seconds / 2
        await assert_all_complete(heard, writer)


async def _do_harm(stack: Stack, *, pause: float) -> None:
    """Stop one server and kill the other, each replaced at once, and restart Redis, with pauses between."""
    one, other = stack.servers[:2]
    await asyncio.sleep(pause)
    assert await one.stop() == 0
    await stack.start_server(listen=one.address)
    await asyncio.sleep(pause)
    await other.kill()
    await stack.start_server(listen=other.address)
    await asyncio.sleep(pause)
    assert stack.redis is not None
    await stack.redis.restart()


@pytest.mark.parametrize("watches", [200, pytest.param(1000, marks=long)])
async def test_a_stopping_server_is_gone_in_time_and_its_watches_go_on_elsewhere(tmp_path: Path, watches: int) -> None:
    later = f"{LOOPBACK}:{free_port()}"
    async with stack_of(tmp_path) as stack, Writer.on(stack.redis_url) as writer:
        stopping = await stack.start_server()
        jobs = await writer.start(watches // 10)
        async with aio.Client([stopping.address, later]) as client:
            heard, watching = open_watches(client, jobs, of_each=10)
            for job in jobs:
                await writer.log(job, "so that those who came after the first event are told something")
            await until_begun(heard)
            other = await stack.start_server(listen=later)
            async with asyncio.TaskGroup() as living:
                for job in jobs:
                    living.create_task(writer.live(job, 6, every=0.4))
                began = time.monotonic()
                assert await stopping.stop(grace=GRACE) == 0
                took = time.monotonic() - began
            async with stubs(other.address) as (stub,), stalls_of(stub) as stalled:
                began = time.monotonic()
                await asyncio.wait_for(watching, PATIENCE)
                assert time.monotonic() - began <= PROMPT + stalled()

        print(f"{watches} watches: the server was gone {took:.2f} s after SIGTERM")  # noqa: T201 - a figure to report
        assert took < GRACE
        assert other.is_running
        await assert_all_complete(heard, writer)
