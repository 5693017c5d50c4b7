from __future__ import annotations

import asyncio
import contextlib
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import redis

import segue
from devstack.compose import ComposeFile
from segue import aio

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from devstack.process import ChildProcess

ROOT = Path(__file__).parents[3]


@contextlib.asynccontextmanager
async def up(file: ComposeFile) -> AsyncIterator[dict[str, list[ChildProcess]]]:
    """Start the services, the health of each before the next, and stop them as compose would."""
    processes: dict[str, list[ChildProcess]] = {}
    try:
        for name in ("redis", "emulator", "server", "worker"):
            processes[name] = file.start(name)
            async with asyncio.timeout(60):
                while not await healthy(file, name):
                    assert all(process.is_running for process in processes[name]), processes[name][0].tail()
                    await asyncio.sleep(0.1)
        yield processes
    finally:
        for name in reversed(processes):
            grace = file.services[name].grace
            await asyncio.gather(*(process.stop(grace=grace) for process in processes[name]))


async def healthy(file: ComposeFile, name: str) -> bool:
    if name == "redis" and shutil.which("valkey-cli") is None:
        with redis.Redis(port=file.ports["redis"]) as client, contextlib.suppress(redis.ConnectionError):
            return bool(client.ping())
        return False
    return not file.services[name].healthcheck or await file.is_healthy(name)


async def test_what_the_compose_file_says_makes_a_video_and_stops_in_order(tmp_path: Path) -> None:
    variables = {"FAL_KEY": "none", "SEGUE_FAL_BASE_URL": "http://emulator:8080", "SEGUE_WORKERS": "2"}
    file = ComposeFile(
        ROOT / "docker-compose.yml",
        variables=variables,
        profiles=frozenset({"emulator"}),
        data_dir=tmp_path,
        scripts={"/opt/segue/bin/healthcheck.py": ROOT / "deploy" / "healthcheck.py"},
    )

    async with up(file) as processes, aio.Client(f"127.0.0.1:{file.ports['server']}") as client:
        assert len(processes["worker"]) == 2
        job = await client.submit(segue.model("fal-ai/flux/schnell", prompt="a red cup"))
        finished = await client.result(job.id, timeout=90)

    assert segue.state_name(finished.state) == "succeeded"
    assert [artifact.content_type for artifact in finished.result.artifacts]
    codes = {process.name: process.returncode for replicas in processes.values() for process in replicas}
    assert set(codes.values()) == {0}, codes
