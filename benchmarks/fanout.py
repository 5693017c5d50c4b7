"""What open watches cost, and how fast events reach them: the measurements of `benchmarks.watch`."""

from __future__ import annotations

import asyncio
import gc
import time
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from benchmarks.bare import SERVICE
from benchmarks.load import percentile
from benchmarks.machine import Meter, Taken, memory_of, own_pid
from benchmarks.payload import PROGRESS, framed
from benchmarks.reporting import Burst
from benchmarks.servers import Server, Target
from benchmarks.streams import Streams, Tally
from benchmarks.watchers import watching
from benchmarks.wire import header_block
from devstack.ports import LOOPBACK
from segue.v1.job_service_pb2 import WatchJobRequest

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from benchmarks.reporting import Worker
    from benchmarks.store import Store
    from benchmarks.watchers import Received
    from core.job import JobId
    from core.store.attempts import AttemptKey

#: The longest heartbeat that the contract allows, in seconds: none comes while we count events.
HEARTBEAT: Final = 60
#: Seconds that a server is watched doing nothing; then its memory is read.
IDLING: Final = 6.0
#: Streams opened and closed before anything is measured.
WARM_UP: Final = 200


@dataclass(frozen=True, slots=True)
class Held:
    """What it takes to hold watches."""

    watches: int
    kilobytes: float
    """Resident memory of the server per watch."""
    opened: float
    """Watches opened per second, until each has its snapshot."""
    ended: int
    """Watches that the server ended while they were opened; they were opened again."""
    open_microseconds: float
    """Processor time of the server per opened watch."""
    idle_cores: float
    """What the server takes while nothing happens."""
    client_cores: float
    """What the client took while they were opened."""
    others_cores: float
    """What others took of the machine meanwhile."""


@dataclass(frozen=True, slots=True)
class Spread:
    """How fast events went to many."""

    rate: float
    """Messages per second that the client got."""
    microseconds: float
    """Processor time of the server per message."""
    server_cores: float
    client_cores: float
    redis_cores: float
    others_cores: float
    """What others took of the machine meanwhile."""
    message_bytes: float
    """Size of a message, with its prefix."""


@dataclass(frozen=True, slots=True)
class Latency:
    """From the call of AttemptStore.report to the receipt by the client, in milliseconds."""

    watches: int
    """Watches that were open."""
    events: int
    rate: float
    """Events per second."""
    p50: float
    p99: float
    longest: float
    ended: int
    """Watches that the server ended meanwhile."""
    server_cores: float
    others_cores: float
    """What others took of the machine meanwhile."""


@dataclass(frozen=True, slots=True)
class Stage:
    """What all measurements need."""

    store: Store
    worker: Worker
    folder: Path

    def meter(self, server: Server) -> Meter:
        """Return a meter of all that takes part, but for the client, which tells by itself."""
        return Meter({"server": server.pid, "redis": self.store.pid, **own_pid()})

    async def warm_up(self, server: Server, job: JobId) -> None:
        """Open and close some streams, so that the first ones to be measured are not the first ones of all."""
        async with watching(server, _requests([job] * WARM_UP), self.folder) as watchers:
            await watchers.open()

    async def held(
        self, server: Server, jobs: Sequence[JobId], keys: Sequence[AttemptKey], *, rate: int, seconds: float
    ) -> tuple[Held, Latency | None]:
        """Open a watch of each job; then, on a server of ours, report at a rate in all over the running ones."""
        before = memory_of(server.pid)
        async with watching(server, _requests(jobs), self.folder, trace=True) as watchers:
            meter = self.meter(server)
            took, received = await watchers.open()
            taken = meter.read(also=received.cpu)
            meter = self.meter(server)
            await asyncio.sleep(IDLING)
            idling = meter.read()
            held = Held(
                watches=len(jobs),
                kilobytes=(memory_of(server.pid) - before) / 1024 / len(jobs),
                opened=len(jobs) / took,
                ended=received.ended,
                open_microseconds=taken.cpu["server"] / len(jobs) * 1e6,
                idle_cores=idling.cpu["server"] / idling.seconds,
                client_cores=received.cpu / took,
                others_cores=taken.busy,
            )
            if server.target is Target.STREAM:
                return held, None
            stamps: list[tuple[int, float]] = []
            meter = self.meter(server)
            began = time.monotonic()
            async with asyncio.TaskGroup() as reports:
                for number in range(round(rate * seconds)):
                    await asyncio.sleep(began + number / rate - time.monotonic())
                    reports.create_task(self._report(keys, number % len(keys), stamps))
            arrivals = await watchers.expect(len(stamps))
            taken = meter.read(also=arrivals.cpu)
            return held, _latency(len(jobs), stamps, arrivals, taken)

    async def idle(self, server: Server, keys: Sequence[AttemptKey], *, reports: int, every: float) -> Latency:
        """Report one thing at a time, so many seconds apart, while each running job has one watch."""
        requests = _requests(key.job_id for key in keys)
        async with watching(server, requests, self.folder, trace=True) as watchers:
            await watchers.open()
            meter = self.meter(server)
            stamps: list[tuple[int, float]] = []
            for number in range(reports):
                await self._report(keys, number % len(keys), stamps)
                await asyncio.sleep(every)
            arrivals = await watchers.expect(reports)
            taken = meter.read(also=arrivals.cpu)
            return _latency(len(keys), stamps, arrivals, taken)

    async def spread(self, server: Server, watched: Sequence[AttemptKey], burst: Sequence[AttemptKey]) -> Spread:
        """Open a watch of each job of *watched*, make all reports of *burst* at once, and wait for all messages."""
        times = Counter(burst)
        messages = sum(times[key] for key in watched)
        packed = await Burst.packed(self.store.redis, self.store.port, burst)
        async with watching(server, _requests(key.job_id for key in watched), self.folder) as watchers:
            await watchers.open()
            gc.collect()
            meter, began = self.meter(server), time.monotonic()
            if server.target is Target.STREAM:
                await _emit(server, messages // len(watched))
            else:
                await packed.send()
            received = await watchers.expect(messages)
            taken, took = meter.read(also=received.cpu), received.last - began
        return Spread(
            rate=messages / took,
            microseconds=taken.cpu["server"] / messages * 1e6,
            server_cores=taken.cpu["server"] / took,
            client_cores=received.cpu / took,
            redis_cores=taken.cpu["redis"] / took,
            others_cores=taken.busy,
            message_bytes=received.bytes / messages,
        )

    async def _report(self, keys: Sequence[AttemptKey], number: int, stamps: list[tuple[int, float]]) -> None:
        stamps.append((number, time.monotonic()))
        await self.worker.attempts.report(keys[number], PROGRESS)


async def _emit(server: Server, events: int) -> None:
    """Let each stream of the bare server send so many events."""
    # Not with grpc: a process that has used it should not fork.
    tally = Tally(1, trace=False)
    headers = header_block(f"{LOOPBACK}:{server.port}", f"/{SERVICE}/Emit")
    _, call = await asyncio.get_running_loop().create_connection(
        lambda: Streams(headers, [(0, framed(str(events).encode()))], tally, once=True), LOOPBACK, server.port
    )
    call.open(1)
    await tally.reach(0, patience=60)
    call.close()
    await call.lost


def _requests(jobs: Iterable[JobId]) -> list[bytes]:
    request = WatchJobRequest()
    request.heartbeat_interval.seconds = HEARTBEAT
    messages = []
    for job in jobs:
        request.job_id = job
        messages.append(request.SerializeToString())
    return messages


def _latency(
    watches: int,
    stamps: Sequence[tuple[int, float]],
    received: Received,
    taken: Taken,
) -> Latency:
    """Compare when things were reported and when they came: of one job, both are in order.

    Jobs whose watch was ended meanwhile are left out: what happened before its return is in its snapshot.
    """
    sent, came = defaultdict[int, list[float]](list), defaultdict[int, list[float]](list)
    for number, when in stamps:
        sent[number].append(when)
    for number, when in received.trace:
        came[number].append(when)
    took = sorted(
        round((receipt - report) * 1e6)
        for number, reports in sent.items()
        if len(reports) == len(came[number])
        for report, receipt in zip(reports, came[number], strict=True)
    )
    return Latency(
        watches=watches,
        events=len(took),
        rate=len(stamps) / taken.seconds,
        p50=percentile(took, 0.50),
        p99=percentile(took, 0.99),
        longest=took[-1] / 1000,
        ended=received.ended,
        server_cores=taken.cpu["server"] / taken.seconds,
        others_cores=taken.busy,
    )
