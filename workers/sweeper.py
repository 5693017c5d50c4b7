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

#: Pause between two sweeps, in seconds, on average; shorter with leases of less than four of them.
PAUSE: Final = 1.0


async def sweep(store: AttemptStore, *, lease: timedelta) -> None:
    """Return lost jobs to their places, start due retries, replace lost tickets, forget expired jobs; for ever.

    Args:
        lease: how long a worker's silence is borne. Leases that ran out while Redis was away are of workers that live:
            after half a lease without an answer, the heartbeats get as long to come first, or every running job would
            lose an attempt. Heartbeats come three times in a lease, so none can have run out in less.
    """
    pause = min(PAUSE, lease.total_seconds() / 4)
    answered = time.monotonic()
    while True:
        try:
            # Asked first, as this script harms nobody: a sweep that waited out a stall might run before the heartbeats
            # that waited with it.
            forgotten = await store.expire()
            if time.monotonic() - answered > lease.total_seconds() / 2:
                log.warning("sweep.stalled")
                await asyncio.sleep(lease.total_seconds() / 2)
            for verdict, job in await store.sweep():
                log.warning("sweep.mended", verdict=verdict, job=job)
            answered = time.monotonic()
            while forgotten == BATCH:
                forgotten = await store.expire()
        except StoreUnavailableError:
            log.warning("sweep.failed")
        await asyncio.sleep(pause * random.uniform(0.7, 1.3))  # noqa: S311 - spreads load, guards nothing
