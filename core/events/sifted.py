"""Of the events of many jobs, those that a filter finds."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING

from core.events.feed import JobsSnapshot, Quiet, TenantEvent, Thinned

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable
    from datetime import timedelta


async def sifted(
    following: AsyncGenerator[JobsSnapshot | TenantEvent | Thinned[TenantEvent] | Quiet, None],
    wanted: Callable[[TenantEvent], bool],
    *,
    heartbeat: timedelta,
) -> AsyncGenerator[JobsSnapshot | TenantEvent | Quiet, None]:
    """Yield what is wanted of what is followed, with a heartbeat where that is nothing for a while.

    What was left out before an event is of no account here: its sequence may leap anyhow.
    """
    clock = asyncio.get_running_loop().time
    spoken = clock()
    async with aclosing(following) as items:
        async for item in items:
            told = item.item if isinstance(item, Thinned) else item
            if not isinstance(told, TenantEvent) or wanted(told):
                yield told
            elif clock() - spoken >= heartbeat.total_seconds():
                yield Quiet(told.sequence)
            else:
                continue
            spoken = clock()
