"""A scene: workers to be killed, one to take over, and the evidence of what fal was asked and billed."""

from __future__ import annotations

import asyncio
import itertools
import sys
import time
from collections import Counter
from datetime import UTC
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

import httpx
import psutil

import segue
from devstack.process import ChildProcess
from devstack.settings import child_environment

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from pathlib import Path

    from devstack.stack import Stack
    from segue import aio
    from tests.chaos.crashing import Crash
    from tests.chaos.matrix import Row

#: Seconds of a lease that is waited for. A worker that is alone keeps it through any stall, as its heartbeats go before
#: its look for the lost; where two live, see LASTING.
LEASE: Final = 2
#: Settings of workers that live beside others and are to lose nothing, however busy the machine is.
LASTING: Final = {"SEGUE_LEASE_SECONDS": "60"}
#: Settings of every worker, so that what is tested is the behaviour and not the patience.
QUICK: Final = {
    "SEGUE_LEASE_SECONDS": str(LEASE),
    "SEGUE_POLL_SECONDS": "0.1",
    "SEGUE_POLL_MAX_SECONDS": "0.2",
    "SEGUE_QUEUE_POLL_MILLISECONDS": "50",
    "SEGUE_RETRY_DELAY_SECONDS": "0.5",
}
#: The line by which a server says where it listens.
SERVER_READY: Final = r"^server ready on (\S+)$"
#: A PNG of 16 x 16 grey pixels.
_PICTURE: Final = (
    "data:image/png;base64,"
    "iVBORw0KGgoAAAANSUhEUgAAABAAAAAQCAAAAAA6mKC9AAAAEUlEQVR42mNsYEAFTAwjWgAAmZAAoFDIQrAAAAAASUVORK5CYII="
)
#: The arguments of a generation that may name its scene.
_NAMED: Final = ("scene", "prompt")
#: The states that jobs end in.
FINAL: Final = ("succeeded", "failed", "cancelled")
#: A time at fal that no test waits for.
FOR_EVER: Final = 600
#: Seconds that anything may take before a test gives up.
PATIENCE: Final = 90


class Scene:
    """One cell of the matrix: its jobs, its workers, its row of the table."""

    def __init__(self, stack: Stack, client: aio.Client, folder: Path, row: Row) -> None:
        self.stack = stack
        self.client = client
        self.row = row
        self._folder = folder
        self._name = uuid4().hex
        self._numbers = itertools.count()
        self._processes: list[ChildProcess] = []

    async def worker(self, crash: Crash | None = None, *, settings: Mapping[str, str] | None = None) -> ChildProcess:
        """Start a worker, to be hit by *crash* if there is one; *settings* are variables of its environment."""
        environment = {**QUICK, **self.stack.fal_environment, **(settings or {})}
        return await self._start("workers", crash, environment, ready=r"^worker ready\b")

    async def server(self, crash: Crash) -> ChildProcess:
        """Start a server, to be hit by *crash*."""
        return await self._start("server", crash, {"SEGUE_LISTEN": "127.0.0.1:0"}, ready=SERVER_READY)

    async def _start(
        self, program: str, crash: Crash | None, environment: Mapping[str, str], *, ready: str
    ) -> ChildProcess:
        name = f"{program}-{len(self._processes) + 1}"
        command = ["-m", program] if crash is None else ["-m", "tests.chaos.crashing", program]
        chosen = {} if crash is None else crash.environment
        process = ChildProcess(
            name,
            [sys.executable, *command],
            log_path=self._folder / f"{name}.log",
            environment=child_environment({"SEGUE_REDIS_URL": self.stack.redis_url, **environment, **chosen}),
        )
        self._processes.append(process)
        await process.start(ready)
        return process

    def spec(self) -> segue.JobSpec:
        """Describe one more job of this scene: a single generation, known at fal by its arguments."""
        return segue.model("segue/echo", scene=self._name, number=next(self._numbers))

    def film_spec(self) -> segue.JobSpec:
        """Describe one more job of this scene: a generation, then work on media, then four uploads."""
        return segue.transition(*(_PICTURE, _PICTURE), prompt=self._name, subtitles=[(0.5, 1, "A cue")], thumbnail=True)

    async def submit(self, **options: Any) -> segue.Job:
        """Submit one more job."""
        return await self.client.submit(self.spec(), **options)

    async def requests(self) -> list[dict[str, Any]]:
        """Return what fal accepted for this scene."""
        ledger = await self.stack.emulator.ledger()
        return [
            request for request in ledger.requests if self._name in (request["arguments"].get(key) for key in _NAMED)
        ]

    async def slow_submit(self, seconds: float) -> None:
        """Let fal accept the next submit at once and answer it after so many seconds."""
        order = {"fault": "slow_submit", "seconds": seconds}
        async with httpx.AsyncClient(trust_env=False) as http:
            (await http.post(f"{self.stack.emulator.url}/emulator/faults", json=order)).raise_for_status()

    async def until(self, what: Callable[[], Awaitable[bool]], *, every: float = 0.02) -> None:
        """Look *every* so many seconds until *what* is true."""
        deadline = time.monotonic() + PATIENCE
        while not await what():
            assert time.monotonic() < deadline, "\n".join(["It did not come true.", *self._tails()])
            await asyncio.sleep(every)

    async def until_accepted(self, count: int = 1) -> None:
        """Wait until fal has accepted so many submits of this scene, whether it has answered them or not."""

        async def reached() -> bool:
            return len(await self.requests()) >= count

        await self.until(reached)

    async def until_at_fal(self, status: str, count: int = 1) -> None:
        """Wait until so many requests of this scene have the status at fal."""

        async def reached() -> bool:
            return len([row for row in await self.requests() if row["status"] == status]) >= count

        await self.until(reached)

    async def until_followed(self, job: segue.Job, status: str) -> None:
        """Wait until a job's generation has the status at fal, and the worker has written fal's id down."""
        await self.until_at_fal(status)
        await self.until_known(job)

    async def until_known(self, job: segue.Job) -> None:
        """Wait until fal's id of a job's generation stands in the ledger."""

        async def written() -> bool:
            generations = (await self.client.get(job.id)).generations
            return any(bool(row.provider_request_id) for row in generations)

        await self.until(written)

    async def until_attempt(self, job: segue.Job, number: int) -> None:
        """Wait until the attempt of that number at a job has started."""

        async def started() -> bool:
            return (await self.client.get(job.id)).attempt >= number

        await self.until(started)

    async def until_runs(self, worker: ChildProcess, program: str) -> psutil.Process:
        """Wait until a worker runs a program of its own, and return that."""
        found: list[psutil.Process] = []

        async def runs() -> bool:
            found[:] = [child for child in psutil.Process(worker.pid).children(recursive=True) if _is(child, program)]
            return bool(found)

        await self.until(runs)
        return found[0]

    async def until_stopped(self, worker: ChildProcess) -> None:
        """Wait until a worker is frozen."""

        async def stopped() -> bool:
            return bool(psutil.Process(worker.pid).status() == psutil.STATUS_STOPPED)

        await self.until(stopped)

    async def until_says(self, worker: ChildProcess, text: str) -> None:
        """Wait until a worker has logged a text."""

        async def said() -> bool:
            return text in worker.output()

        await self.until(said)

    async def until_state(self, job: segue.Job, *states: str) -> segue.Job:
        """Wait until a job is in one of the states, and return it."""

        async def reached() -> bool:
            return state_of(await self.client.get(job.id)) in states

        await self.until(reached)
        return await self.client.get(job.id)

    async def ended(self, job: segue.Job) -> segue.Job:
        """Watch a job to its end, without a gap, and return it."""
        sequences: list[int] = []
        try:
            async with asyncio.timeout(PATIENCE):
                async for event in self.client.watch(job.id):
                    sequences.append(event.sequence)
        except TimeoutError:
            stuck = await self.client.get(job.id)
            raise AssertionError("\n".join([f"It is still {state_of(stuck)}.", *self._tails()])) from None
        assert sequences == list(range(sequences[0], sequences[0] + len(sequences)))
        return await self.client.get(job.id)

    async def all_ended(self, count: int) -> list[segue.Job]:
        """Wait until so many jobs have ended, and return them."""
        ended: list[segue.Job] = []

        async def reached() -> bool:
            ended[:] = [job async for job in self.client.list(states=FINAL, page_size=100)]
            return len(ended) >= count

        await self.until(reached, every=0.2)
        return ended

    async def note(self, *jobs: segue.Job, hit: float | None = None) -> Row:
        """Fill in the row from the jobs as they ended.

        Args:
            jobs: all jobs of the scene.
            hit: when the signal hit, seconds since the epoch.
        """
        requests = await self.requests()
        row = self.row
        ends = Counter(outcome_of(job) for job in jobs)
        row.outcome = ", ".join(f"{count} {end}" if len(jobs) > 1 else end for end, count in sorted(ends.items()))
        row.submits = len(requests)
        row.billed = sum(request["billed"] for request in requests)
        row.attempts = max(job.attempt for job in jobs)
        if hit is not None:
            row.recovery = max(_recovered(job, hit) for job in jobs) - hit
        return row

    async def close(self) -> None:
        """End all processes, the frozen ones too."""
        await asyncio.gather(*(process.kill() for process in self._processes))

    def _tails(self) -> Sequence[str]:
        return [process.tail() for process in self._processes]


def _is(process: psutil.Process, program: str) -> bool:
    try:
        return program in process.cmdline()
    except psutil.NoSuchProcess:
        return False


def state_of(job: segue.Job) -> str:
    """Return a job's state in a word."""
    return segue.JobState.Name(job.state).removeprefix("JOB_STATE_")


def outcome_of(job: segue.Job) -> str:
    """Return how a job ended: its state, and why it failed."""
    return f"{state_of(job)} ({job.error.reason})" if job.error.reason else state_of(job)


def _recovered(job: segue.Job, hit: float) -> float:
    """Return when the job was in good hands again: when its next attempt started, or else when it ended."""
    starts = (attempt.start_time.ToDatetime(UTC).timestamp() for attempt in job.attempts)
    return min((start for start in starts if start > hit), default=job.end_time.ToDatetime(UTC).timestamp())
