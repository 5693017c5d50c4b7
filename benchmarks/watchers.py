"""Watchers of a server: a process of `benchmarks.streams`, and what its streams brought."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

from benchmarks.load import LoadError, tethered

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from benchmarks.servers import Server

#: Calls that one connection carries; a server of ours allows 1000.
CALLS_PER_CONNECTION: Final = 500
#: Fewest connections, so that all threads of gRPC's core have work.
CONNECTIONS: Final = 4
#: Calls at once that have brought nothing yet, on all connections together.
OPENING: Final = 200
#: Seconds for anything that is waited for.
PATIENCE: Final = 60.0
#: Bytes of the longest answer: a trace of some hundred thousand messages.
LONGEST_ANSWER: Final = 1 << 26


@dataclass(frozen=True, slots=True)
class Received:
    """What the streams brought since the last question."""

    messages: int
    bytes: int
    last: float
    """When the last message came, in seconds of the monotonic clock."""
    cpu: float
    """Seconds of processor time that the client took."""
    trace: Sequence[tuple[int, float]]
    """Number of the call and time of each arrival, if asked for."""
    broken: bool
    """Whether a connection was lost."""
    ended: int
    """Calls that the server ended; they were made again."""
    farewell: str
    """The readable part of what the last of those was told."""


class Watchers:
    """A client process that holds streams."""

    def __init__(self, process: asyncio.subprocess.Process, connections: int) -> None:
        self._process = process
        self._connections = connections

    async def open(self) -> tuple[float, Received]:
        """Make all calls; return the seconds until the last has brought its first message, and what they brought.

        Raises:
            LoadError: a connection was lost.
        """
        began = time.monotonic()
        received = await self._ask(f"open {-(-OPENING // self._connections)}")
        return received.last - began, received

    async def expect(self, messages: int) -> Received:
        """Return when so many messages have come since the last question.

        Raises:
            LoadError: a connection was lost, or more messages came, or too few, and no watch was ended.
        """
        received = await self._ask(f"expect {messages}")
        if received.messages != messages and not received.ended:
            raise LoadError(f"{received.messages} messages came where {messages} were sent")
        return received

    async def _ask(self, command: str) -> Received:
        """Send a command, and return the answer.

        Raises:
            LoadError: there is none, or a connection was lost.
        """
        commands = cast("asyncio.StreamWriter", self._process.stdin)
        answers = cast("asyncio.StreamReader", self._process.stdout)
        commands.write(command.encode() + b"\n")
        try:
            async with asyncio.timeout(PATIENCE):
                answer = await answers.readline()
        except TimeoutError:
            raise LoadError(f"no end of {command!r} in {PATIENCE:.0f} s") from None
        if not answer:
            raise LoadError(f"the client died of {command!r}")
        received = Received(**json.loads(answer))
        if received.broken:
            raise LoadError(f"a connection was lost after {received.messages} messages")
        return received


@asynccontextmanager
async def watching(
    server: Server, requests: Sequence[bytes], folder: Path, *, trace: bool = False
) -> AsyncIterator[Watchers]:
    """Run a client with a call for each request inside the block; the calls are not made yet.

    Args:
        folder: where the requests are written, and removed again.
        trace: whether it notes when each message comes.
    """
    path = folder / "requests.hex"
    path.write_text("".join(request.hex() + "\n" for request in requests))
    connections = max(CONNECTIONS, -(-len(requests) // CALLS_PER_CONNECTION))
    process = await asyncio.create_subprocess_exec(
        *tethered(
            [
                *(sys.executable, "-m", "benchmarks.streams", "--port", str(server.port)),
                *("--path", server.target.path, "--requests", str(path), "--connections", str(connections)),
                *(["--trace"] if trace else []),
            ]
        ),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=LONGEST_ANSWER,
        start_new_session=True,  # Ctrl-C reaches us alone; we end it
    )
    try:
        yield Watchers(process, connections)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        path.unlink()
