"""Follows a feed: every event after a sequence, in order, once. Publishing makes it fast, the log makes it true."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Final, TypeVar

from core.events.feed import PAGE, Item, Quiet, Thinned, Told
from core.tasks import heed_cancellation

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable
    from datetime import timedelta

    from core.events.feed import Feed
    from core.events.hub import Hub
    from core.events.inbox import Inbox

#: How long a new follower waits for its subscription, in seconds. Without it, it begins with the log all the same.
CONFIRMATION: Final = 2.0

SnapshotT = TypeVar("SnapshotT", bound=Told)
ItemT = TypeVar("ItemT", bound=Item)


async def follow(
    hub: Hub,
    feed: Feed[SnapshotT, ItemT],
    *,
    after: int,
    heartbeat: timedelta,
    prepare: Callable[[ItemT], object] | None = None,
) -> AsyncGenerator[SnapshotT | ItemT | Thinned[ItemT] | Quiet, None]:
    """Yield what happens to a feed after a sequence; end right after its final event.

    With *after* 0 a snapshot comes first; otherwise the missed events do, or a snapshot if they are gone. Whoever takes
    events so slowly that they pile up is spared some of them: `Thinned` counts what was left out.

    Args:
        prepare: called with each event that comes before followers have it; of several followers' the first one's
            counts. Who then has little to do sends right after the one before, which spares gRPC a wake-up for each.

    Raises:
        SegueError: there is nothing to follow (JobNotFoundError, BatchNotFoundError).
        DrainingError: this process is about to stop; follow on elsewhere.
    """
    # Listening comes before the first read: what happens between the two then waits in the inbox.
    with hub.listen(feed, heartbeat.total_seconds(), prepare) as (inbox, confirmed):
        with suppress(TimeoutError):
            async with asyncio.timeout(CONFIRMATION):
                await confirmed.wait()
        await feed.attend()
        snapshot, final = await _begin(feed, inbox, after)
        if snapshot is not None:
            yield snapshot
            after = snapshot.sequence
        # One loop without generators inside: it runs for every event of every watcher.
        while not final:
            await inbox.arrival()
            before = after
            if inbox.missed():
                async for told in _logged(feed, after):
                    yield told
                    after, final = told.sequence, told.is_final
                inbox.begun = after
            for item in inbox.take():
                gap = item.sequence - after - 1
                if gap > 0 and gap > inbox.omitted_before(item):
                    inbox.miss()
                    break
                if gap >= 0:
                    yield Thinned(item, gap) if gap else item
                    # A final event that a retry has followed is not the last one of those that have come.
                    after, final = item.sequence, item.is_final
            if after != before:
                inbox.spoke()
            elif inbox.is_quiet:
                yield Quiet(after)
                inbox.spoke()


async def _begin(feed: Feed[SnapshotT, ItemT], inbox: Inbox[ItemT], after: int) -> tuple[SnapshotT | None, bool]:
    """Return the snapshot with which to begin, if any, and whether nothing follows it."""
    # Who comes back needs only where the log stands, unless it has never stood where they were.
    snapshot, head = None, await feed.head() if after else None
    if head is None or after > head.sequence:
        head = snapshot = await feed.snapshot(history_truncated=after > 0)
        after = head.sequence
    heed_cancellation()
    if after < head.sequence:
        inbox.miss()
    inbox.begun = after
    return snapshot, after == head.sequence and head.is_final


async def _logged(feed: Feed[SnapshotT, ItemT], after: int) -> AsyncGenerator[SnapshotT | ItemT, None]:
    """Yield all events after a sequence from the log, or a snapshot where the log does not reach back."""
    more = True
    while more:
        page = await feed.events(after=after)
        is_behind = not page and (await feed.head()).sequence > after
        if is_behind:
            # What has come between the two reads is there now; what nobody logged is not.
            page = await feed.events(after=after)
        more = len(page) >= PAGE
        is_gone = page[0].sequence != after + 1 if page else is_behind
        told = [await feed.snapshot(history_truncated=True)] if is_gone else page
        heed_cancellation()
        for item in told:
            yield item
            after = item.sequence
