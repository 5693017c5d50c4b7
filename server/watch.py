"""A watch from its opening to its end: what the follower tells, and the word that it goes on elsewhere."""

from __future__ import annotations

import asyncio
import random
from contextlib import aclosing
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from core.errors import DrainingError
from core.events.follow import Quiet, Snapshot
from server.translate.events import draining_to_proto, watched_to_proto

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from core.events.event import Event
    from core.job import JobId
    from segue.v1.job_service_pb2 import WatchJobResponse

#: How far the end of a watch may lie from its greatest age, as a part of it: watches opened together end apart.
JITTER: Final = 0.2
#: The longest wait before a watch that grew too old comes back.
RETURN_WITHIN: Final = timedelta(seconds=1)


async def watched(
    job_id: JobId,
    following: AsyncGenerator[Snapshot | Event | Quiet, None],
    *,
    after: int,
    max_age: timedelta,
) -> AsyncGenerator[WatchJobResponse, None]:
    """Yield what is followed as messages of a watch; end like it, or about at *max_age*.

    The age is looked at with every message, and a quiet watch has its heartbeats.

    Raises:
        DrainingError: the watch goes on elsewhere, as its last message has said.
    """
    clock = asyncio.get_running_loop().time
    end = clock() + max_age.total_seconds() * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - spreads load
    sequence = after
    try:
        async with aclosing(following) as items:
            async for item in items:
                yield watched_to_proto(job_id, item)
                sequence = item.job.sequence if isinstance(item, Snapshot) else item.sequence
                if clock() >= end and not _is_last(item):
                    _leave()
    except DrainingError as draining:
        yield draining_to_proto(job_id, sequence, draining.retry_after)
        raise


def _is_last(item: Snapshot | Event | Quiet) -> bool:
    """Whether the watch ends right after this, with OK."""
    match item:
        case Snapshot():
            return item.job.state.is_terminal
        case Quiet():
            return False
        case _:
            return item.is_final


def _leave() -> None:
    """End a watch that has grown too old.

    Raises:
        DrainingError: always.
    """
    raise DrainingError(retry_after=random.random() * RETURN_WITHIN)  # noqa: S311 - spreads load
