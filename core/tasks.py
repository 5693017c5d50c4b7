"""Ending tasks for certain, and work side by side that ends so."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Collection, Coroutine, Iterable

Answer = TypeVar("Answer")

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


async def together(coroutines: Iterable[Coroutine[Any, Any, Answer]]) -> list[Answer]:
    """Return what the coroutines return, in their order. When one fails end the others, then raise its error.

    Not asyncio.TaskGroup: that cancels each of them once, which is not enough (see `ended`), and waits for ever for one
    whose cancellation was dropped.
    """
    tasks = [asyncio.create_task(coroutine) for coroutine in coroutines]
    if not tasks:
        return []
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        for task in tasks:
            if task.done():
                task.result()
        return [task.result() for task in tasks]
    finally:
        # Whoever cancels this again does so until it has ended, and it has when they have.
        while any(not task.done() for task in tasks):
            with suppress(asyncio.CancelledError):
                await ended(*tasks)


def heed_cancellation() -> None:
    """Raise the cancellation of the current task that was dropped on its way (see `ended`), if there is one.

    Raises:
        asyncio.CancelledError: it was cancelled.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
