"""What has come for one watcher since it last looked."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from core.errors import DrainingError

if TYPE_CHECKING:
    from datetime import timedelta


ItemT = TypeVar("ItemT")

#: Events that wait for a slow watcher; more are dropped here and read from the log instead.
CAPACITY: Final = 256


class Inbox(Generic[ItemT]):
    """A bounded line of events that says when something may be missing from it."""

    def __init__(self) -> None:
        self._events: deque[ItemT] = deque()
        self._bell = asyncio.Event()
        self._missed = False
        self._drain: timedelta | None = None

    def put(self, event: ItemT) -> None:
        """Add an event; where there is no room, note that one was missed."""
        if len(self._events) < CAPACITY:
            self._events.append(event)
        else:
            self._missed = True
        self._bell.set()

    def miss(self) -> None:
        """Note that events may have been missed."""
        self._missed = True
        self._bell.set()

    def drain(self, retry_after: timedelta) -> None:
        """Tell the watcher to go on elsewhere after a while."""
        self._drain = retry_after
        self._bell.set()

    async def next(self, timeout: float) -> ItemT | None:
        """Return the next event; None when the log should be read: events were missed, or *timeout* (s) has passed.

        Raises:
            DrainingError: this process is about to stop.
        """
        if not self._events and not self._missed and self._drain is None:
            self._bell.clear()
            try:
                async with asyncio.timeout(timeout):
                    await self._bell.wait()
            except TimeoutError:
                return None
        if self._drain is not None:
            raise DrainingError(retry_after=self._drain)
        if self._missed:
            self._missed = False
            self._events.clear()
            return None
        return self._events.popleft()
