"""Mends what crashes leave behind: every worker does it, about once a second, and one is enough."""

from __future__ import annotations

import asyncio
import random
import time
from typing import TYPE_CHECKING, Final

import structlog

from core.errors import StoreUnavailableError
from core.store.attempts import BATCH

if TYPE_CHECKING:
    from datetime import timedelta

    from core.store.attempts import AttemptStore

log = structlog.get_logger(__name__)

#: Pause between two sweeps, in seconds, on average.
PAUSE: Final = 1.0


async def sweep(store: AttemptStore, *, after_outage: timedelta) -> None:
    """Return lost jobs to their places, start due retries, replace lost tickets, forget expired jobs; for ever.

    Args:
        after_outage: the pause when Redis was away, or stalled for longer than this. Leases ran out meanwhile that
            their workers still live for: time for a heartbeat of each, or every running job would lose an attempt.
    """
    while True:
        try:
            asked = time.monotonic()
            forgotten = await store.expire()
            # Asked of the script that harms nobody: a sweep that waited out a stall might run before the heartbeats
            # that waited with it.
            if time.monotonic() - asked > after_outage.total_seconds():
                log.warning("sweep.stalled")
                await asyncio.sleep(after_outage.total_seconds())
            for verdict, job in await store.sweep():
                log.warning("sweep.mended", verdict=verdict, job=job)
            while forgotten == BATCH:
                forgotten = await store.expire()
        except StoreUnavailableError:
            log.warning("sweep.failed")
            await asyncio.sleep(after_outage.total_seconds())
        await asyncio.sleep(PAUSE * random.uniform(0.7, 1.3))  # noqa: S311 - spreads load, guards nothing
