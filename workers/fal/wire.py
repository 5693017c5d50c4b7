"""One connection that carries polls.

httpx and httpcore take a millisecond of processor time for a request: they parse and copy URLs, build two sets of
request and response objects and look through a pool. This takes a tenth of it (measured: `benchmarks.capacity`).
"""

from __future__ import annotations

import asyncio
from typing import cast

from workers.fal.http1 import AnswerReader, RawAnswer
from workers.fal.lanes import AnswerTooLargeError


class Connection(asyncio.Protocol):
    """Carries one request at a time. Anything unusual closes it, so no answer can be taken for a later request's."""

    def __init__(self, *, max_bytes: int) -> None:
        """Prepare a connection for answers of at most so many bytes."""
        self._max_bytes = max_bytes
        self._transport: asyncio.Transport | None = None
        self._reader: AnswerReader | None = None
        self._answer: asyncio.Future[RawAnswer] | None = None

    @property
    def is_open(self) -> bool:
        """Whether it may carry another request."""
        return self._transport is not None and not self._transport.is_closing()

    async def exchange(self, request: bytes) -> RawAnswer:
        """Send a request and return the whole answer, whatever its status.

        Raises:
            OSError: the connection broke, or what came was no HTTP.
            AnswerTooLargeError: the answer was dropped.
        """
        if self._transport is None or not self.is_open:
            raise ConnectionError("The connection is closed.")
        self._answer = asyncio.get_running_loop().create_future()
        self._reader = AnswerReader(max_bytes=self._max_bytes)
        self._transport.write(request)
        try:
            answer = await self._answer
        except BaseException:
            self.close()
            raise
        finally:
            self._answer = self._reader = None
        if answer.is_last:
            self.close()
        return answer

    def close(self) -> None:
        """Close it at once."""
        if self._transport is not None:
            self._transport.abort()

    # -- called by the event loop ----------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        if self._reader is None or self._answer is None or self._answer.done():
            self.close()  # nothing was asked
            return
        try:
            answer = self._reader.feed(data)
        except (OSError, AnswerTooLargeError) as error:
            self._answer.set_exception(error)
        else:
            if answer is not None:
                self._answer.set_result(answer)

    def eof_received(self) -> None:
        """See `asyncio.Protocol`: the transport closes itself afterwards."""
        if self._reader is None or self._answer is None or self._answer.done():
            return
        try:
            self._answer.set_result(self._reader.end())
        except OSError as error:
            self._answer.set_exception(error)

    def connection_lost(self, _: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionResetError("The connection broke before the answer was complete."))
