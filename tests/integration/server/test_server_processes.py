"""Several server processes behind one port, as people run them."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from typing import TYPE_CHECKING

import psutil
import pytest
from grpc import StatusCode, aio
from grpc_health.v1 import health_pb2, health_pb2_grpc

from devstack.process import ChildProcess
from segue.v1 import job_service_pb2 as pb
from segue.v1.job_service_pb2_grpc import JobServiceStub
from tests.integration.server.answers import watched
from tests.unit.server.asked import submit

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from segue.v1.job_service_pb2_grpc import JobServiceAsyncStub

READY = r"^server ready on (\S+)$"
SERVING = health_pb2.HealthCheckResponse.SERVING
#: Seconds for the start of several processes on a machine that is busy with others.
START = 90


@pytest.fixture
async def make_parent(tmp_path: Path, clean_redis_url: str) -> AsyncIterator[Callable[..., ChildProcess]]:
    made: list[ChildProcess] = []

    def make(processes: int = 2, **environment: str) -> ChildProcess:
        process = ChildProcess(
            "server",
            [sys.executable, "-m", "server", "--processes", str(processes)],
            log_path=tmp_path / f"server-{len(made)}.log",
            environment={
                "SEGUE_LISTEN": "127.0.0.1:0",
                "SEGUE_REDIS_URL": clean_redis_url,
                # Far longer than an end for which nothing has to be cut off.
                "SEGUE_GRACE_SECONDS": "60",
                **environment,
            },
        )
        made.append(process)
        return process

    yield make
    for process in made:
        await process.stop()


def address_of(process: ChildProcess) -> str:
    match = process.matched(READY)
    assert match, process.tail()
    return match[1]


def lives(process: psutil.Process) -> bool:
    """Tell whether a process has not ended; one that has, and whose parent has not asked how, is still listed."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def children(process: ChildProcess) -> list[psutil.Process]:
    return [child for child in psutil.Process(process.pid).children() if lives(child)]


async def eventually(condition: Callable[[], bool], *, within: float = 60) -> None:
    async with asyncio.timeout(within):
        while not condition():
            await asyncio.sleep(0.02)


async def served(address: str, connections: int) -> None:
    """Return when each of so many connections has been told that its server is well.

    A server whose Redis got no processor for a while is not well, and is so again a second later.
    """
    for number in range(connections):
        # A distinct option keeps channels from sharing a connection.
        async with aio.insecure_channel(address, options=[("segue.test", number)]) as channel:
            statuses = aiter(health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(), timeout=30))
            while (await anext(statuses)).status != SERVING:
                pass


async def test_each_process_serves_and_all_stop_on_one_signal(make_parent: Callable[..., ChildProcess]) -> None:
    parent = make_parent(3)
    await parent.start(READY, timeout=START)
    address = address_of(parent)
    kept = children(parent)

    assert len(kept) == 3
    await served(address, 12)
    assert sum("server.listening" in line for line in parent.output().splitlines()) == 3

    parent.send_signal(signal.SIGTERM)
    async with asyncio.timeout(24):  # well below the grace
        assert await parent.wait() == 0
    assert not any(lives(child) for child in kept)
    assert "Traceback" not in parent.output()


async def test_the_parent_never_loads_grpc(make_parent: Callable[..., ChildProcess]) -> None:
    parent = make_parent(2)
    await parent.start(READY, timeout=START)

    def grpc_maps(pid: int) -> bool:
        return any("cygrpc" in mapped.path for mapped in psutil.Process(pid).memory_maps())

    # The tether of the development stack replaces itself by the command, so the pid is the parent's own.
    assert not grpc_maps(parent.pid)
    assert all(grpc_maps(child.pid) for child in children(parent))


async def test_watches_of_a_killed_process_go_on_at_another(make_parent: Callable[..., ChildProcess]) -> None:
    parent = make_parent(2)
    await parent.start(READY, timeout=START)
    address = address_of(parent)
    async with aio.insecure_channel(address) as channel:
        jobs: JobServiceAsyncStub = JobServiceStub(channel)
        job_id = (await jobs.SubmitJob(submit())).job.id
        stream = aiter(jobs.WatchJob(pb.WatchJobRequest(job_id=job_id)))
        await anext(stream)
        killed = children(parent)
        for child in killed:
            child.send_signal(signal.SIGKILL)
        _, refusal = await watched(stream)
        assert refusal is not None
        # C-core says UNKNOWN, "Stream removed", when the connection is reset in the middle of a message.
        assert refusal.code in {StatusCode.UNAVAILABLE, StatusCode.UNKNOWN}

        # The parent replaces them, at the same port.
        again = await _opened_again(jobs, job_id)

    assert again.snapshot.job.id == job_id
    assert "server.process_died" in parent.output()
    await eventually(lambda: len(children(parent)) == 2)
    assert not set(killed) & set(children(parent))


async def _opened_again(jobs: JobServiceAsyncStub, job_id: str) -> pb.WatchJobResponse:
    """Return the first message of a watch, opened as often as it takes: it may reach the other process as that dies."""
    async with asyncio.timeout(60):
        while True:
            try:
                stream = aiter(jobs.WatchJob(pb.WatchJobRequest(job_id=job_id), wait_for_ready=True))
                return await anext(stream)
            except aio.AioRpcError as error:
                if error.code() not in {StatusCode.UNAVAILABLE, StatusCode.UNKNOWN}:
                    raise


async def test_no_process_outlives_a_killed_parent(make_parent: Callable[..., ChildProcess]) -> None:
    parent = make_parent(2)
    await parent.start(READY, timeout=START)
    kept = children(parent)

    os.kill(parent.pid, signal.SIGKILL)
    await parent.wait()

    await eventually(lambda: not any(lives(child) for child in kept))


async def test_a_taken_port_is_told_in_one_line_by_the_parent(make_parent: Callable[..., ChildProcess]) -> None:
    first = make_parent(1)
    await first.start(READY, timeout=START)
    second = make_parent(2, SEGUE_LISTEN=address_of(first))

    second.spawn()

    assert await second.wait() == 1
    assert f"cannot listen on {address_of(first)}" in second.output()
    assert "Traceback" not in second.output()
