"""`python -m benchmarks.soak`: many short jobs through two workers, one of which is killed again and again.

At the end: every job has ended, none was submitted twice, Redis holds the keys that it held before, and the server and
the worker that lives on take no more memory than at the beginning. Exits with 1 if that is not so. A job whose worker
died between its submit and the note of it ends as SUBMISSION_UNKNOWN: that is the promise, and it is counted.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import sys
import time
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Final

from redis.asyncio import Redis

import segue
from benchmarks.local import BATCH, ENDPOINT, local_stack, machine, memory_of, pids, until
from benchmarks.table import aligned
from devstack.errors import DevstackError
from segue import aio
from segue.v1.job_pb2 import JobState

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from devstack.process import ChildProcess
    from devstack.stack import Stack

#: Jobs of the warm-up: what stays in Redis after them may stay.
WARM_UP: Final = 20
#: Seconds a job is kept after its end. The failed ones are looked for more often.
RETENTION: Final = 20
#: Batches that are not at their end at once: enough that no slot waits, few enough that Redis stays small.
OPEN_BATCHES: Final = 3
#: Seconds after which Redis must have forgotten all: the retention, the minute for which a claim's nonce is kept.
FORGET_SECONDS: Final = RETENTION + 60 + 30
#: The first words of the keys of jobs and of calls; those of what is known of all jobs stay.
PASSING: Final = {"job", "log", "out", "batch", "request", "index", "claim", "expiry", "topped-up"}
#: By how much memory may grow from the first quarter to the last: what is not a leak of some bytes per job.
GROWTH: Final = 1.15
#: The process that is never killed, among the workers.
STEADY: Final = "worker-1"

ENVIRONMENT: Final = {
    "SEGUE_FAL_CONCURRENCY": "200",
    "SEGUE_LEASE_SECONDS": "3",
    "SEGUE_POLL_SECONDS": "0.5",
    "SEGUE_POLL_MAX_SECONDS": "0.5",
    "SEGUE_EMULATOR_CONCURRENCY": "1000",
    "SEGUE_EMULATOR_QUEUE_SECONDS": "0",
    "SEGUE_EMULATOR_RUN_SECONDS": "0.5",
}


@dataclass(slots=True)
class Account:
    """What became of the jobs."""

    jobs: int = 0
    succeeded: int = 0
    unsuccessful: int = 0
    """By the counts of the batches, as is the former."""
    failed: dict[str, str] = field(default_factory=dict)
    """Job id -> reason, of those that were seen in lists before they expired."""
    submits: Counter[int] = field(default_factory=Counter)
    """The number that a job was submitted with -> how often the emulator accepted it."""
    kills: int = 0
    seconds: float = 0.0
    keys_before: set[str] = field(default_factory=set)
    keys_after: set[str] = field(default_factory=set)
    memory: dict[str, list[float]] = field(default_factory=dict)
    """Process -> its resident memory once a second, MB."""

    @property
    def unknown(self) -> int:
        """Jobs of which nobody can know whether they were paid."""
        return sum(reason == "SUBMISSION_UNKNOWN" for reason in self.failed.values())

    def quarters(self, process: str) -> tuple[float, float]:
        """Return the median memory of a process in the first and in the last quarter, MB."""
        samples = self.memory[process]
        quarter = max(1, len(samples) // 4)
        return statistics.median(samples[:quarter]), statistics.median(samples[-quarter:])

    def faults(self) -> list[str]:
        """Return what is wrong, each in a sentence."""
        twice = [number for number, count in self.submits.items() if count > 1]
        accepted = len(self.submits)
        checks = [
            (self.succeeded + self.unsuccessful == self.jobs, "not all jobs ended"),
            (self.unsuccessful == len(self.failed), f"{self.unsuccessful - len(self.failed)} failures were not listed"),
            (self.unknown == len(self.failed), f"jobs failed: {sorted(set(self.failed.values()))}"),
            (not twice, f"{len(twice)} jobs were submitted more than once"),
            (self.succeeded <= accepted <= self.succeeded + self.unknown, f"{accepted} submits do not fit the jobs"),
            (self.keys_after <= self.keys_before, f"keys stayed: {sorted(self.keys_after - self.keys_before)[:5]}"),
        ]
        for process in self.memory:
            first, last = self.quarters(process)
            checks.append((last <= GROWTH * first, f"{process} grew from {first:.0f} to {last:.0f} MB"))
        return [fault for holds, fault in checks if not holds]


async def soak(stack: Stack, *, jobs: int, seconds: float, chance: random.Random) -> Account:
    """Run so many jobs in at most so many seconds.

    Raises:
        TimeoutError: they did not end in time, or Redis did not forget them.
    """
    account = Account(jobs=jobs)
    await stack.start_server()
    await asyncio.gather(*(stack.start_worker(slots=120) for _ in range(2)))
    async with aio.Client(stack.address) as client, Redis.from_url(stack.redis_url, protocol=2) as redis:
        await _run(client, WARM_UP, Account(), first=jobs)
        account.keys_before = await _forgotten(redis)
        began = time.monotonic()
        async with asyncio.timeout(seconds):
            async with _meanwhile(lambda: _kill(stack, account, chance)), _meanwhile(lambda: _sample(stack, account)):
                await _run(client, jobs, account)
        account.seconds = time.monotonic() - began
        account.keys_after = await _forgotten(redis)
    for request in (await stack.emulator.ledger()).requests:
        if (number := int(request["arguments"]["number"])) < jobs:
            account.submits[number] += 1
    return account


async def _run(client: aio.Client, jobs: int, account: Account, *, first: int = 0) -> None:
    """Submit the jobs, a few batches at a time, and return when all have ended."""
    numbers = iter(range(first, first + jobs))
    open_batches: set[str] = set()
    while True:
        while len(open_batches) < OPEN_BATCHES:
            specs = [segue.model(ENDPOINT, number=number) for number in islice(numbers, BATCH)]
            if not specs:
                break
            items = [segue.submission(spec, retention=RETENTION, max_attempts=10) for spec in specs]
            open_batches.add((await client.submit_batch(items, timeout=60)).id)
        if not open_batches:
            return
        for batch_id in list(open_batches):
            batch = await client.get_batch(batch_id)
            async for job in client.list(batch_id=batch_id, states=["failed", "cancelled"], page_size=100):
                account.failed[job.id] = job.error.reason
            if batch.HasField("end_time"):
                counts = {entry.state: entry.count for entry in batch.state_counts}
                succeeded = counts.get(JobState.JOB_STATE_SUCCEEDED, 0)
                account.succeeded += succeeded
                account.unsuccessful += batch.job_count - succeeded
                open_batches.remove(batch_id)
        await asyncio.sleep(0.5)


async def _kill(stack: Stack, account: Account, chance: random.Random) -> None:
    """Kill a worker at random times, and start another one in its place, for ever."""
    while True:
        await asyncio.sleep(chance.uniform(4, 12))
        doomed: ChildProcess = stack.workers.pop()
        await doomed.kill()
        account.kills += 1
        await stack.start_worker(slots=120)


async def _sample(stack: Stack, account: Account) -> None:
    while True:
        await asyncio.sleep(1)
        running = pids(stack)
        for process in ("server-1", STEADY):
            account.memory.setdefault(process, []).append(memory_of(running[process]))


@asynccontextmanager
async def _meanwhile(work: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """Do something beside the block; its own failure shows at the end of the block."""
    task = asyncio.ensure_future(work())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])
    if not task.cancelled():
        task.result()


async def _forgotten(redis: Redis) -> set[str]:
    """Wait until Redis knows no job and no claim any more, and return the keys that it holds."""
    found: set[str] = set()

    async def nothing_passing() -> bool:
        found.clear()
        found.update([key.decode() async for key in redis.scan_iter(count=1000)])
        return not any(key.split(":")[1] in PASSING for key in found)

    await until(nothing_passing, seconds=FORGET_SECONDS, what="Redis has forgotten all")
    # Who is there, and what a process that was killed held, is not the jobs'; the sweeper removes the latter.
    return {key for key in found if "__" not in key}


def table(account: Account) -> str:
    """Return what became of the jobs, and what it took."""
    heading = ["jobs", "succeeded", "unknown", "other failures", "submits", "twice", "kills", "s", "jobs/s"]
    submits = account.submits
    row = [
        *(account.jobs, account.succeeded, account.unknown, len(account.failed) - account.unknown),
        *(submits.total(), sum(count > 1 for count in submits.values()), account.kills),
        *(f"{account.seconds:.0f}", f"{account.jobs / account.seconds:.1f}"),
    ]
    held = [["keys in Redis", str(len(account.keys_before)), str(len(account.keys_after))]]
    for process in account.memory:
        held.append([f"{process} MB", *(f"{value:.1f}" for value in account.quarters(process))])
    return "\n\n".join(
        [aligned(heading, [list(map(str, row))], left=0), aligned(["", "at the beginning", "at the end"], held)]
    )


async def _soak_here(options: argparse.Namespace) -> Account:
    async with local_stack(ENVIRONMENT) as stack:
        return await soak(
            stack, jobs=options.jobs, seconds=options.minutes * 60, chance=random.Random(options.seed)  # noqa: S311
        )  # fmt: skip


def main() -> None:
    """Soak, and print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--jobs", type=int, default=20_000)
    parser.add_argument("--minutes", type=float, default=10, help="the longest that the jobs may take (10)")
    parser.add_argument("--seed", type=int, default=1, help="of the times of the kills (1)")
    options = parser.parse_args()
    print(f"{machine()}, seed {options.seed}")
    try:
        account = asyncio.run(_soak_here(options))
    except (TimeoutError, DevstackError) as error:
        sys.exit(f"python -m benchmarks.soak: {str(error) or f'after {options.minutes:g} minutes not at its end'}")
    except KeyboardInterrupt:
        sys.exit(130)
    print(table(account))
    for fault in account.faults():
        print(f"BROKEN: {fault}")
    sys.exit(bool(account.faults()))


if __name__ == "__main__":
    main()
