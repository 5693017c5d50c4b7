"""Asks Redis every second whether it lives, and tells the health service."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import structlog
from redis.exceptions import RedisError

from core.store.connection import connect
from core.tasks import ended

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from server.health import Health

log = structlog.get_logger(__name__)

#: Seconds between two questions.
INTERVAL: Final = 1.0
#: Seconds after which no answer counts as "no".
PATIENCE: Final = 2.0


class RedisProbe:
    """Keeps one connection of its own, so that a crowd on the others does not look like an outage."""

    def __init__(self, url: str, health: Health) -> None:
        self._redis: Redis = connect(url, timeout=timedelta(seconds=PATIENCE), connections=1)
        self._health = health
        self._answers: bool | None = None
        self._first_answer = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to ask, on the running loop."""
        self._task = asyncio.create_task(self._run(), name="redis-probe")

    async def close(self) -> None:
        """Stop asking."""
        if self._task is not None:
            await ended(self._task)
        await self._redis.aclose()

    async def answered(self) -> None:
        """Wait until Redis has answered once."""
        await self._first_answer.wait()

    async def _run(self) -> None:
        while True:
            error = await self._ask()
            self._tell(error)
            await asyncio.sleep(INTERVAL)

    async def _ask(self) -> Exception | None:
        try:
            async with asyncio.timeout(PATIENCE):
                await self._redis.ping()
        except (RedisError, OSError) as error:
            return error
        return None

    def _tell(self, error: Exception | None) -> None:
        answers = error is None
        self._health.set_store(answers=answers)
        if answers:
            self._first_answer.set()
        if answers is not self._answers:
            if answers:
                log.info("redis.answers")
            else:
                log.warning("redis.silent", error=type(error).__name__)
        self._answers = answers
