"""Brings published events to the watchers of this process over one Redis connection.

A channel is subscribed to when its first watcher comes and left with its last. Publishing only makes watching fast:
whoever needs every event reads the log (follow.py). So an inbox may drop what does not fit, and after every
reconnect each inbox is told that it may have missed something.
"""

from __future__ import annotations

import asyncio
import random
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from core.events.inbox import Inbox
from core.store.pubsub import answers, keep_connected
from core.store.records import event_of
from core.tasks import ended

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import timedelta

    from redis.asyncio import Redis

    from core.job import JobId, Tenant
    from core.store.keys import Keys

#: Channels in one SUBSCRIBE.
CHUNK: Final = 500


class _Channel:
    """The watchers of one job in this process."""

    def __init__(self, tenant: Tenant) -> None:
        self.tenant = tenant
        self.inboxes: set[Inbox] = set()
        self.confirmed = asyncio.Event()


class Hub:
    """One pub/sub connection for all watchers of a process."""

    def __init__(self, redis: Redis, keys: Keys) -> None:
        self._redis = redis
        self._keys = keys
        self._channels: dict[bytes, _Channel] = {}
        self._changed: dict[bytes, None] = {}
        self._bell = asyncio.Event()
        #: SUBSCRIBEs on their way, by channel: only the answer to the last one confirms.
        self._unconfirmed: dict[bytes, int] = {}
        self._drain_within: timedelta | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to listen, on the running loop."""
        self._task = asyncio.create_task(keep_connected(self._redis, self._serve, name="hub"), name="hub")

    async def close(self) -> None:
        """Stop listening."""
        if self._task is not None:
            await ended(self._task)

    def drain(self, within: timedelta) -> None:
        """Send every watcher, and each that still comes, elsewhere, each after a random part of *within*."""
        self._drain_within = within
        for channel in self._channels.values():
            for inbox in channel.inboxes:
                inbox.drain(random.random() * within)  # noqa: S311 - spreads load, guards nothing

    @contextmanager
    def listen(self, tenant: Tenant, job_id: JobId) -> Iterator[tuple[Inbox, asyncio.Event]]:
        """Open an inbox for a job's events, with an event that is set while Redis has the subscription."""
        name = self._keys.channel(tenant, job_id).encode()
        channel = self._channels.get(name)
        if channel is None:
            channel = self._channels[name] = _Channel(tenant)
            self._change(name)
        inbox = Inbox()
        channel.inboxes.add(inbox)
        if self._drain_within is not None:
            inbox.drain(random.random() * self._drain_within)  # noqa: S311 - spreads load, guards nothing
        try:
            yield inbox, channel.confirmed
        finally:
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
            for inbox in channel.inboxes:
                inbox.miss()
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
        async for answer in answers(connection):
            if answer[0] == b"message":
                self._hand_out(answer[1], answer[2])
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
            event = event_of(channel.tenant, packed)
            for inbox in channel.inboxes:
                inbox.put(event)
