"""Ends streams whose clients have stopped taking messages: nothing else would, as long as they answer pings."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Self

import structlog

from server.errors import WatcherStuckError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from datetime import timedelta
    from types import TracebackType

    from google.protobuf.message import Message

log = structlog.get_logger(__name__)


class Patience:
    """Closes a stream, with all that it holds, when one write takes longer than a limit.

    What is being written stays: gRPC knows no way back from it, nor can the client be told of the end before. It is
    told as soon as it takes the message after all. Costs two assignments per write: the one timer looks only now and
    then.
    """

    __slots__ = ("_closing", "_limit", "_loop", "_method", "_responses", "_since", "_timer")

    def __init__(self, responses: AsyncGenerator[Message | bytes, None], limit: timedelta, method: str) -> None:
        self._responses = responses
        self._limit = limit.total_seconds()
        self._method = method
        self._loop = asyncio.get_running_loop()
        self._since: float | None = None
        self._closing: asyncio.Task[None] | None = None

    def __enter__(self) -> Self:
        self._timer = self._loop.call_later(self._limit, self._look)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()

    def begin(self) -> None:
        """Note that a write begins."""
        self._since = self._loop.time()

    def end(self) -> None:
        """Note that it is done.

        Raises:
            WatcherStuckError: it took too long, and the stream was closed.
        """
        self._since = None
        if self._closing is not None:
            raise WatcherStuckError

    def _look(self) -> None:
        now = self._loop.time()
        if self._since is not None and now - self._since >= self._limit:
            log.warning("stream.stuck", method=self._method, seconds=round(now - self._since, 1))
            self._closing = asyncio.create_task(self._responses.aclose())
            return
        self._timer = self._loop.call_at((self._since or now) + self._limit, self._look)
