"""A whole stack of real processes: Redis, the emulator, servers and workers, and a client of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from devstack import photos
from devstack.settings import Settings
from devstack.stack import Stack
from segue import aio
from tests.e2e.films import Stage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

#: Short polls, so that what is tested is the behaviour and not the patience; and a lease that a busy machine keeps.
QUICK = {"SEGUE_LEASE_SECONDS": "30", "SEGUE_POLL_SECONDS": "0.2", "SEGUE_POLL_MAX_SECONDS": "0.5"}
#: Of a worker that is to be killed: others wait for the end of its lease.
MORTAL = {"SEGUE_LEASE_SECONDS": "3"}


@pytest.fixture
async def stack(tmp_path: Path) -> AsyncIterator[Stack]:
    """Redis and an emulator; the test starts the servers and workers it needs."""
    async with Stack(Settings(dev_dir=tmp_path), environment=QUICK) as stack:
        await stack.emulator.settings(queue_seconds=0.2, run_seconds=1, concurrency=20)
        yield stack


@pytest.fixture
async def client(stack: Stack) -> AsyncIterator[aio.Client]:
    """A client of one server, with one worker behind it."""
    await stack.start_server()
    await stack.start_worker()
    async with aio.Client(stack.address) as client:
        yield client


@pytest.fixture
async def pictures(stack: Stack) -> tuple[str, str]:
    """The URLs of the two photographs of the demo, uploaded."""
    return await photos.upload(stack)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    """A stack with a worker that all tests of recipes share which change nothing of it."""
    async with Stage.opened(tmp_path_factory.mktemp("stage")) as stage:
        yield stage
