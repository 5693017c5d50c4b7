"""Keeps unary gRPC calls in flight from outside, cheaply enough not to be what is measured.

h2load (Debian: nghttp2-client) where it is installed: it takes a fifth of a core. Else, or when each request needs
a request_id of its own, processes of `benchmarks.http2`. Both write the same log, from which the figures come.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import math
import os
import resource
import shutil
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from devstack import tether

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

Generator = Literal["h2load", "http2"]

#: Most connections that share the calls in flight.
MOST_CONNECTIONS: Final = 8
#: Processes of our own client; one is enough for some ten thousand calls per second.
PROCESSES: Final = 2
#: Seconds that our own processes get to start, so that they begin together.
START_SECONDS: Final = 1.0
#: Seconds a generator may take beyond its span before it is killed.
GRACE_SECONDS: Final = 20.0


class LoadError(Exception):
    """A load generator failed, or its calls did."""


@dataclass(frozen=True, slots=True)
class Call:
    """What is called over and over."""

    host: str
    port: int
    path: str
    """/package.Service/Method"""
    message: bytes
    """The serialised request."""
    request_ids: bool = False
    """Whether each request gets a fresh request_id (field 2)."""


@dataclass(frozen=True, slots=True)
class Load:
    """How the calls went."""

    requests: int
    """Calls that were answered."""
    failures: int
    """Calls that were not."""
    seconds: float
    """From the first start to the last answer."""
    p50: float
    """Milliseconds that half of the calls took at most."""
    p99: float
    """Milliseconds that 99 of 100 calls took at most."""
    cores: float
    """What the generator itself took of the processors."""

    @property
    def rate(self) -> float:
        """Answered calls per second."""
        return self.requests / self.seconds


def best_generator(*, request_ids: bool) -> Generator:
    """Return which generator can do it at the least cost."""
    return "h2load" if shutil.which("h2load") and not request_ids else "http2"


async def generate(call: Call, *, generator: Generator, in_flight: int, seconds: float, folder: Path) -> Load:
    """Keep *in_flight* calls going for so long.

    Args:
        folder: where request and logs are written, and removed again.

    Raises:
        LoadError: the generator failed, or nothing was answered.
    """
    body, logs = folder / "request", [folder / f"load-{number}.tsv" for number in range(PROCESSES)]
    connections = next(n for n in range(min(MOST_CONNECTIONS, in_flight), 0, -1) if in_flight % n == 0)
    if generator == "h2load":
        body.write_bytes(len(call.message).to_bytes(5, "big") + call.message)
        commands = [_h2load(call, body, logs[0], connections, in_flight // connections, seconds)]
    else:
        body.write_bytes(call.message)
        commands = _http2(call, body, logs, connections, in_flight // connections, seconds)
    before = _cpu_of_ended_children()
    try:
        async with asyncio.timeout(seconds + GRACE_SECONDS):
            outputs = await asyncio.gather(*map(_run, commands))
        # Ours tell by themselves: their start, which lies before the span, costs more than that of h2load.
        cpu = sum(map(float, outputs)) if generator == "http2" else _cpu_of_ended_children() - before
        return _read([log for log in logs if log.exists()], cpu)
    except TimeoutError:
        raise LoadError(f"{generator} did not end in time") from None
    finally:
        for path in (body, *logs):
            path.unlink(missing_ok=True)


def _h2load(call: Call, body: Path, log: Path, connections: int, streams: int, seconds: float) -> list[str]:
    return [
        *("h2load", "--clients", str(connections), "--max-concurrent-streams", str(streams)),
        *("--duration", f"{round(seconds * 1000)}ms", "--data", str(body), "--log-file", str(log)),
        *("--header", "content-type: application/grpc", "--header", "te: trailers"),
        f"http://{call.host}:{call.port}{call.path}",
    ]


def _http2(
    call: Call, body: Path, logs: Sequence[Path], connections: int, streams: int, seconds: float
) -> list[list[str]]:
    shares = [len(range(number, connections, len(logs))) for number in range(len(logs))]
    start_at = time.time() + START_SECONDS
    return [
        [
            *(sys.executable, "-m", "benchmarks.http2", "--host", call.host, "--port", str(call.port)),
            *("--path", call.path, "--body", str(body), "--log-file", str(log), "--seconds", str(seconds)),
            *("--connections", str(share), "--streams", str(streams), "--start-at", str(start_at)),
            *(["--request-ids"] if call.request_ids else []),
        ]
        for share, log in zip(shares, logs, strict=True)
        if share
    ]


async def _run(command: Sequence[str]) -> str:
    """Run a generator to its end, and return what it printed.

    Raises:
        LoadError: it failed.
    """
    process = await asyncio.create_subprocess_exec(
        *tethered(command),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,  # Ctrl-C reaches us alone; we end it
    )
    try:
        output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if process.returncode:
        raise LoadError(f"{command[0]} ended with code {process.returncode}: {output.decode()[-2000:]}")
    return output.decode()


def tethered(command: Sequence[str]) -> list[str]:
    """Return the command that ends with us, also when we are killed."""
    return [sys.executable, "-I", tether.__file__, str(os.getpid()), *command]


def _cpu_of_ended_children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _read(logs: Sequence[Path], cpu_seconds: float) -> Load:
    """Return what the logs tell.

    Raises:
        LoadError: nothing was answered.
    """
    lines = itertools.chain.from_iterable(log.read_text().splitlines() for log in logs)
    rows = [tuple(map(int, line.split("\t")[:3])) for line in lines]
    answered = [(start, took) for start, status, took in rows if status == 200]
    if not answered:
        raise LoadError(f"no call was answered; {len(rows)} failed")
    begin, end = min(start for start, _ in answered), max(start + took for start, took in answered)
    times = sorted(took for _, took in answered)
    seconds = max(end - begin, 1) / 1e6
    return Load(
        requests=len(answered),
        failures=len(rows) - len(answered),
        seconds=seconds,
        p50=percentile(times, 0.50),
        p99=percentile(times, 0.99),
        cores=cpu_seconds / seconds,
    )


def percentile(times: Sequence[int], part: float) -> float:
    """Return, in milliseconds, what that part of the sorted times in microseconds does not exceed."""
    return times[math.ceil(part * len(times)) - 1] / 1000
