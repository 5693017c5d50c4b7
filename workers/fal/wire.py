"""One connection that speaks HTTP/1.1 and nothing else: for polls, of which there are thousands.

httpx and httpcore take a millisecond of processor time for a request (measured: parsing and copying URLs, two sets of
request and response objects, the pool); h11, which reads the answers there too, and the event loop take a fifth.
"""

from __future__ import annotations

import asyncio
import zlib
from typing import Final, NamedTuple, cast

import h11

from workers.fal.lanes import AnswerTooLargeError

#: zlib's word for gzip.
_GZIP: Final = 31
_END: Final = h11.EndOfMessage()


class RawAnswer(NamedTuple):
    """A whole answer."""

    status: int
    headers: dict[str, str]
    """By their names in lower case; of those that come twice, the last."""
    body: bytes
    """Decoded."""


class Connection(asyncio.Protocol):
    """Carries one GET at a time. Anything unusual closes it, so no answer can be taken for that to a later request."""

    def __init__(self, *, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._http = h11.Connection(h11.CLIENT)
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[RawAnswer] | None = None
        self._head: h11.Response | None = None
        self._body = bytearray()

    @property
    def is_open(self) -> bool:
        """Whether it may carry another request."""
        return self._transport is not None and not self._transport.is_closing()

    async def get(self, target: str, headers: list[tuple[bytes, bytes]]) -> RawAnswer:
        """Send one request and return the whole answer, whatever its status.

        Raises:
            OSError: the connection broke, or what came was no HTTP.
            AnswerTooLargeError: the answer was dropped.
        """
        if self._transport is None or not self.is_open:
            raise ConnectionError("The connection is closed.")
        self._head = None
        self._body.clear()
        self._answer = asyncio.get_running_loop().create_future()
        request = h11.Request(method="GET", target=target, headers=headers)
        self._transport.write((self._http.send(request) or b"") + (self._http.send(_END) or b""))
        try:
            return await self._answer
        except BaseException:
            self.close()
            raise
        finally:
            self._answer = None

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
        if self._answer is None or self._answer.done():
            self.close()  # nothing was asked
            return
        try:
            self._http.receive_data(data)
            self._read(self._answer)
        except (h11.ProtocolError, zlib.error, UnicodeDecodeError) as error:
            self._fail(ConnectionError(f"fal's answer is broken: {type(error).__name__}"))
        except AnswerTooLargeError as error:
            self._fail(error)

    def eof_received(self) -> None:
        """See `asyncio.Protocol`: the transport closes itself afterwards."""
        if self._answer is not None:
            self.data_received(b"")  # which ends an answer without a length

    def connection_lost(self, _: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        self._fail(ConnectionResetError("The connection broke before the answer was complete."))

    def _read(self, answer: asyncio.Future[RawAnswer]) -> None:
        while True:
            match self._http.next_event():
                case h11.Response() as head:
                    self._head = head
                case h11.Data(data=data):
                    self._body += data
                    if len(self._body) > self._max_bytes:
                        raise AnswerTooLargeError
                case h11.EndOfMessage():
                    self._complete(answer)
                    return
                case h11.InformationalResponse():
                    continue
                case _:
                    return

    def _complete(self, answer: asyncio.Future[RawAnswer]) -> None:
        assert self._head is not None  # noqa: S101 - h11 ends no message that has not begun
        headers = {name.decode("ascii"): value.decode("latin-1") for name, value in self._head.headers}
        body = _decoded(bytes(self._body), headers.get("content-encoding", ""), self._max_bytes)
        answer.set_result(RawAnswer(self._head.status_code, headers, body))
        if self._http.our_state is h11.DONE and self._http.their_state is h11.DONE and not self._http.trailing_data[0]:
            self._http.start_next_cycle()
        else:
            self.close()

    def _fail(self, error: Exception) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error)
        self.close()


def _decoded(body: bytes, encoding: str, max_bytes: int) -> bytes:
    if encoding.strip().lower() != "gzip":  # the only one that is asked for
        return body
    decoder = zlib.decompressobj(_GZIP)
    decoded = decoder.decompress(body, max_bytes)
    if decoder.unconsumed_tail:
        raise AnswerTooLargeError
    if not decoder.eof:
        raise zlib.error("cut off")
    return decoded
