"""The Redis of a benchmark: a real one of our own, emptied between runs, and what it tells about a run."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from redis.asyncio import Redis

from core.job import DEFAULT_TENANT
from core.store.keys import Keys
from devstack.redis import RedisServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

#: What all keys of a benchmark begin with.
PREFIX: Final = "{bench}"
#: Seconds that the append-only file of an empty Redis may take to be written anew.
REWRITE_SECONDS: Final = 30
#: Seconds without a new job after which none is expected.
SETTLING_SECONDS: Final = 0.2


@dataclass(frozen=True, slots=True)
class Stored:
    """What a run left in an empty Redis."""

    jobs: int
    """Jobs in the index of all."""
    written_bytes: int
    """By how much the append-only file grew: all that was written, as commands."""
    script_microseconds: float
    """What a script call took inside Redis, on average; 0 without calls."""


class Store:
    """A running Redis."""

    def __init__(self, server: RedisServer, redis: Redis) -> None:
        self._server = server
        self.redis = redis
        self._redis: Any = redis  # redis-py's types say "awaitable or not"
        self._empty_size = 0

    @property
    def url(self) -> str:
        """Where it is."""
        return self._server.url

    @property
    def port(self) -> int:
        """Its port on the loopback interface."""
        return urlsplit(self.url).port or 0

    @property
    def pid(self) -> int:
        """Its process."""
        return self._server.process.pid if self._server.process else 0

    async def empty(self) -> None:
        """Remove all data, also from the append-only file, and count anew."""
        await self._redis.flushall()
        await self._redis.bgrewriteaof()
        async with asyncio.timeout(REWRITE_SECONDS):
            while (await self._redis.info("persistence"))["aof_rewrite_in_progress"]:  # noqa: ASYNC110 - Redis has no event
                await asyncio.sleep(0.02)
        await self._redis.config_resetstat()
        self._empty_size = await self._file_size()

    async def settled(self) -> None:
        """Wait until no more jobs come: a call that was cut off may still be stored."""
        before, now = -1, await self._jobs()
        while now != before:
            await asyncio.sleep(SETTLING_SECONDS)
            before, now = now, await self._jobs()

    async def stored(self) -> Stored:
        """Return what was stored since it was emptied."""
        commands = await self._redis.info("commandstats")
        return Stored(
            jobs=await self._jobs(),
            written_bytes=await self._file_size() - self._empty_size,
            script_microseconds=commands.get("cmdstat_evalsha", {}).get("usec_per_call", 0.0),
        )

    async def _jobs(self) -> int:
        return int(await self._redis.zcard(Keys(PREFIX).index_of_all(DEFAULT_TENANT)))

    async def _file_size(self) -> int:
        return int((await self._redis.info("persistence"))["aof_current_size"])


@asynccontextmanager
async def running_store(folder: Path) -> AsyncIterator[Store]:
    """Run a Redis inside the block, configured as in production."""
    server = RedisServer(folder / "redis")
    await server.start()
    try:
        async with Redis.from_url(server.url, protocol=2) as redis:
            # Between runs only: a rewrite in the middle of one would cost it a fork.
            await redis.config_set("auto-aof-rewrite-percentage", 0)
            yield Store(server, redis)
    finally:
        await server.stop()
