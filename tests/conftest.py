"""What every test may use: an environment without the developer's settings, and a Redis of our own."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

import pytest
import redis
from hypothesis import settings

from devstack.redis import RedisServer

if TYPE_CHECKING:
    from collections.abc import Iterator

# No example may be too slow on a busy machine, and all runs try the same ones.
settings.load_profile("ci")


@pytest.fixture(scope="session", autouse=True)
def _neutral_environment() -> Iterator[None]:
    """Keep the developer's own settings out of the tests and of the processes they start."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):  # noqa: TID251 - to clear it, not to read settings
            if name.startswith("SEGUE_") or name in {"FAL_KEY", "FAL_KEY_ID", "FAL_KEY_SECRET"}:
                patch.delenv(name)
        yield


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a Redis that only these tests use; without a file, for speed."""
    server = RedisServer(tmp_path_factory.mktemp("redis"), appendfsync=None)
    asyncio.run(server.start())
    yield server.url
    asyncio.run(server.stop())


@pytest.fixture
def clean_redis_url(redis_url: str) -> str:
    """The same Redis, empty."""
    with redis.Redis.from_url(redis_url) as client:
        client.flushall()
    return redis_url
