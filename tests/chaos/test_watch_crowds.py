"""The streaming half of P7: a crowd that comes at once is served, and one that comes and goes leaves nothing."""

from __future__ import annotations

import asyncio
import random
import time
from typing import TYPE_CHECKING, Any, Final

import grpc
import psutil
import pytest
from pydantic_settings import BaseSettings, SettingsConfigDict

from segue.v1.job_service_pb2 import WatchJobRequest
from tests.chaos.watching import STREAMS, Heard, Writer, assert_all_complete, stack_of, stubs

if TYPE_CHECKING:
    from pathlib import Path

    from core.job import Job
    from segue.v1.job_service_pb2_grpc import JobServiceAsyncStub

pytestmark = pytest.mark.chaos

#: Watches that are opened at once, and the jobs that they are of.
STORM: Final = 5000
JOBS: Final = 50
#: Visitors at any time, and the jobs that they look at.
VISITORS: Final = 100
VISITED: Final = 20
#: The part of the time in which a server may still grow: buffers, caches, the arenas of malloc.
WARM_UP: Final = 0.5
#: How much it may grow in the rest, in MB.
GROWTH: Final = 4.0


class Length(BaseSettings):
    """How long a test takes that could go on for ever."""

    model_config = SettingsConfigDict(env_prefix="CHAOS_")

    visit_seconds: float = 20


@pytest.mark.timeout(240)
async def test_five_thousand_watches_opened_at_once_are_all_served(tmp_path: Path) -> None:
    async with stack_of(tmp_path) as stack, Writer.on(stack.redis_url) as writer:
        server = await stack.start_server()
        jobs = await writer.start(JOBS)
        heard = [Heard(jobs[number % JOBS], after=0) for number in range(STORM)]
        async with stubs(server.address, STORM // STREAMS) as connections:
            began = time.monotonic()
            watches = [
                asyncio.create_task(watch.over(connections[number % len(connections)]))
                for number, watch in enumerate(heard)
            ]
            async with asyncio.timeout(90):
                await _all_begun(heard, watches)
            opened = time.monotonic()
            await asyncio.gather(*map(writer.finish, jobs))
            await asyncio.gather(*watches)
            ended = time.monotonic()

        print(  # noqa: T201 - figures to report
            f"{STORM} watches: snapshots in {opened - began:.1f} s, ends in {ended - opened:.1f} s,"
            f" the server at {_megabytes(server.pid):.0f} MB"
        )
        await assert_all_complete(heard, writer)
        await writer.until_unwatched()


async def _all_begun(heard: list[Heard], watches: list[asyncio.Task[Heard]]) -> None:
    """Wait until every watcher has been told something; one that was refused raises its error at once."""
    begun: asyncio.Future[Any] = asyncio.gather(*(watch.begun.wait() for watch in heard))
    refused: asyncio.Future[Any] = asyncio.gather(*watches)
    await asyncio.wait([begun, refused], return_when=asyncio.FIRST_COMPLETED)
    if not begun.done():
        begun.cancel()
        await refused


@pytest.mark.timeout(0)  # it ends by itself: CHAOS_VISIT_SECONDS
async def test_clients_that_come_and_cancel_leave_nothing_behind(tmp_path: Path) -> None:
    seconds = Length().visit_seconds
    async with stack_of(tmp_path) as stack, Writer.on(stack.redis_url) as writer:
        server = await stack.start_server()
        jobs = await writer.start(VISITED)
        visits = 0

        async def visit(stub: JobServiceAsyncStub, number: int) -> None:
            nonlocal visits
            while True:
                await _look_in(stub, jobs[(visits + number) % VISITED])
                visits += 1

        async with stubs(server.address, 4) as connections:
            tasks = [asyncio.create_task(visit(connections[n % 4], n)) for n in range(VISITORS)]
            tasks.append(asyncio.create_task(_chatter(writer, jobs)))
            sizes = await _sizes(server.pid, seconds)
            failed = [task for task in tasks if task.done()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        assert not failed, failed[0].exception()
        warm, end = sizes[round(len(sizes) * WARM_UP)], sizes[-1]
        print(  # noqa: T201 - figures to report
            f"{visits} visits in {seconds:.0f} s: the server at {sizes[0]:.1f} MB, warm {warm:.1f} MB, {end:.1f} MB"
        )
        assert end - warm < GROWTH
        await writer.until_unwatched()


async def _look_in(stub: JobServiceAsyncStub, job: Job) -> None:
    """Open a watch and leave: before the first message, right after it, or after another one."""
    call = stub.WatchJob(WatchJobRequest(job_id=job.id))
    patience = random.choice((0, 0, 1, 1, 1, 2))  # noqa: S311 - no secret
    if patience:
        messages = aiter(call)
        for _ in range(patience):
            await anext(messages)
    else:
        await asyncio.sleep(random.uniform(0, 0.05))  # noqa: S311 - no secret
    call.cancel()
    assert await call.code() is grpc.StatusCode.CANCELLED


async def _chatter(writer: Writer, jobs: list[Job]) -> None:
    while True:
        await asyncio.gather(*(writer.log(job, "still there") for job in jobs))
        await asyncio.sleep(0.2)


async def _sizes(pid: int, seconds: float) -> list[float]:
    """Return the memory of a process over a time, in MB, about twice a second."""
    sizes = [_megabytes(pid)]
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        await asyncio.sleep(0.5)
        sizes.append(_megabytes(pid))
    return sizes


def _megabytes(pid: int) -> float:
    return float(psutil.Process(pid).memory_info().rss) / 1e6
