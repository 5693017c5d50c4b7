"""A web server of somebody we do not know: it may answer with anything, byte by byte."""

from __future__ import annotations

import asyncio
import contextlib
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Self, TypeAlias

from core.tasks import ended

if TYPE_CHECKING:
    import ssl
    from asyncio import StreamReader, StreamWriter
    from collections.abc import AsyncIterator, Awaitable, Callable

Behaviour: TypeAlias = "Callable[[StreamWriter], Awaitable[None]]"

#: The beginning of an MP4, long enough to be told.
MP4_HEAD = b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00isomiso2avc1mp41" + bytes(600)


class Stranger:
    """Answers each path with what the test has put there."""

    def __init__(self) -> None:
        self.pages: dict[str, list[Behaviour]] = {}
        self.heads: list[str] = []
        """Of every request."""
        self.connections = 0
        self.sent = 0
        """Bytes of endless bodies that were taken off our hands."""
        self.port = 0
        self._conversations: set[asyncio.Task[None]] = set()

    @classmethod
    @asynccontextmanager
    async def listening(cls, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[Self]:
        """Serve on a free port of loopback."""
        stranger = cls()
        server = await asyncio.start_server(stranger._serve, "127.0.0.1", 0, ssl=tls)
        stranger.port = server.sockets[0].getsockname()[1]
        try:
            yield stranger
        finally:
            server.close()
            await ended(*stranger._conversations)

    def url(self, path: str, *, host: str = "127.0.0.1", scheme: str = "http") -> str:
        return f"{scheme}://{host}:{self.port}{path}"

    def put(self, path: str, *behaviours: Behaviour) -> str:
        """Answer the first request for *path* with the first behaviour, and so on; the last one stays."""
        self.pages[path] = list(behaviours)
        return self.url(path)

    def endless(self, piece: bytes) -> Behaviour:
        """Return a body without an end."""

        async def behave(writer: StreamWriter) -> None:
            writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            for data in (MP4_HEAD, *([piece] * 100_000)):
                writer.write(b"%x\r\n%s\r\n" % (len(data), data))
                await writer.drain()
                self.sent += len(data)

        return behave

    def _serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        conversation = asyncio.create_task(self._converse(reader, writer))
        self._conversations.add(conversation)
        conversation.add_done_callback(self._conversations.discard)

    async def _converse(self, reader: StreamReader, writer: StreamWriter) -> None:
        self.connections += 1
        try:
            while not writer.is_closing():
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                self.heads.append(head)
                behaviours = self.pages[head.split()[1].partition("?")[0]]
                await (behaviours.pop(0) if len(behaviours) > 1 else behaviours[0])(writer)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # it has seen enough
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()


def page(body: bytes, *headers: str, status: str = "200 OK", length: int | None = None) -> Behaviour:
    """Return an answer with a body; one that says a *length* of its own ends with its connection."""

    async def behave(writer: StreamWriter) -> None:
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body) if length is None else length}", *headers]
        writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        if length is not None:
            writer.close()

    return behave


def redirect(location: str, *headers: str) -> Behaviour:
    """Return an answer that leads elsewhere."""
    return page(b"", f"Location: {location}", *headers, status="302 Found")


def dripping(head: bytes, *, pause: float) -> Behaviour:
    """Return an answer that comes byte by byte and never ends."""

    async def behave(writer: StreamWriter) -> None:
        for number in range(100_000):
            writer.write(head[number : number + 1] or b"a")
            await writer.drain()
            await asyncio.sleep(pause)

    return behave
