from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import httpx
import psutil
import pytest

from devstack import media, photos
from devstack.errors import DataInUseError, DevstackError, ProcessDiedError
from devstack.redis import RedisServer
from devstack.settings import Settings
from devstack.stack import Stack

if TYPE_CHECKING:
    from pathlib import Path


async def test_leaving_the_stack_leaves_no_process(tmp_path: Path) -> None:
    async with Stack(Settings(dev_dir=tmp_path), appendfsync=None) as stack:
        processes = stack.processes
        assert {process.name for process in processes} == {"Redis", "emulator"}
        assert all(process.is_running for process in processes)
        seen = [psutil.Process(process.pid) for process in processes]

    assert [process.returncode for process in processes] == [0, 0]
    assert not any(process.is_running() for process in seen)


async def test_the_emulator_obeys_its_control_client(tmp_path: Path) -> None:
    async with Stack(Settings(dev_dir=tmp_path), appendfsync=None) as stack:
        await stack.emulator.settings(run_seconds=0, queue_seconds=0)
        await stack.emulator.fault("submit_500", times=3, endpoint="fal-ai/flux/schnell")
        await stack.emulator.clear_faults()

        ledger = await stack.emulator.ledger()

    assert (ledger.requests, ledger.submits, ledger.billed) == ([], 0, 0)


async def test_somebody_elses_redis_and_fal_are_used_and_left_alone(tmp_path: Path, redis_url: str) -> None:
    settings = Settings(dev_dir=tmp_path, redis_url=redis_url, fal_base_url="http://127.0.0.1:9")

    async with Stack(settings) as stack:
        assert stack.processes == []
        assert stack.redis_url == redis_url
        with pytest.raises(DevstackError, match="No emulator was started"):
            _ = stack.emulator


async def test_a_dead_process_ends_the_work_and_shows_its_log(tmp_path: Path) -> None:
    async with Stack(Settings(dev_dir=tmp_path), appendfsync=None) as stack:
        assert stack.redis is not None
        redis = stack.redis

        with pytest.raises(ProcessDiedError, match=r"(?s)Redis ended with code -9.*redis\.log"):
            await stack.while_alive(_kill_and_wait(redis))


async def _kill_and_wait(redis: RedisServer) -> None:
    await redis.kill()
    assert redis.process is not None
    await redis.process.wait()
    await asyncio.Event().wait()


async def test_two_stacks_do_not_share_a_folder(tmp_path: Path) -> None:
    async with Stack(Settings(dev_dir=tmp_path), appendfsync=None):
        with pytest.raises(DataInUseError, match="make run"):
            await RedisServer(tmp_path / "redis").start()


async def test_the_photographs_are_where_fal_finds_them(tmp_path: Path) -> None:
    async with Stack(Settings(dev_dir=tmp_path), appendfsync=None) as stack:
        urls = await photos.upload(stack)

        async with httpx.AsyncClient(trust_env=False) as client:
            stored = [(await client.get(url)).content for url in urls]

    assert stored == [photos.COFFEE.read_bytes(), photos.ROCKET.read_bytes()]


async def test_a_photograph_is_known_by_its_size() -> None:
    facts = await media.probe(photos.ROCKET)

    assert (facts.width, facts.height, facts.seconds) == (640, 360, None)
    assert facts.size_bytes == photos.ROCKET.stat().st_size


async def test_a_file_that_cannot_be_played_is_named(tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video")

    with pytest.raises(DevstackError, match=r"broken\.mp4 cannot be played"):
        await media.probe(broken)
