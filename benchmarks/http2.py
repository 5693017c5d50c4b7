"""`python -m benchmarks.http2`: a light HTTP/2 client that makes the same unary gRPC call over and over.

It stands in for h2load where that is not installed, and where each request needs an id of its own. It knows just
as much of HTTP/2 as that takes, and so costs a fraction of what a grpc.aio client does. Unlike h2load it sees the
trailers: only grpc-status 0 counts as done. It writes h2load's log, a line per request: start in microseconds since
the epoch, HTTP status (-1: failed), microseconds taken. It prints the seconds of processor time that its calls took.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Final

import uvloop

from benchmarks.payload import framed
from benchmarks.wire import DATA, END_HEADERS, END_STREAM, HEADERS, RST_STREAM, Wire, frame, header_block

if TYPE_CHECKING:
    from collections.abc import Callable

#: `grpc-status: 0` as HPACK without a dynamic table (we allow none) and without Huffman coding (C-core uses none).
STATUS_OK: Final = b"\x0bgrpc-status\x010"
#: Field 2, a string of 36 bytes: a request_id put behind a SubmitJobRequest is a part of it.
REQUEST_ID: Final = b"\x12\x24"


class Connection(Wire):
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
        super().__init__()
        self._headers = headers
        self._body = body
        self._log = log
        self._running = False
        self._next_stream = 1
        self._due = streams
        self._begun: dict[int, float] = {}

    def connection_lost(self, error: Exception | None) -> None:
        """Count what was in flight as failed, unless we had stopped."""
        if self._running:
            self._log += [(begun, -1, 0.0) for begun in self._begun.values()]
        super().connection_lost(error)

    def begin(self) -> None:
        """Make the first calls."""
        self._running = True
        self._call()

    def end(self) -> None:
        """Make no more calls, and forget those in flight."""
        self._running = False
        self.close()

    def _take(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        """Note the end of a call: another one is due."""
        if kind == RST_STREAM or flags & END_STREAM:
            done = time.perf_counter()
            begun = self._begun.pop(stream, done)
            self._log.append((begun, 200 if kind == HEADERS and STATUS_OK in payload else -1, done - begun))
            self._due += 1

    def _read(self) -> None:
        if self._running and self._due:
            self._call()

    def _call(self) -> None:
        """Make the calls that are due, as far as the window lets them go."""
        frames = []
        while self._due:
            body = self._body()
            if len(body) > self._window:
                break
            self._due -= 1
            self._window -= len(body)
            stream, self._next_stream = self._next_stream, self._next_stream + 2
            frames += [frame(HEADERS, END_HEADERS, stream, self._headers), frame(DATA, END_STREAM, stream, body)]
            self._begun[stream] = time.perf_counter()
        if frames:
            self._send(b"".join(frames))


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
