"""`python -m benchmarks.streams`: a light client that opens thousands of streams and counts what they bring.

It is told what to do by lines on its standard input, and answers each with a line of JSON:

    open N       make all calls, with so many at once on each connection that have brought nothing yet;
                 answer when each has brought its first message
    expect N     answer when N further messages have come since the last answer

A call that ends is made again, as a client does that was told to come again, and counted. With --trace it also tells
when each message came: [number of the call, seconds of the monotonic clock]. That clock is the system's, so it compares
with what other processes note. It gives up waiting after --patience seconds, and ends with its input.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import json
import re
import sys
import time
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import uvloop

from benchmarks.payload import framed
from benchmarks.wire import DATA, END_HEADERS, END_STREAM, HEADERS, RST_STREAM, Wire, frame, header_block

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Bytes before each message of gRPC: a flag and a length.
PREFIX: Final = 5


class Tally:
    """What has come on all streams since it was last told."""

    def __init__(self, calls: int, *, trace: bool) -> None:
        self.silent = calls
        """Calls that have brought nothing yet."""
        self.messages = 0
        """What came beside the first message of each call."""
        self.bytes = self.ended = 0
        self.broken = False
        """Whether a connection was lost."""
        self.last = 0.0
        """When the last message came, in seconds of the monotonic clock."""
        self.trace: list[tuple[int, float]] | None = [] if trace else None
        self.farewell = ""
        """The readable part of what ended the last call that ended."""
        self._cpu = time.process_time()
        self._expected: int | None = None
        self._reached = asyncio.Event()

    async def reach(self, messages: int, *, patience: float) -> dict[str, Any]:
        """Wait until all calls have brought something, and so many messages beside it; tell, and begin anew."""
        self._expected = messages
        self._reached.clear()
        self.look()
        with suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await self._reached.wait()
        cpu = time.process_time()
        told = {
            **{"messages": self.messages, "bytes": self.bytes, "ended": self.ended, "broken": self.broken},
            **{"last": self.last, "cpu": cpu - self._cpu, "trace": self.trace or [], "farewell": self.farewell},
        }
        self.messages = self.bytes = self.ended = 0
        if self.trace is not None:
            self.trace = []
        self._cpu, self._expected = cpu, None
        return told

    def look(self) -> None:
        """Wake whoever waits when all has come that is waited for."""
        if self._expected is not None and (self.broken or (not self.silent and self.messages >= self._expected)):
            self._reached.set()


class Streams(Wire):
    """A connection with a call for each of *requests*, numbered; one that ends is made again unless *once*."""

    def __init__(
        self, headers: bytes, requests: Sequence[tuple[int, bytes]], tally: Tally, *, once: bool = False
    ) -> None:
        super().__init__()
        self._headers = headers
        self._tally = tally
        self._once = once
        self._waiting = deque(requests)
        self._next_stream = 1
        self._due = 0
        #: Calls that have brought nothing yet, by stream.
        self._silent: set[int] = set()
        self._calls: dict[int, tuple[int, bytes]] = {}
        #: What has come of a message, by stream, where it is not complete.
        self._parts: dict[int, bytes] = {}

    def open(self, at_once: int) -> None:
        """Make the first calls; each that has brought its first message is followed by another one."""
        self._due = at_once
        self._call()

    def _call(self) -> None:
        """Make the calls that are due.

        Raises:
            ValueError: their requests do not fit into the window.
        """
        frames = []
        while self._due and self._waiting:
            stream, self._next_stream = self._next_stream, self._next_stream + 2
            self._calls[stream] = self._waiting.popleft()
            self._silent.add(stream)
            request = self._calls[stream][1]
            self._window -= len(request)
            self._due -= 1
            frames += [frame(HEADERS, END_HEADERS, stream, self._headers), frame(DATA, END_STREAM, stream, request)]
        if self._window < 0:
            raise ValueError(f"{len(self._calls)} calls are too many for one connection")
        self._send(b"".join(frames))

    def connection_lost(self, error: Exception | None) -> None:
        """Say so: nothing more can be measured."""
        self._tally.broken = True
        self._tally.look()
        super().connection_lost(error)

    def _take(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if kind == DATA:
            self._count(stream, payload)
        if kind == RST_STREAM or flags & END_STREAM:
            self._again(stream, payload)

    def _count(self, stream: int, payload: bytes) -> None:
        tally = self._tally
        if part := self._parts.pop(stream, b""):
            payload = part + payload
        at, messages = 0, 0
        while len(payload) - at >= PREFIX:
            after = at + PREFIX + int.from_bytes(payload[at + 1 : at + PREFIX], "big")
            if after > len(payload):
                break
            at, messages = after, messages + 1
        if at < len(payload):
            self._parts[stream] = payload[at:]
        tally.bytes += at
        if messages and stream in self._silent:
            self._silent.discard(stream)
            tally.silent -= 1
            self._due += 1
            messages -= 1
        tally.messages += messages
        if tally.trace is not None and messages:
            tally.trace += [(self._calls[stream][0], time.monotonic())] * messages

    def _again(self, stream: int, payload: bytes) -> None:
        if self._once or stream not in self._calls:
            return  # a server may reset a stream that it has ended
        self._waiting.append(self._calls.pop(stream))
        self._due += 1
        tally = self._tally
        tally.ended += 1
        if stream in self._silent:
            self._silent.discard(stream)
        else:
            tally.silent += 1
        # C-core sends trailers as they are, without Huffman coding.
        tally.farewell = " ".join(re.findall(r"[ -~]{3,}", payload.decode("ascii", "replace")))

    def _read(self) -> None:
        self._tally.last = time.monotonic()
        self._tally.look()
        if self._due:
            self._call()


async def run(arguments: argparse.Namespace) -> None:
    """Connect, and obey until the input ends."""
    loop = asyncio.get_running_loop()
    headers = header_block(f"{arguments.host}:{arguments.port}", arguments.path)
    requests = [(number, framed(bytes.fromhex(line))) for number, line in enumerate(arguments.requests.open())]
    tally = Tally(len(requests), trace=arguments.trace)
    connections = []
    for number in range(arguments.connections):
        make = functools.partial(Streams, headers, requests[number :: arguments.connections], tally)
        connections.append((await loop.create_connection(make, arguments.host, arguments.port))[1])
    commands = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    async for line in commands:
        verb, *numbers = line.decode().split()
        if verb == "open":
            for connection in connections:
                connection.open(int(numbers[0]))
        answer = await tally.reach(0 if verb == "open" else int(numbers[0]), patience=arguments.patience)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
    for connection in connections:
        connection.close()


def main() -> None:
    """Read what to call, and obey."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.streams", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--path", required=True, help="/package.Service/Method")
    parser.add_argument("--requests", type=Path, required=True, help="file with a serialised request per line, in hex")
    parser.add_argument("--connections", type=int, default=1)
    parser.add_argument("--patience", type=float, default=40.0, help="seconds (40)")
    parser.add_argument("--trace", action="store_true", help="tell when each message came")
    uvloop.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
