"""The server as people run it: a process with an environment."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from grpc import StatusCode, aio
from grpc_health.v1 import health_pb2, health_pb2_grpc

from devstack.process import ChildProcess
from devstack.redis import RedisServer
from segue.v1 import job_service_pb2 as pb
from segue.v1.job_service_pb2_grpc import JobServiceStub
from tests.integration.server.answers import refused, watched
from tests.kept_port import kept_port
from tests.unit.server.asked import submit

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

    from segue.v1.job_service_pb2_grpc import JobServiceAsyncStub

READY = r"^server ready on (\S+)$"
#: Seconds for the start of a process on a machine that is busy with others.
START = 90
#: A grace, in seconds, that is far longer than an end for which nothing has to be cut off.
LONG_GRACE = "60"
#: Seconds for such an end: less than a stopping server gives its calls, which is 0.8 of its grace.
PROMPT = 24


@pytest.fixture
def port() -> Iterator[int]:
    with kept_port() as port:
        yield port


@pytest.fixture
def redis_port() -> Iterator[int]:
    with kept_port() as port:
        yield port


@pytest.fixture
async def make_server(tmp_path: Path) -> AsyncIterator[Callable[..., ChildProcess]]:
    made: list[ChildProcess] = []

    def make(**environment: str) -> ChildProcess:
        process = ChildProcess(
            "server",
            [sys.executable, "-m", "server"],
            log_path=tmp_path / f"server-{len(made)}.log",
            environment={"SEGUE_LISTEN": "127.0.0.1:0", **environment},
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


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_the_process_at_once_and_well(
    make_server: Callable[..., ChildProcess], clean_redis_url: str, number: signal.Signals
) -> None:
    process = make_server(SEGUE_REDIS_URL=clean_redis_url, SEGUE_GRACE_SECONDS=LONG_GRACE)
    await process.start(READY, timeout=START)
    async with aio.insecure_channel(address_of(process)) as channel:
        jobs: JobServiceAsyncStub = JobServiceStub(channel)
        job_id = (await jobs.SubmitJob(submit())).job.id
        request = pb.WatchJobRequest(job_id=job_id)
        request.heartbeat_interval.FromSeconds(60)
        streams = [aiter(jobs.WatchJob(request)) for _ in range(50)]
        for stream in streams:
            await anext(stream)

        process.send_signal(number)
        ends = await asyncio.gather(*(watched(stream) for stream in streams))
        async with asyncio.timeout(PROMPT):  # nothing had to be cut off
            returncode = await process.wait()

    assert returncode == 0
    assert all([message.WhichOneof("event") for message in messages] == ["draining"] for messages, _ in ends)
    assert {refusal.code for _, refusal in ends if refusal} == {StatusCode.UNAVAILABLE}
    assert "Traceback" not in process.output()


async def test_a_server_without_redis_waits_for_it(
    make_server: Callable[..., ChildProcess], tmp_path: Path, port: int, redis_port: int
) -> None:
    redis = RedisServer(tmp_path / "redis", port=redis_port, appendfsync=None)
    process = make_server(SEGUE_LISTEN=f"127.0.0.1:{port}", SEGUE_REDIS_URL=f"redis://127.0.0.1:{redis_port}/0")
    await process.start(r".*redis\.silent.*", timeout=START)
    async with aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        jobs: JobServiceAsyncStub = JobServiceStub(channel)
        states = aiter(health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest()))
        before = await anext(states)
        refusal = await refused(jobs.SubmitJob(submit()))
        assert not process.matched(READY)

        await redis.start()
        async with asyncio.timeout(30):
            after = await anext(states)
            while not process.matched(READY):
                await asyncio.sleep(0.01)
        answer = await jobs.SubmitJob(submit())
        await redis.stop()
        async with asyncio.timeout(30):
            last = await anext(states)

    statuses = health_pb2.HealthCheckResponse
    assert (before.status, after.status, last.status) == (statuses.NOT_SERVING, statuses.SERVING, statuses.NOT_SERVING)
    assert (refusal.code, refusal.reason) == (StatusCode.UNAVAILABLE, "STORE_UNAVAILABLE")
    assert refusal.retry_after is not None
    assert answer.job.id
    assert await process.stop(grace=60) == 0


@pytest.mark.parametrize(
    ("environment", "line"),
    [
        ({"SEGUE_LISTEN": "0.0.0.0:0"}, "SEGUE_ALLOW_UNAUTHENTICATED=true"),
        ({"SEGUE_LISTEN": "nonsense"}, "SEGUE_LISTEN"),
        ({"SEGUE_AUTH": "magic"}, "SEGUE_AUTH"),
        ({"SEGUE_GRACE_SECONDS": "-1"}, "SEGUE_GRACE_SECONDS"),
        ({"SEGUE_TENANT_WEIGHTS": "acme=3"}, "SEGUE_TENANT_WEIGHTS: must be a JSON object"),
    ],
)
async def test_a_wrong_setting_is_told_in_one_line(
    make_server: Callable[..., ChildProcess], environment: dict[str, str], line: str
) -> None:
    process = make_server(**environment)

    process.spawn()
    returncode = await process.wait()

    assert returncode == 1
    (told,) = process.output().splitlines()
    assert line in told


async def test_a_taken_port_is_told_in_one_line(make_server: Callable[..., ChildProcess], clean_redis_url: str) -> None:
    first = make_server(SEGUE_REDIS_URL=clean_redis_url)
    await first.start(READY, timeout=START)
    second = make_server(SEGUE_REDIS_URL=clean_redis_url, SEGUE_LISTEN=address_of(first))

    second.spawn()
    returncode = await second.wait()

    assert returncode == 1
    assert f"cannot listen on {address_of(first)}" in second.output()
    assert "Traceback" not in second.output()


async def test_processes_may_share_a_port(
    make_server: Callable[..., ChildProcess], clean_redis_url: str, port: int
) -> None:
    address = f"127.0.0.1:{port}"
    shared = {"SEGUE_REDIS_URL": clean_redis_url, "SEGUE_LISTEN": address, "SEGUE_SO_REUSEPORT": "true"}

    await asyncio.gather(*(make_server(**shared).start(READY, timeout=START) for _ in range(2)))


def test_the_help_is_printed() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "server", "--help"], capture_output=True, text=True, timeout=90, check=True
    )

    assert done.stdout.startswith("usage: python -m server")
    assert "SEGUE_LISTEN=127.0.0.1:50051" in done.stdout
