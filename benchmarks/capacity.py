"""`python -m benchmarks.capacity`: what one worker process needs for thousands of generations in flight.

For every pace of polls: a stack of its own, N jobs at an emulator that takes ten minutes for each. While all of them
run, what every process takes is measured from outside. Then the emulator ends some runs, and the lag is the time until
the job's last event stands in Redis, and until a watch delivers it. A poll finds the end, so its pace bounds the lag.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from benchmarks.local import counts, instant, local_stack, machine, memory_of, percentile, pids, submit, until, usage
from benchmarks.table import aligned
from devstack.errors import DevstackError
from segue import aio
from workers.polling import JITTER

if TYPE_CHECKING:
    from benchmarks.local import Usage
    from devstack.stack import Stack

#: Seconds that every run takes at the emulator.
RUN_SECONDS: Final = 600
#: Seconds a stack may take until all jobs run: some 7 ms of processor time for each, and a margin.
PATIENCE: Final = 300
#: How many of the ended runs are watched.
WATCHED: Final = 50


@dataclass(frozen=True, slots=True)
class Lags:
    """Seconds from the end of a run at the emulator."""

    stored: list[float]
    """Until the job's last event, by Redis's clock."""
    told: list[float]
    """Until a watch has delivered it."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What one pace of polls costs."""

    jobs: int
    poll: float
    idle_memory: float
    filled: float
    polls: float
    """Polls per second, as the emulator counted them."""
    usage: dict[str, Usage]
    lags: Lags


async def measure(jobs: int, poll: float, *, seconds: float, sample: int) -> Figures:
    """Fill one worker, measure it, and end some runs.

    Raises:
        TimeoutError: not all jobs came to run, or to their end.
    """
    many = str(min(jobs, 10_000))
    environment = {
        "SEGUE_FAL_CONCURRENCY": many,
        "SEGUE_POLL_SECONDS": str(poll),
        "SEGUE_POLL_MAX_SECONDS": str(poll),
        "SEGUE_EMULATOR_CONCURRENCY": "100000",
        "SEGUE_EMULATOR_QUEUE_SECONDS": "0",
        "SEGUE_EMULATOR_RUN_SECONDS": str(RUN_SECONDS),
    }
    async with local_stack(environment) as stack:
        await stack.start_server()
        worker = await stack.start_worker(slots=jobs + 100)
        idle = memory_of(worker.pid)
        async with aio.Client(stack.address) as client:
            began = time.monotonic()
            await submit(client, jobs)

            async def all_run() -> bool:
                return (await counts(stack))["in_progress"] >= jobs

            await until(all_run, seconds=PATIENCE, what=f"{jobs} runs in progress")
            filled = time.monotonic() - began
            # The first polls come up to a longest pause after the last submit; from then on they are spread.
            await asyncio.sleep(poll * (1 + JITTER))
            polls_before = await _polls(stack)
            measured = await usage(pids(stack), seconds)
            polls = (await _polls(stack) - polls_before) / seconds
            lags = await _lags(stack, client, sample, poll=poll)
    return Figures(jobs, poll, idle, filled, polls, measured, lags)


async def _polls(stack: Stack) -> int:
    return sum(request["polls"] for request in (await stack.emulator.ledger()).requests)


async def _lags(stack: Stack, client: aio.Client, sample: int, *, poll: float) -> Lags:
    """End the *sample* oldest runs, and return how late Segue tells that."""
    requests = (await stack.emulator.ledger()).requests
    started = sorted((instant(request["start_time"]), request["request_id"]) for request in requests)
    expected = {request_id for _, request_id in started[:sample]}
    jobs = {
        generation.provider_request_id: job.id
        async for job in client.list(states=["processing"], page_size=100)
        for generation in job.generations
        if generation.provider_request_id in expected
    }
    told: dict[str, float] = {}

    async def watch(request_id: str) -> None:
        async for _ in client.watch(jobs[request_id], timeout=RUN_SECONDS):
            pass
        told[request_id] = time.time()

    watches = [asyncio.create_task(watch(request_id)) for _, request_id in started[:WATCHED]]
    await asyncio.sleep(1)  # the watches are open
    # What has run for longer than this ends now; then the others go on as before.
    await stack.emulator.settings(run_seconds=time.time() - started[sample - 1][0])
    await stack.emulator.settings(run_seconds=RUN_SECONDS)
    ended = {
        request["request_id"]: instant(request["end_time"])
        for request in (await stack.emulator.ledger()).requests
        if request["end_time"]
    }

    async def all_told() -> bool:
        return len([job async for job in client.list(states=["succeeded"], page_size=100)]) >= len(ended)

    await until(all_told, seconds=2 * poll + 30, what=f"{len(ended)} jobs succeeded")
    await asyncio.gather(*watches)
    stored = [
        job.end_time.ToNanoseconds() / 1e9 - ended[generation.provider_request_id]
        async for job in client.list(states=["succeeded"], page_size=100)
        for generation in job.generations
    ]
    return Lags(stored, [at - ended[request_id] for request_id, at in told.items()])


def table(figures: list[Figures]) -> str:
    """Return the figures as two tables: what is spent, and how late it is told."""
    costs, lags = [], []
    for one in figures:
        name = [str(one.jobs), f"{one.poll:g}"]
        worker = one.usage["worker-1"]
        others = [f"{one.usage[process].share:.0f}" for process in ("server-1", "Redis", "emulator")]
        cost = f"{worker.share / 100 / one.polls * 1e3:.2f}" if one.polls else ""
        costs.append(
            [*name, f"{one.filled:.1f}", f"{one.idle_memory:.0f}", f"{worker.memory:.0f}", f"{worker.share:.1f}",
             f"{one.polls:.0f}", cost, *others]
        )  # fmt: skip
        late = [one.lags.stored, one.lags.told]
        lags.append([*name, str(len(one.lags.stored)), *(f"{percentile(x, p):.2f}" for x in late for p in (0.5, 0.99))])
    spent = aligned(
        ["in flight", "poll s", "filled s", "idle MB", "worker MB", "worker CPU %", "polls/s", "ms/poll",
         "server %", "Redis %", "emulator %"],
        costs, left=0,
    )  # fmt: skip
    return f"{spent}\n\n" + aligned(
        ["in flight", "poll s", "ended", "stored p50 s", "stored p99 s", "watch p50 s", "watch p99 s"], lags, left=0
    )


async def _measure_all(options: argparse.Namespace) -> list[Figures]:
    figures = []
    for jobs in options.in_flight:
        for poll in options.poll_seconds:
            print(f"{jobs} in flight, a poll every {poll:g} s ...", file=sys.stderr, flush=True)
            figures.append(await measure(jobs, poll, seconds=options.seconds, sample=min(options.sample, jobs)))
    return figures


def main() -> None:
    """Measure, and print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.capacity", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--in-flight", type=int, nargs="+", default=[2000, 10_000], metavar="N", help="up to 10000")
    parser.add_argument("--poll-seconds", type=float, nargs="+", default=[30, 5], metavar="S", help="from 1 to 60")
    parser.add_argument("--seconds", type=float, default=30, help="how long each is measured (30)")
    parser.add_argument("--sample", type=int, default=200, help="runs that are ended to measure the lag (200)")
    options = parser.parse_args()
    if not all(1 <= jobs <= 10_000 for jobs in options.in_flight):
        parser.error("--in-flight: from 1 to 10000")
    if not all(1 <= poll <= 60 for poll in options.poll_seconds):
        parser.error("--poll-seconds: from 1 to 60")
    print(machine())
    try:
        figures = asyncio.run(_measure_all(options))
    except (TimeoutError, DevstackError) as error:
        sys.exit(f"python -m benchmarks.capacity: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
    print(table(figures))


if __name__ == "__main__":
    main()
