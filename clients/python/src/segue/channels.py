"""Which server a call goes to, and over which channel; the same for both clients.

Each address has its own channel for unary calls and others for watches. A server may limit the streams of a connection,
and beyond that limit gRPC queues without a word: watches must neither starve unary calls nor each other.
"""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from segue import errors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

#: Watches that share a connection; well below what servers allow.
_WATCHES_PER_CHANNEL: Final = 100

#: Seconds for which an address that failed is passed over while others are left.
_AVOIDED_FOR: Final = 2.0

ChannelT = TypeVar("ChannelT")
StubT = TypeVar("StubT")


class _Line(Generic[ChannelT, StubT]):
    """A channel with its stub and the number of streams on it."""

    def __init__(self, channel: ChannelT, stub: StubT) -> None:
        self.channel = channel
        self.stub = stub
        self.streams = 0


class Channels(Generic[ChannelT, StubT]):
    """The channels of a client, opened when first needed. Its methods may be called from any thread."""

    def __init__(
        self, addresses: Sequence[str], *, dial: Callable[[str], ChannelT], stub: Callable[[ChannelT], StubT]
    ) -> None:
        self._dial = dial
        self._stub = stub
        self._lock = threading.Lock()
        self._closed = False
        self._addresses = list(addresses)
        self._avoid_until = dict.fromkeys(addresses, 0.0)
        self._unary: dict[str, _Line[ChannelT, StubT]] = {}
        self._watches: dict[str, list[_Line[ChannelT, StubT]]] = {address: [] for address in addresses}

    @property
    def closed(self) -> bool:
        """Whether the client was closed."""
        return self._closed

    def pick(self, *, after: str | None = None) -> str:
        """Return the next address in turn, one that failed lately only if all did.

        Args:
            after: the address that has just failed the caller. It gets another one as long as there is one: its waits
                may be longer than an address is passed over, and bring it to the same dead server again and again.
        """
        with self._lock:
            now = time.monotonic()
            others = [address for address in self._addresses if address != after] or self._addresses
            good = [address for address in others if self._avoid_until[address] <= now]
            address = (good or others)[0]
            self._addresses.remove(address)
            self._addresses.append(address)
            return address

    def avoid(self, address: str) -> None:
        """Pass over an address for a while: a call to it failed."""
        with self._lock:
            self._avoid_until[address] = time.monotonic() + _AVOIDED_FOR

    def unary(self, address: str) -> StubT:
        """Return the stub for unary calls to an address.

        Raises:
            ClientClosed: the client was closed.
        """
        with self._lock:
            if address not in self._unary:
                self._unary[address] = self._open(address)
            elif self._closed:
                raise errors.ClientClosed
            return self._unary[address].stub

    @contextmanager
    def watching(self, address: str) -> Iterator[StubT]:
        """Lend the stub for one watch at an address.

        Raises:
            ClientClosed: the client was closed.
        """
        with self._lock:
            if self._closed:
                raise errors.ClientClosed
            lines = self._watches[address]
            line = next((line for line in lines if line.streams < _WATCHES_PER_CHANNEL), None)
            if line is None:
                lines.append(line := self._open(address))
            line.streams += 1
        try:
            yield line.stub
        finally:
            with self._lock:
                line.streams -= 1

    def close(self) -> list[ChannelT]:
        """Lend nothing more, and return the channels that are to be closed."""
        with self._lock:
            self._closed = True
            lines = [*self._unary.values(), *(line for lines in self._watches.values() for line in lines)]
            self._unary.clear()
            self._watches = {address: [] for address in self._addresses}
            return [line.channel for line in lines]

    def _open(self, address: str) -> _Line[ChannelT, StubT]:
        if self._closed:
            raise errors.ClientClosed
        channel = self._dial(address)
        return _Line(channel, self._stub(channel))
