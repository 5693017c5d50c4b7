"""P3: watches that are opened while their jobs live; and that this test would see it if they lost anything."""

from __future__ import annotations

import asyncio
import random
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Final

import pytest

from core.events.hub import RECHECK, Hub
from core.store.feeds import JobFeed
from server.app import serving
from server.settings import Settings
from tests.chaos.watching import Heard, Writer, assert_all_complete, stack_of, stalls_of, stubs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from core.job import Job
    from segue.v1.job_service_pb2_grpc import JobServiceAsyncStub

#: Lines of each job.
LINES: Final = 5
#: Seconds within which a job ends after its second watch was opened; opening one takes about as long.
SPREAD: Final = 0.2
#: Seconds that the end of a job may take to its watchers, beside stalls: less than what mends every loss, or we would
#: see none.
PROMPT: Final = 0.8 * RECHECK
#: Seconds after which a watch that has not ended never will.
PATIENCE: Final = 30


class Race:
    """Jobs that are written at once, each with two watchers who come while it lives."""

    def __init__(self, writer: Writer, servers: list[JobServiceAsyncStub]) -> None:
        self._writer = writer
        self._servers = servers
        self._watches: list[asyncio.Task[Heard]] = []
        self._heard: list[Heard] = []
        self._written: dict[str, float] = {}
        self._stalled = 0.0
        """For how long, in seconds, somebody who takes part did not get on."""

    async def run(self, jobs: int) -> None:
        """Hold the race, and wait for the watchers.

        Raises:
            grpc.aio.AioRpcError: a watch did not end with OK.
        """
        try:
            started = await self._writer.start(jobs)
            async with stalls_of(*self._servers) as stalled:
                await asyncio.gather(*(self._live(number, job) for number, job in enumerate(started)))
                await asyncio.wait(self._watches, timeout=PATIENCE)
                self._stalled = stalled()
            for watch in self._watches:
                if watch.done():
                    watch.result()
        finally:
            for watch in self._watches:
                watch.cancel()
            await asyncio.gather(*self._watches, return_exceptions=True)

    async def assert_nothing_lost(self) -> None:
        """Check that each watcher was told all, and in time."""
        await assert_all_complete(self._heard, self._writer)
        late = [watch for watch in self._heard if self._lag(watch) > PROMPT + self._stalled]
        assert not late, f"{len(late)} watchers learnt of the end only when they looked again"

    async def _live(self, number: int, job: Job) -> None:
        """Write a job to its end; one watcher comes somewhere on the way, the other just before the end."""
        early, late = self._servers if number % 2 else self._servers[::-1]
        after = 0 if number % 3 else 1
        for line in range(LINES):
            if line == number % LINES:
                self._open(early, Heard(job, after=after))
            await self._writer.log(job, str(line))
        self._open(late, last := Heard(job, after=after))
        # An event that is lost between reading and subscribing shows in the next one: only the last one has none.
        if number % 2 and after == 0:
            await last.begun.wait()
        else:
            await asyncio.sleep(random.uniform(0, SPREAD))  # noqa: S311 - a race, no secret
        await self._writer.finish(job)
        self._written[job.id] = time.monotonic()

    def _open(self, server: JobServiceAsyncStub, heard: Heard) -> None:
        self._heard.append(heard)
        self._watches.append(asyncio.create_task(heard.over(server)))

    def _lag(self, heard: Heard) -> float:
        return heard.ended - max(heard.opened, self._written[heard.job.id])


@pytest.mark.parametrize("watchers", [100, pytest.param(300, marks=pytest.mark.chaos)])
async def test_watchers_who_race_their_writers_lose_nothing(tmp_path: Path, watchers: int) -> None:
    async with stack_of(tmp_path) as stack, Writer.on(stack.redis_url) as writer:
        one, other = await asyncio.gather(stack.start_server(), stack.start_server())
        async with stubs(one.address) as (first,), stubs(other.address) as (second,):
            race = Race(writer, [first, second])
            await race.run(watchers // 2)

        await race.assert_nothing_lost()
        await writer.until_unwatched()


@contextmanager
def no_log_read() -> Iterator[None]:
    """Let followers find nothing in the log."""

    async def nothing(*_: object, **__: object) -> list[object]:
        return []

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(JobFeed, "events", nothing)
        yield


class _LateInbox:
    """An inbox that begins to listen only after all has been read."""

    is_quiet = False
    begun = 0

    def __init__(self, listening: Any, resources: ExitStack) -> None:
        self._listening = listening
        self._resources = resources
        self._missed = False
        self._inbox: Any = None

    def miss(self) -> None:
        self._missed = True

    async def arrival(self) -> None:
        if self._missed:
            return
        if self._inbox is None:
            self._inbox, confirmed = self._resources.enter_context(self._listening)
            await confirmed.wait()
        await self._inbox.arrival()

    def missed(self) -> bool:
        missed, self._missed = self._missed, False
        return missed or (self._inbox is not None and self._inbox.missed())

    def take(self) -> Any:
        return self._inbox.take() if self._inbox is not None else ()

    def omitted_before(self, event: Any) -> Any:
        return self._inbox.omitted_before(event)

    def spoke(self) -> None:
        if self._inbox is not None:
            self._inbox.spoke()


@contextmanager
def read_before_subscribing() -> Iterator[None]:
    """Let followers read the job first and subscribe then."""
    listen = Hub.listen

    @contextmanager
    def late(self: Hub, *of: Any) -> Iterator[tuple[_LateInbox, asyncio.Event]]:
        at_once = asyncio.Event()
        at_once.set()
        with ExitStack() as resources:
            yield _LateInbox(listen(self, *of), resources), at_once

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Hub, "listen", late)
        yield


async def _race_in_this_process(writer: Writer, settings: Settings) -> Race:
    async with serving(settings) as server, stubs(server.address, 2) as both:
        await server.ready()
        race = Race(writer, both)
        await race.run(150)
        return race


@pytest.mark.chaos
async def test_the_race_sees_a_follower_that_reads_no_log_and_one_that_subscribes_too_late(redis_url: str) -> None:
    settings = Settings.model_validate(
        {"listen": "127.0.0.1:0", "redis_url": redis_url, "drain_seconds": 0, "grace_seconds": 1}
    )
    async with Writer.on(redis_url) as writer:
        await (await _race_in_this_process(writer, settings)).assert_nothing_lost()
        for spoilt in (no_log_read, read_before_subscribing):
            assert await _is_seen(spoilt, writer, settings), f"{spoilt.__name__} goes unseen"


async def _is_seen(spoilt: Callable[[], AbstractContextManager[None]], writer: Writer, settings: Settings) -> bool:
    """Whether one of three races fails: the moment that is to be hit lasts a few milliseconds."""
    for _ in range(3):
        with spoilt():
            race = await _race_in_this_process(writer, settings)
        try:
            await race.assert_nothing_lost()
        except AssertionError:
            return True
    return False
