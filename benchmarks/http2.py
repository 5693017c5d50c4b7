"""`python -m benchmarks.http2`: a light HTTP/2 client that makes the same unary gRPC call over and over.

It stands in for h2load where that is not installed, and where each request needs an id of its own. It knows just
as much of HTTP/2 as that takes, and so costs a fraction of what a grpc.aio client does. Unlike h2load it sees the
trailers: only grpc-status 0 counts as done. It writes h2load's log, a line per request: start in microseconds since
the epoch, HTTP status (-1: failed), microseconds taken. It prints the seconds of processor time that its calls took.
"""

from __future__ import annotations

import argparse
import asyncio
import struct
import sys
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

import uvloop

from benchmarks.payload import framed

if TYPE_CHECKING:
    from collections.abc import Callable

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
END_STREAM: Final = 1
END_HEADERS: Final = 4
ACK: Final = 1
FRAME_HEADER: Final = 9
#: The largest window there is, in bytes: it outlasts any run, so none is ever renewed.
WINDOW: Final = (1 << 31) - 1
#: What a connection may send before its server says more (RFC 9113, 6.9.2), in bytes.
FIRST_WINDOW: Final = 65_535
#: `grpc-status: 0` as HPACK without a dynamic table (we allow none) and without Huffman coding (C-core uses none).
STATUS_OK: Final = b"\x0bgrpc-status\x010"
#: Field 2, a string of 36 bytes: a request_id put behind a SubmitJobRequest is a part of it.
REQUEST_ID: Final = b"\x12\x24"


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """Return a frame."""
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def header_block(authority: str, path: str) -> bytes:
    """Return the headers of a gRPC request in HPACK, none of them put into the table."""

    def text(value: str) -> bytes:
        encoded = value.encode()
        if len(encoded) > 126:
            raise ValueError(f"longer than a one-byte length can tell: {value}")
        return bytes([len(encoded)]) + encoded

    return b"".join(
        [
            *(b"\x83", b"\x86"),  # :method POST, :scheme http
            *(b"\x04", text(path), b"\x01", text(authority)),
            *(b"\x0f\x10", text("application/grpc"), b"\x00", text("te"), text("trailers")),
        ]
    )


class Connection(asyncio.Protocol):
    """A connection that keeps *streams* calls in flight until it is told to stop.

    Args:
        headers: the header block of each request.
        body: returns the body of the next request.
        log: takes (start, status, duration) of each request that ended.
    """

    def __init__(
        self,
        headers: bytes,
        body: Callable[[], bytes],
        *,
        streams: int,
        log: list[tuple[float, int, float]],
    ) -> None:
        self.lost = asyncio.get_running_loop().create_future()
        """Done when the connection has ended."""
        self._headers = headers
        self._body = body
        self._streams = streams
        self._log = log
        self._running = False
        self._transport: asyncio.Transport | None = None
        self._received = b""
        self._next_stream = 1
        self._window = FIRST_WINDOW
        self._held_back = 0
        self._begun: dict[int, float] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Say what we are; the server may use no header table, and send as much as it likes."""
        self._transport = cast("asyncio.Transport", transport)
        settings = struct.pack(">HIHIHI", 1, 0, 2, 0, 4, WINDOW)
        widen = struct.pack(">I", WINDOW - FIRST_WINDOW)
        self._transport.write(PREFACE + frame(SETTINGS, 0, 0, settings) + frame(WINDOW_UPDATE, 0, 0, widen))

    def connection_lost(self, error: Exception | None) -> None:
        """Count what was in flight as failed, unless we had stopped."""
        if self._running:
            self._log += [(begun, -1, 0.0) for begun in self._begun.values()]
        if not self.lost.done():
            self.lost.set_result(None)

    def begin(self) -> None:
        """Make the first calls."""
        self._running = True
        self._call(self._streams)

    def end(self) -> None:
        """Make no more calls, and forget those in flight."""
        self._running = False
        if self._transport is not None:
            self._transport.abort()

    def _call(self, count: int) -> None:
        frames = []
        for sent in range(count):
            body = self._body()
            if len(body) > self._window:
                self._held_back += count - sent
                break
            self._window -= len(body)
            stream, self._next_stream = self._next_stream, self._next_stream + 2
            frames += [frame(HEADERS, END_HEADERS, stream, self._headers), frame(DATA, END_STREAM, stream, body)]
            self._begun[stream] = time.perf_counter()
        if frames and self._transport is not None:
            self._transport.write(b"".join(frames))

    def data_received(self, data: bytes) -> None:
        """Take the frames apart; each ended call is followed by another one."""
        data = self._received + data
        at, ended = 0, 0
        while len(data) - at >= FRAME_HEADER:
            length = int.from_bytes(data[at : at + 3], "big")
            after = at + FRAME_HEADER + length
            if after > len(data):
                break
            kind, flags = data[at + 3], data[at + 4]
            stream = int.from_bytes(data[at + 5 : at + FRAME_HEADER], "big")
            ended += self._take(kind, flags, stream, data[at + FRAME_HEADER : after])
            at = after
        self._received = data[at:]
        if self._running and ended:
            self._call(ended)

    def _take(self, kind: int, flags: int, stream: int, payload: bytes) -> int:
        """Take one frame, and return how many calls may follow."""
        if kind == RST_STREAM or (kind in {DATA, HEADERS} and flags & END_STREAM):
            done = time.perf_counter()
            begun = self._begun.pop(stream, done)
            self._log.append((begun, 200 if kind == HEADERS and STATUS_OK in payload else -1, done - begun))
            return 1
        if kind == WINDOW_UPDATE and stream == 0:
            self._window += int.from_bytes(payload, "big")
            freed, self._held_back = self._held_back, 0
            return freed
        if kind in {PING, SETTINGS} and not flags & ACK:
            self._answer(frame(kind, ACK, 0, payload if kind == PING else b""))
        elif kind == GOAWAY and self._transport is not None:
            self._transport.abort()
        return 0

    def _answer(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)


async def run(arguments: argparse.Namespace) -> list[tuple[float, int, float]]:
    """Call for so many seconds, and return (start, status, duration) of each request that ended, in seconds."""
    message = arguments.body.read_bytes()
    fixed = framed(message)

    def body() -> bytes:
        return framed(message + REQUEST_ID + str(uuid.uuid4()).encode()) if arguments.request_ids else fixed

    loop = asyncio.get_running_loop()
    log: list[tuple[float, int, float]] = []
    headers = header_block(f"{arguments.host}:{arguments.port}", arguments.path)
    connections = [
        (
            await loop.create_connection(
                lambda: Connection(headers, body, streams=arguments.streams, log=log), arguments.host, arguments.port
            )
        )[1]
        for _ in range(arguments.connections)
    ]
    # Several of us begin together.
    await asyncio.sleep(max(0.0, arguments.start_at - time.time()))
    for connection in connections:
        connection.begin()
    await asyncio.wait([connection.lost for connection in connections], timeout=arguments.seconds)
    for connection in connections:
        connection.end()
    await asyncio.wait([connection.lost for connection in connections], timeout=1)
    return log


def main() -> None:
    """Read what to call, call, and write the log."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.http2", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--path", required=True, help="/package.Service/Method")
    parser.add_argument("--body", type=Path, required=True, help="file with the serialised request")
    parser.add_argument("--log-file", type=Path, required=True)
    parser.add_argument("--connections", type=int, default=1)
    parser.add_argument("--streams", type=int, default=1, help="calls in flight on each connection")
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--start-at", type=float, default=0.0, help="seconds since the epoch")
    parser.add_argument("--request-ids", action="store_true", help="put a fresh request_id behind each request")
    arguments = parser.parse_args()
    epoch, cpu_of_start = time.time() - time.perf_counter(), time.process_time()
    log = uvloop.run(run(arguments))
    sys.stdout.write(f"{time.process_time() - cpu_of_start}\n")
    arguments.log_file.write_text(
        "".join(f"{(start + epoch) * 1e6:.0f}\t{status}\t{duration * 1e6:.0f}\n" for start, status, duration in log)
    )


if __name__ == "__main__":
    main()
