"""Writes that must not be lost are repeated until Redis takes them or refuses them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, TypeVar

import structlog

from core.errors import StoreUnavailableError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

log = structlog.get_logger(__name__)

Answer = TypeVar("Answer")

#: Pause between two tries, in seconds. Each try has retries of its own inside.
PAUSE: Final = 1.0


async def persistently(write: Callable[[], Awaitable[Answer]]) -> Answer:
    """Await *write* again and again while Redis is away.

    What is written stands for money: the id of a paid generation, or its output. While Redis is away nobody else can
    take the job, and afterwards the script decides whether the write still counts.
    """
    while True:
        try:
            return await write()
        except StoreUnavailableError:
            log.warning("store.unavailable", retry_seconds=PAUSE)
            await asyncio.sleep(PAUSE)
