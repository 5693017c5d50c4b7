"""`python -m benchmarks.makespan`: whether slots are used as long as jobs wait.

Two workers share the slots, and all jobs take equally long at the emulator. The least that they could take together is
(jobs / slots) runs, one after the other. From the emulator's ledger: how long they took, how long a slot stood empty
while jobs waited, and how many ran at once.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from benchmarks.local import counts, instant, local_stack, machine, submit, until
from benchmarks.table import aligned
from devstack.errors import DevstackError
from segue import aio

if TYPE_CHECKING:
    from collections.abc import Sequence

    from devstack.stack import Stack


@dataclass(frozen=True, slots=True)
class Figures:
    """How slots were used."""

    makespan: float
    """Seconds from the submit of the jobs to the end of the last run."""
    least: float
    """Seconds that the runs alone take when no slot ever waits."""
    longest_idle: float
    """Seconds for which fewer runs than slots were in progress while jobs waited, at the longest stretch."""
    peak: int
    """The most runs at once."""

    @property
    def factor(self) -> float:
        """How many times the least it took."""
        return self.makespan / self.least


async def measure(stack: Stack, *, jobs: int, slots: int, workers: int, run_seconds: float) -> Figures:
    """Run so many jobs on so many slots of workers, which are started here beside one server.

    Raises:
        TimeoutError: they did not end in three times the least.
    """
    await stack.emulator.settings(queue_seconds=0, run_seconds=run_seconds, concurrency=slots, render="tiny")
    await stack.start_server()
    await asyncio.gather(*(stack.start_worker(slots=slots // workers) for _ in range(workers)))
    least = -(-jobs // slots) * run_seconds
    async with aio.Client(stack.address) as client:
        ids = await submit(client, jobs)
        submitted = (await client.get(ids[0])).create_time.ToNanoseconds() / 1e9

        async def all_ended() -> bool:
            return (await counts(stack))["billed"] >= jobs

        await until(all_ended, seconds=3 * least + 10, what=f"{jobs} runs billed")
    requests = (await stack.emulator.ledger()).requests
    return Figures(
        makespan=max(instant(request["end_time"]) for request in requests) - submitted,
        least=least,
        longest_idle=longest_idle(requests, slots=slots, jobs=jobs, since=submitted),
        peak=(await counts(stack))["peak_in_progress"],
    )


def longest_idle(requests: Sequence[dict[str, Any]], *, slots: int, jobs: int, since: float) -> float:
    """Return for how long, at the longest stretch, fewer runs than slots were in progress while jobs waited.

    Args:
        requests: of the emulator's ledger.
        since: when the jobs were accepted, in seconds since the epoch.
    """
    changes = sorted(
        [(instant(request["start_time"]), 1) for request in requests]
        + [(instant(request["end_time"]), -1) for request in requests]
    )
    running = started = 0
    longest = stretch = 0.0
    for (begins, change), (ends, _) in pairwise([(since, 0), *changes]):
        running += change
        started += max(0, change)
        stretch = stretch + ends - begins if running < slots and started < jobs else 0.0
        longest = max(longest, stretch)
    return longest


async def _measure_here(options: argparse.Namespace) -> Figures:
    environment = {
        "SEGUE_FAL_CONCURRENCY": str(options.slots),
        "SEGUE_POLL_SECONDS": str(options.poll_seconds),
        "SEGUE_POLL_MAX_SECONDS": str(options.poll_seconds),
    }
    async with local_stack(environment) as stack:
        return await measure(
            stack, jobs=options.jobs, slots=options.slots, workers=options.workers, run_seconds=options.run_seconds
        )


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.makespan", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--jobs", type=int, default=100)
    parser.add_argument("--slots", type=int, default=20, help="of all workers together (20)")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--run-seconds", type=float, default=5, help="how long each job takes at the emulator (5)")
    parser.add_argument("--poll-seconds", type=float, default=0.25, help="how often each is asked after (0.25)")
    options = parser.parse_args()
    print(machine())
    try:
        figures = asyncio.run(_measure_here(options))
    except (TimeoutError, DevstackError) as error:
        sys.exit(f"python -m benchmarks.makespan: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
    heading = ["jobs", "slots", "workers", "run s", "poll s", "makespan s", "least s", "factor", "idle s", "at once"]
    row = [options.jobs, options.slots, options.workers, options.run_seconds, options.poll_seconds]
    found = [f"{figures.makespan:.2f}", f"{figures.least:g}", f"{figures.factor:.3f}", f"{figures.longest_idle:.2f}"]
    print(aligned(heading, [[*map(str, row), *found, str(figures.peak)]], left=0))


if __name__ == "__main__":
    main()
