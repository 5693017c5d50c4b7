"""What has come for one watcher since it last looked."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, Generic, Protocol, TypeVar

from core.errors import DrainingError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta


class Numbered(Protocol):
    """What an inbox holds."""

    @property
    def sequence(self) -> int:
        """Its number among all that come."""

    @property
    def topic(self) -> str | None:
        """What it is the newest word on, until another of the same topic comes; None: it is never outdated."""


ItemT = TypeVar("ItemT", bound=Numbered)

#: Events that wait for a watcher. Where more come, they are read from the log instead, or thinned if it is slow.
CAPACITY: Final = 256
#: A watcher that has not looked for so long, in seconds, although its inbox is full, is slow.
SLOW: Final = 1.0


class Inbox(Generic[ItemT]):
    """A bounded line of events that says when something may be missing from it.

    Its watcher waits for an `arrival`, and then asks what it is: `missed`, `take`, `is_quiet`.
    """

    __slots__ = ("_drain", "_due", "_heartbeat", "_items", "_loop", "_missed", "_omitted", "_spoke", "_timer",
                 "_took", "_waiter", "begun")  # fmt: skip

    def __init__(self, heartbeat: float) -> None:
        self.begun = 0
        """The watcher knows all up to this sequence from elsewhere: a snapshot, or the log."""
        self._loop = asyncio.get_running_loop()
        self._items: list[ItemT] = []
        self._omitted: dict[int, int] = {}
        self._missed = False
        self._drain: timedelta | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._heartbeat = heartbeat
        self._due = False
        self._spoke = self._took = self._loop.time()
        # One timer for a whole interval, however many events come in it: to arm one for each event would cost more
        # than the rest of the inbox.
        self._timer = self._loop.call_later(heartbeat, self._tick)

    def close(self) -> None:
        """Expect nothing more."""
        self._timer.cancel()

    def put(self, event: ItemT) -> None:
        """Add an event."""
        if len(self._items) >= CAPACITY:
            self._make_room()
        if not self._missed:
            self._items.append(event)
        if self._waiter is not None:
            self._ring()

    def miss(self) -> None:
        """Note that events may have been missed."""
        self._missed = True
        self._items.clear()
        self._omitted.clear()
        self._ring()

    def drain(self, retry_after: timedelta) -> None:
        """Tell the watcher to go on elsewhere after a while."""
        self._drain = retry_after
        self._ring()

    async def arrival(self) -> None:
        """Return as soon as there is something to be told.

        Raises:
            DrainingError: this process is about to stop.
        """
        if not (self._items or self._missed or self._due or self._drain is not None):
            self._waiter = self._loop.create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        if self._drain is not None:
            raise DrainingError(retry_after=self._drain)

    def missed(self) -> bool:
        """Return whether events may have been missed since the last time; then the log must be read."""
        missed, self._missed = self._missed, False
        return missed

    def take(self) -> Sequence[ItemT]:
        """Return what has come."""
        if not self._items:
            return ()
        self._took = self._loop.time()
        items, self._items = self._items, []
        return items

    def omitted_before(self, event: ItemT) -> int:
        """Return how many events were left out right before one that was taken."""
        return self._omitted.pop(event.sequence, 0)

    def spoke(self) -> None:
        """Note that the watcher was told something: its next heartbeat has time."""
        self._spoke = self._loop.time()
        self._due = False

    @property
    def is_quiet(self) -> bool:
        """Whether a heartbeat is due."""
        return self._due

    def _tick(self) -> None:
        left = self._spoke + self._heartbeat - self._loop.time()
        if left <= 0:
            self._due = True
            self._ring()
            left = self._heartbeat
        self._timer = self._loop.call_later(left, self._tick)

    def _ring(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _make_room(self) -> None:
        """Leave out what a slow watcher can do without; a fast one gets everything, from the log."""
        if self._loop.time() - self._took >= SLOW:
            self._thin()
        if len(self._items) > CAPACITY // 2:
            self.miss()

    def _thin(self) -> None:
        """Keep of each topic only the newest; so the last event of all stays."""
        newest = {item.topic: item.sequence for item in self._items}
        kept: list[ItemT] = []
        omitted = 0
        for item in self._items:
            omitted += self._omitted.pop(item.sequence, 0)
            if item.topic is not None and newest[item.topic] != item.sequence:
                omitted += 1
                continue
            if omitted:
                self._omitted[item.sequence] = omitted
            omitted = 0
            kept.append(item)
        self._items = kept
