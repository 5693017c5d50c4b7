"""Ending tasks for certain."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Collection

#: Pause before a task that goes on is cancelled again, in seconds. A cancellation has to reach the provider within a
#: second.
AGAIN: Final = 0.2


async def ended(*tasks: asyncio.Task[Any], again: float = AGAIN) -> None:
    """Cancel tasks until they have ended, whatever their outcome.

    Once is not enough: before Python 3.12 asyncio.wait_for, through which redis-py sends each command, drops a
    cancellation that comes in the moment in which it is done (python/cpython #86296).
    """
    running: Collection[asyncio.Task[Any]] = [task for task in tasks if not task.done()]
    while running:
        for task in running:
            task.cancel()
        _, running = await asyncio.wait(running, timeout=again)
    for task in tasks:
        if not task.cancelled():
            task.exception()  # seen: asyncio would complain of it otherwise
