"""Workers on a real Redis and an emulated fal."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

import emulator.app
from core.job import JobKind
from core.store.connection import connect
from emulator.settings import Settings
from tests.integration.workers.rig import Rig
from workers import recipes

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from redis.asyncio import Redis

    from emulator.app import Emulator
    from tests.integration.workers.rig import Recipe


@pytest.fixture
async def redis(clean_redis_url: str) -> AsyncIterator[Redis]:
    """An open client of an empty Redis."""
    client = connect(clean_redis_url, timeout=timedelta(seconds=30))
    yield client
    await client.aclose()


@pytest.fixture
async def fal() -> AsyncIterator[Emulator]:
    """An emulator that is quick."""
    started = await emulator.app.start(
        Settings(port=0, queue_seconds=0, run_seconds=0.05, concurrency=40, render="tiny", video_width=64)
    )
    yield started
    await started.close()


@pytest.fixture
async def rig(redis: Redis, fal: Emulator) -> AsyncIterator[Rig]:
    """A store, an emulated fal, and no worker yet."""
    made = Rig(redis, fal)
    yield made
    await made.close()


@pytest.fixture
def performed(monkeypatch: pytest.MonkeyPatch) -> Callable[[Recipe], None]:
    """Let jobs be made by a recipe of the test's own."""

    def perform(recipe: Recipe) -> None:
        monkeypatch.setitem(recipes.RECIPES, JobKind.MODEL, recipe)

    return perform
