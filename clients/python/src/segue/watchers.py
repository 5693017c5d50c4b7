"""Carries the messages of watches, and opens the next stream when one breaks: a class for each face."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import grpc
import grpc.aio

from segue.watchdog import Watchdog

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator

    from segue.callers import AioCaller, Caller
    from segue.watching import MessageT, Watch


class Watcher:
    """Watches from any thread."""

    def __init__(self, call: Caller) -> None:
        self._call = call

    def __call__(self, watch: Watch[MessageT]) -> Generator[MessageT, None, None]:
        """Yield the events of a watch, over as many streams as it takes."""
        address: str | None = None
        while not watch.finished:
            self._call.closing.wait(watch.delay)
            request, address = watch.open(), self._call.channels.pick(after=address)
            with self._call.channels.watching(address) as stubs:
                call = self._call.begin(watch.method(stubs.jobs), request, watch.timeout)
                try:
                    with Watchdog(call.cancel) as watchdog:
                        while not watch.interrupted:
                            message = self._next(call, watch, watchdog)
                            if message is None:
                                break
                            if watch.receive(message):
                                yield message
                finally:
                    call.cancel()
            if not watch.finished:
                self._call.channels.avoid(address)

    def _next(self, call: Iterator[MessageT], watch: Watch[MessageT], watchdog: Watchdog) -> MessageT | None:
        """Return the next message of a stream; None: it is over, and the watch knows how."""
        try:
            with watchdog.guard(watch.patience):
                return next(call)
        except StopIteration:
            watch.ended()
        except grpc.RpcError as error:
            self._call.raise_if_closed()
            if watchdog.bit:
                watch.silent()
            else:
                watch.failed(error)
        return None


class AioWatcher:
    """Watches from asyncio."""

    def __init__(self, call: AioCaller) -> None:
        self._call = call

    async def __call__(self, watch: Watch[MessageT]) -> AsyncGenerator[MessageT, None]:
        """Yield the events of a watch, over as many streams as it takes."""
        address: str | None = None
        while not watch.finished:
            await asyncio.sleep(watch.delay)
            request, address = watch.open(), self._call.channels.pick(after=address)
            with self._call.channels.watching(address) as stubs:
                call = self._call.begin(watch.method(stubs.jobs), request, watch.timeout)
                try:
                    messages = aiter(call)
                    while not watch.interrupted and (message := await self._next(messages, watch)) is not None:
                        if watch.receive(message):
                            yield message
                finally:
                    call.cancel()
            if not watch.finished:
                self._call.channels.avoid(address)

    async def _next(self, messages: AsyncIterator[MessageT], watch: Watch[MessageT]) -> MessageT | None:
        """Return the next message of a stream; None: it is over, and the watch knows how."""
        try:
            async with asyncio.timeout(watch.patience):
                return await anext(messages)
        except StopAsyncIteration:
            watch.ended()
        except TimeoutError:
            watch.silent()
        except grpc.aio.AioRpcError as error:
            watch.failed(error)
        except asyncio.CancelledError:
            self._call.raise_if_closed()
            raise
        return None
