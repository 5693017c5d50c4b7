"""Follows a feed: every event after a sequence, in order, once. Publishing makes it fast, the log makes it true."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Final, TypeVar

from core.events.feed import Quiet, Told

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from datetime import timedelta

    from core.events.feed import Feed
    from core.events.hub import Hub
    from core.events.inbox import Inbox

#: How long a new follower waits for its subscription, in seconds. Without it, it begins with the log all the same.
CONFIRMATION: Final = 2.0

SnapshotT = TypeVar("SnapshotT", bound=Told)
ItemT = TypeVar("ItemT", bound=Told)


async def follow(
    hub: Hub, feed: Feed[SnapshotT, ItemT], *, after: int, heartbeat: timedelta
) -> AsyncGenerator[SnapshotT | ItemT | Quiet, None]:
    """Yield what happens to a feed after a sequence; end right after its final event.

    With *after* 0 a snapshot comes first; otherwise the missed events do, or a snapshot if they are gone.

    Raises:
        SegueError: there is nothing to follow (JobNotFoundError, BatchNotFoundError).
        DrainingError: this process is about to stop; follow on elsewhere.
    """
    # Listening comes before the first read: what happens between the two then waits in the inbox.
    with hub.listen(feed) as (inbox, confirmed):
        with suppress(TimeoutError):
            async with asyncio.timeout(CONFIRMATION):
                await confirmed.wait()
        begin = await feed.snapshot(history_truncated=after > 0)
        if after == 0 or after > begin.sequence:
            yield begin
            after = begin.sequence
            if begin.is_final:
                return
        elif after == begin.sequence and begin.is_final:
            return
        else:
            inbox.miss()
        async for item in _following(feed, inbox, after, heartbeat.total_seconds()):
            yield item


async def _following(
    feed: Feed[SnapshotT, ItemT], inbox: Inbox[ItemT], after: int, heartbeat: float
) -> AsyncGenerator[SnapshotT | ItemT | Quiet, None]:
    clock = asyncio.get_running_loop().time
    spoken = clock()
    while True:
        event = await inbox.next(timeout=max(0.0, spoken + heartbeat - clock()))
        if event is not None and event.sequence <= after:
            continue
        items: list[SnapshotT | ItemT] = []
        if event is not None and event.sequence == after + 1:
            items.append(event)
        else:
            items += await _missed(feed, after)
        for item in items:
            yield item
            spoken = clock()
            after = item.sequence
        # A final event that a retry has followed is not the last one of its page.
        if items and items[-1].is_final:
            return
        if clock() - spoken >= heartbeat:
            yield Quiet(after)
            spoken = clock()


async def _missed(feed: Feed[SnapshotT, ItemT], after: int) -> list[SnapshotT | ItemT]:
    """Return all events after a sequence from the log, or a snapshot where the log no longer reaches back."""
    events: list[SnapshotT | ItemT] = []
    while page := await feed.events(after=after):
        if page[0].sequence != after + 1:
            return [await feed.snapshot(history_truncated=True)]
        events += page
        after = page[-1].sequence
    return events
