"""A server that speaks raw TCP in fal's place, to break connections at exactly the wanted byte."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from tests.integration.fal.leap import leap

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

    #: Answers one request (head and body) or breaks the connection.
    Script = Callable[["Exchange"], Awaitable[None]]

KEY = "key-id-0123456789:key-secret-0123456789"
ACCEPTED = {"status": "IN_QUEUE", "request_id": "r-1", "response_url": "u", "status_url": "u", "cancel_url": "u"}


class Exchange:
    """One connection, whose request may be read and answered."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self.head = ""
        self.body = b""

    @property
    def line(self) -> str:
        return self.head.partition("\r\n")[0]

    def header(self, name: str) -> str:
        for line in self.head.split("\r\n"):
            if line.lower().startswith(f"{name.lower()}:"):
                return line.partition(":")[2].strip()
        return ""

    async def read(self) -> None:
        self.head = (await self._reader.readuntil(b"\r\n\r\n")).decode()
        self.body = await self._reader.readexactly(int(self.header("content-length") or 0))

    async def write(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def answer(self, status: int, body: object, headers: Mapping[str, str] | None = None) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        lines = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
        head = f"HTTP/1.1 {status} Any\r\nContent-Length: {len(data)}\r\n{lines}\r\n"
        await self.write(head.encode() + data)

    def close(self) -> None:
        """Close the connection in order, after what was written before."""
        self._writer.close()

    def reset(self) -> None:
        """Break the connection with an RST, after what was written before."""
        sock: socket.socket = self._writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()


class RawFal:
    """Follows its script on every connection and counts what arrives."""

    def __init__(self) -> None:
        self.script: Script = reply(200, ACCEPTED)
        self.reads_requests = True
        self.connections = 0
        self.requests: list[Exchange] = []
        self.url = ""
        self._news = asyncio.Event()

    def lines(self, method: str) -> list[str]:
        return [request.line for request in self.requests if request.line.startswith(f"{method} ")]

    async def arrival(self, count: int) -> None:
        """Wait until *count* requests have arrived."""
        while len(self.requests) < count:
            self._news.clear()
            await self._news.wait()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                exchange = Exchange(reader, writer)
                if self.reads_requests:
                    await exchange.read()
                    self.requests.append(exchange)
                    self._news.set()
                await self.script(exchange)
                if writer.is_closing() or not self.reads_requests:
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()


def reply(status: int, body: object, headers: Mapping[str, str] | None = None) -> Script:
    async def script(exchange: Exchange) -> None:
        await exchange.answer(status, body, headers)

    return script


def write_and_reset(data: bytes) -> Script:
    async def script(exchange: Exchange) -> None:
        if data:
            await exchange.write(data)
        exchange.reset()

    return script


async def never_answer(_: Exchange) -> None:
    await asyncio.Event().wait()


async def silence(exchange: Exchange) -> None:
    """Let the time for the answer pass."""
    leap()
    await never_answer(exchange)


@asynccontextmanager
async def raw_fal() -> AsyncIterator[RawFal]:
    """Serve on a free port of loopback."""
    fal, connections = RawFal(), set[asyncio.Task[None]]()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        connections.add(task)
        try:
            await fal.serve(reader, writer)
        except asyncio.CancelledError:
            return
        finally:
            connections.discard(task)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    fal.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield fal
    finally:
        server.close()
        open_ones = list(connections)
        for task in open_ones:
            task.cancel()
        await asyncio.gather(*open_ones, return_exceptions=True)
        await server.wait_closed()
