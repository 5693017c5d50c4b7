"""A lane: connections for one kind of request, with turns in order, one deadline and bounded answers."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import httpx

if TYPE_CHECKING:
    import ssl

#: Seconds an idle connection is kept. Above the pace of polls, below the minute at which proxies hang up.
KEEP_ALIVE_SECONDS: Final = 30.0

#: Seconds for a request that was given no timeout (fal_client does so for the parts of large uploads).
_DEFAULT_SECONDS: Final = 300.0

#: No longer true once the body is decoded and complete.
_FRAMING: Final = frozenset({b"content-encoding", b"content-length", b"transfer-encoding"})


class AnswerTooLargeError(Exception):
    """fal's answer is longer than the limit."""


class WholeResponse(httpx.Response):
    """An answer that has been read.

    httpx binds an answer's stream to the answer, which knows its request: a cycle that keeps the body of the request
    until the garbage is collected (measured: 56 MiB of the last 160 MiB uploaded). Nobody reads that stream any more.
    """

    _own: httpx.ByteStream | None = None

    @property
    def stream(self) -> httpx.ByteStream:
        """Its content, which it was made with."""
        assert self._own is not None  # noqa: S101 - set when it is made
        return self._own

    @stream.setter
    def stream(self, stream: httpx.ByteStream) -> None:
        if self._own is None:
            self._own = stream


class Lane:
    """Sends requests over at most *width* connections; the others wait in order.

    Every connection is an httpx transport of its own: one pool over all of them looks at each connection
    for each request, several times over (measured: 2 ms of processor time per request with 4 connections,
    6 ms with 32). Answers come back whole: a connection that breaks while the body is read fails here.
    """

    def __init__(self, width: int, *, tls: ssl.SSLContext, max_bytes: int, reuse: bool = True) -> None:
        """Open a lane.

        Args:
            width: connections at once.
            max_bytes: of an answer, decoded.
            reuse: False gives every request a fresh connection: one that waited idle may be closed by
                fal in the very moment of sending, and then nobody knows whether the request arrived.
        """
        self._max_bytes = max_bytes
        self._turns = asyncio.Semaphore(width)
        one = httpx.Limits(
            max_connections=1,
            max_keepalive_connections=1 if reuse else 0,
            keepalive_expiry=KEEP_ALIVE_SECONDS,
        )
        self._all = [httpx.AsyncHTTPTransport(verify=tls, limits=one) for _ in range(width)]
        self._free = list(self._all)
        """Those without a request; the last one used is taken first, so that few stay warm when few are needed."""

    async def send(self, request: httpx.Request) -> httpx.Response:
        """Send *request* once and return the whole answer, whatever its status.

        The request's read timeout bounds the exchange from the connection to the last byte of the
        answer, not only each read of it.

        Raises:
            httpx.PoolTimeout: its turn did not come; nothing was sent.
            httpx.ConnectError, httpx.ConnectTimeout: nothing was sent.
            httpx.RequestError: the exchange broke.
            AnswerTooLargeError: the answer was dropped.
        """
        timeouts = request.extensions.get("timeout", {})
        try:
            async with asyncio.timeout(timeouts.get("pool") or _DEFAULT_SECONDS):
                await self._turns.acquire()
        except TimeoutError as error:
            raise httpx.PoolTimeout("No connection became free in time.") from error
        transport = self._free.pop()
        try:
            async with asyncio.timeout(timeouts.get("read") or _DEFAULT_SECONDS):
                return await self._exchange(transport, request)
        except TimeoutError as error:
            raise httpx.ReadTimeout("fal did not answer in time.") from error
        finally:
            self._free.append(transport)
            self._turns.release()

    async def aclose(self) -> None:
        """Close its connections."""
        for transport in self._all:
            await transport.aclose()

    async def _exchange(self, transport: httpx.AsyncHTTPTransport, request: httpx.Request) -> httpx.Response:
        response = await transport.handle_async_request(request)
        body = bytearray()
        try:
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > self._max_bytes:
                    raise AnswerTooLargeError
        finally:
            await response.aclose()
        return WholeResponse(
            response.status_code,
            headers=[(name, value) for name, value in response.headers.raw if name.lower() not in _FRAMING],
            content=bytes(body),
            extensions={"http_version": response.extensions.get("http_version", b"HTTP/1.1")},
        )
