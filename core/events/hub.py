"""Brings published events to the watchers of this process over one Redis connection.

A channel is subscribed to when its first watcher comes and left with its last. Publishing only makes watching fast:
whoever needs every event reads the log (follow.py). So an inbox may drop what does not fit, and after every
reconnect each inbox is told that it may have missed something.
"""

from __future__ import annotations

import asyncio
import random
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, TypeVar

import structlog
from redis.exceptions import RedisError

from core.errors import StoreUnavailableError
from core.events.feed import Item
from core.events.inbox import Inbox
from core.events.pace import Pace
from core.store.pubsub import answers, keep_connected
from core.tasks import ended

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import timedelta

    from redis.asyncio import Redis

    from core.events.feed import Feed

log = structlog.get_logger(__name__)

#: Channels in one call.
CHUNK: Final = 500
#: Pause between two looks at what Redis has logged, in seconds.
RECHECK: Final = 5.0
#: Returns the number of the newest event of each thing; 0: it is gone.
NEWEST: Final = """
local newest = {}
for i, record in ipairs(KEYS) do newest[i] = tonumber(redis.call('HGET', record, 'sequence') or '0') end
return newest
"""

ItemT = TypeVar("ItemT", bound=Item)


class _Channel:
    """The watchers of one feed in this process."""

    def __init__(self, feed: Feed[Any, Any], prepare: Callable[[Any], object] | None) -> None:
        self.feed = feed
        self.prepare = prepare
        self.inboxes: set[Inbox[Any]] = set()
        self.confirmed = asyncio.Event()
        self.sequence = 0
        """The number of the last event that was handed out."""
        self.expected = 0
        """The number of the newest event at the last look: by the next look it must have been handed out."""

    def read(self, packed: bytes) -> Any:
        """Return the event that was published, prepared; None: it is to be read from the log."""
        try:
            event = self.feed.published(packed)
            if event is not None and self.prepare is not None:
                self.prepare(event)
        except Exception:
            # Its watchers will meet it in the log, each for himself; all others must not.
            log.exception("hub.event_unreadable", channel=self.feed.channel)
            return None
        return event

    def miss(self) -> None:
        """Tell all watchers that something may have passed them by."""
        for inbox in self.inboxes:
            inbox.miss()

    def look(self, newest: int) -> None:
        """Tell watchers whom the newest event of the last look has not reached, and take note of this look's.

        Args:
            newest: its number; 0: the thing is gone, and they are to find that out.
        """
        if newest == 0:
            self.miss()
        elif self.expected > self.sequence:
            for inbox in self.inboxes:
                if self.expected > inbox.begun:
                    inbox.miss()
        self.expected = newest


class Hub:
    """One pub/sub connection for all watchers of a process."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._newest = redis.register_script(NEWEST)
        self._channels: dict[bytes, _Channel] = {}
        self._changed: dict[bytes, None] = {}
        self._bell = asyncio.Event()
        #: SUBSCRIBEs on their way, by channel: only the answer to the last one confirms.
        self._unconfirmed: dict[bytes, int] = {}
        self._drain_within: timedelta | None = None
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to listen, on the running loop."""
        listening = asyncio.create_task(keep_connected(self._redis, self._serve, name="hub"), name="hub")
        self._tasks = [listening, asyncio.create_task(self._recheck(), name="hub-recheck")]

    async def close(self) -> None:
        """Stop listening."""
        await ended(*self._tasks)

    def drain(self, within: timedelta) -> None:
        """Send every watcher, and each that still comes, elsewhere, each after a random part of *within*."""
        self._drain_within = within
        for channel in self._channels.values():
            for inbox in channel.inboxes:
                inbox.drain(random.random() * within)  # noqa: S311 - spreads load, guards nothing

    @contextmanager
    def listen(
        self, feed: Feed[Any, ItemT], heartbeat: float, prepare: Callable[[ItemT], object] | None = None
    ) -> Iterator[tuple[Inbox[ItemT], asyncio.Event]]:
        """Open an inbox for a feed's events, with an event that is set while Redis has the subscription.

        Args:
            heartbeat: see Inbox.
            prepare: called with each event before it is handed out; of several listeners' the first one's counts.
        """
        name = feed.channel.encode()
        channel = self._channels.get(name)
        if channel is None:
            channel = self._channels[name] = _Channel(feed, prepare)
            self._change(name)
        inbox: Inbox[ItemT] = Inbox(heartbeat)
        channel.inboxes.add(inbox)
        if self._drain_within is not None:
            inbox.drain(random.random() * self._drain_within)  # noqa: S311 - spreads load, guards nothing
        try:
            yield inbox, channel.confirmed
        finally:
            inbox.close()
            channel.inboxes.discard(inbox)
            if not channel.inboxes:
                del self._channels[name]
                self._change(name)

    def _change(self, name: bytes) -> None:
        self._changed[name] = None
        self._bell.set()

    async def _serve(self, connection: Any) -> None:
        """Subscribe to everything that is watched, then hand out what comes until the connection breaks."""
        self._unconfirmed.clear()
        self._changed = dict.fromkeys(self._channels)
        self._bell.set()
        for channel in self._channels.values():
            channel.confirmed.clear()
            channel.miss()
        # When steering fails it closes the connection, and reading fails with it.
        steering = asyncio.create_task(self._steer(connection), name="hub-steer")
        try:
            await self._read(connection)
        finally:
            await ended(steering, again=0.02)

    async def _steer(self, connection: Any) -> None:
        """Subscribe to what has come to be watched, and unsubscribe from what no longer is."""
        while True:
            await self._bell.wait()
            self._bell.clear()
            changed, self._changed = list(self._changed), {}
            joining = [name for name in changed if name in self._channels]
            leaving = [name for name in changed if name not in self._channels]
            for start in range(0, len(joining), CHUNK):
                chunk = joining[start : start + CHUNK]
                for name in chunk:
                    self._unconfirmed[name] = self._unconfirmed.get(name, 0) + 1
                await connection.send_command("SUBSCRIBE", *chunk)
            for start in range(0, len(leaving), CHUNK):
                await connection.send_command("UNSUBSCRIBE", *leaving[start : start + CHUNK])

    async def _read(self, connection: Any) -> None:
        pace = Pace()
        async for answer in answers(connection):
            if answer[0] == b"message":
                self._hand_out(answer[1], answer[2])
                if pace.rest_is_due():
                    await pace.rest()
            elif answer[0] == b"subscribe":
                self._confirm(answer[1])

    def _confirm(self, name: bytes) -> None:
        left = self._unconfirmed.get(name, 1) - 1
        if left:
            self._unconfirmed[name] = left
            return
        self._unconfirmed.pop(name, None)
        if channel := self._channels.get(name):
            channel.confirmed.set()

    def _hand_out(self, name: bytes, packed: bytes) -> None:
        if channel := self._channels.get(name):
            event = channel.read(packed)
            if event is None:
                channel.miss()
                return
            channel.sequence = event.sequence
            for inbox in channel.inboxes:
                inbox.put(event)

    async def _recheck(self) -> None:
        """Compare, every few seconds, what was handed out with what Redis has logged: the last line of defence."""
        while True:
            await asyncio.sleep(RECHECK)
            # While Redis is away, whoever listens will notice as well, and miss everything.
            with suppress(RedisError, StoreUnavailableError):
                await self._look(list(self._channels.values()))

    async def _look(self, channels: Sequence[_Channel]) -> None:
        """Look at the newest event of each: one call for CHUNK of them, where a read of each log would be CHUNK."""
        for start in range(0, len(channels), CHUNK):
            chunk = channels[start : start + CHUNK]
            for channel in chunk:
                await channel.feed.attend()
            newest = await self._newest(keys=[channel.feed.record for channel in chunk])
            for channel, sequence in zip(chunk, newest, strict=True):
                channel.look(sequence)
