"""Waits for the end of a job."""

from __future__ import annotations

import asyncio
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from datetime import timedelta


async def ended(following: AsyncGenerator[object, None], *, timeout: timedelta) -> None:
    """Return when what is followed has ended, or after *timeout*.

    Raises:
        JobNotFoundError: there is nothing to follow.
        DrainingError: wait on elsewhere.
    """
    with suppress(TimeoutError):
        async with asyncio.timeout(timeout.total_seconds()), aclosing(following) as items:
            async for _ in items:
                pass
