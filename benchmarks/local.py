"""A whole stack on this machine for the benchmarks of the engine: what all of them start, submit, ask and measure."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import httpx
import psutil

import segue
from devstack.settings import Settings
from devstack.stack import Stack

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence

    from segue import aio

#: Jobs of one BatchSubmit: the most that the contract allows.
BATCH: Final = 1000
#: The emulator's model that answers with its arguments, without media.
ENDPOINT: Final = "segue/echo"
#: Seconds between two looks at something that tells no event.
LOOK: Final = 0.2


@asynccontextmanager
async def local_stack(environment: Mapping[str, str]) -> AsyncIterator[Stack]:
    """Run Redis and an emulator inside the block, in a folder of their own; whatever keys a person has set."""
    with tempfile.TemporaryDirectory(prefix="segue-bench-") as folder:
        settings = Settings(dev_dir=Path(folder), redis_url=None, fal_key=None, fal_base_url=None)
        async with Stack(settings, environment=environment) as stack:
            yield stack


async def submit(client: aio.Client, count: int, **options: Any) -> list[str]:
    """Submit so many jobs, in batches, and return their ids."""
    ids: list[str] = []
    while len(ids) < count:
        specs = [segue.model(ENDPOINT, number=number) for number in range(len(ids), min(count, len(ids) + BATCH))]
        batch = await client.submit_batch([segue.submission(spec, **options) for spec in specs], timeout=60)
        ids += [job.id for job in batch.jobs]
    return ids


async def counts(stack: Stack) -> dict[str, int]:
    """Return the sums of the emulator's books: submits, billed, in_queue, in_progress, peak_in_progress."""
    async with httpx.AsyncClient(base_url=stack.emulator.url, timeout=30, trust_env=False) as http:
        answer = await http.get("/emulator/ledger", params={"requests": 0})
        return dict(answer.raise_for_status().json())


async def until(condition: Callable[[], Awaitable[bool]], *, seconds: float, what: str) -> float:
    """Wait for the condition and return how long that took.

    Raises:
        TimeoutError: it did not come to hold in so many seconds.
    """
    began = time.monotonic()
    while not await condition():
        if time.monotonic() - began > seconds:
            message = f"After {seconds:g} s still not: {what}"
            raise TimeoutError(message)
        await asyncio.sleep(LOOK)
    return time.monotonic() - began


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process took over a while."""

    memory: float
    """Resident memory at the end, MB."""
    share: float
    """Processor time, per cent of a core."""


async def usage(processes: Mapping[str, int], seconds: float) -> dict[str, Usage]:
    """Measure processes, by names and ids, over so many seconds."""
    found = {name: psutil.Process(pid) for name, pid in processes.items()}
    before, began = {name: _seconds_of(process) for name, process in found.items()}, time.monotonic()
    await asyncio.sleep(seconds)
    spent = time.monotonic() - began
    return {
        name: Usage(memory_of(process.pid), 100 * (_seconds_of(process) - before[name]) / spent)
        for name, process in found.items()
    }


def memory_of(pid: int) -> float:
    """Return the resident memory of a process, MB."""
    return float(psutil.Process(pid).memory_info().rss) / 1e6


def pids(stack: Stack) -> dict[str, int]:
    """Return the processes of a stack by their names."""
    return {process.name: process.pid for process in stack.processes if process.is_running}


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value that a share (0 to 1) of the values does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def instant(text: str) -> float:
    """Return an instant of the emulator's ledger, in seconds since the epoch."""
    return datetime.fromisoformat(text).timestamp()


def machine() -> str:
    """Say what the figures were measured on, and how busy it was."""
    return f"{os.cpu_count()} cores, load average {os.getloadavg()[0]:.2f} at the beginning"


def _seconds_of(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
