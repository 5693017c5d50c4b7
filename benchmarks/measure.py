"""One run: load on one server, and what it cost the server and Redis; and the median of several."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from benchmarks.load import Call, Generator, Load, LoadError, generate
from benchmarks.machine import Meter, own_pid

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from benchmarks.servers import Server
    from benchmarks.store import Store, Stored


@dataclass(frozen=True, slots=True)
class Figures:
    """What one run showed, or the medians of several."""

    rate: float
    """Answered calls per second."""
    p50: float
    """Milliseconds."""
    p99: float
    """Milliseconds."""
    server_microseconds: float
    """Processor time of the server process per call."""
    server_cores: float
    redis_cores: float
    load_cores: float
    script_microseconds: float
    """Time of one script call inside Redis; 0: there was none."""
    written_bytes: float
    """What one stored job wrote, as commands in Redis's append-only file."""
    others_cores: float
    """What others took of the machine meanwhile."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How each run is made."""

    call: Call
    generator: Generator
    in_flight: int
    seconds: float
    warm_up: float
    folder: Path


async def run(server: Server, store: Store, plan: Plan) -> Figures:
    """Warm up, empty Redis unless the calls read what is there, and measure.

    Raises:
        LoadError: calls failed, or were answered without their job being stored.
    """
    if plan.warm_up:
        await _load(plan, plan.warm_up)
    if not server.target.reads:
        await store.settled()
        await store.empty()
    meter = Meter({"server": server.pid, "redis": store.pid, **own_pid()})
    load = await _load(plan, plan.seconds)
    taken = meter.read(also=load.cores * load.seconds)
    stored = await store.stored()
    _check(server, load, stored, plan.in_flight)
    return Figures(
        rate=load.rate,
        p50=load.p50,
        p99=load.p99,
        server_microseconds=taken.cpu["server"] / load.requests * 1e6,
        server_cores=taken.cpu["server"] / load.seconds,
        redis_cores=taken.cpu["redis"] / load.seconds,
        load_cores=load.cores,
        script_microseconds=stored.script_microseconds,
        written_bytes=stored.written_bytes / max(stored.jobs, 1),
        others_cores=taken.busy,
    )


def median(runs: Sequence[Figures]) -> Figures:
    """Return the median of each figure."""
    return Figures(**{f.name: statistics.median(getattr(one, f.name) for one in runs) for f in fields(Figures)})


async def _load(plan: Plan, seconds: float) -> Load:
    return await generate(
        plan.call, generator=plan.generator, in_flight=plan.in_flight, seconds=seconds, folder=plan.folder
    )


def _check(server: Server, load: Load, stored: Stored, in_flight: int) -> None:
    """Compare what was answered with what was stored: h2load does not see a call's status.

    Raises:
        LoadError: they differ by more than the calls that were cut off at the end.
    """
    if load.failures:
        raise LoadError(f"{server.target} under grpcio {server.release}: {load.failures} calls failed")
    jobs = server.target.stores
    if jobs and not load.requests * jobs <= stored.jobs <= (load.requests + in_flight) * jobs:
        raise LoadError(
            f"{server.target} under grpcio {server.release}: {load.requests} calls were answered, "
            f"but {stored.jobs} jobs are stored"
        )
