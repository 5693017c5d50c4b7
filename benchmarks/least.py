"""The least that handlers can do which answer what ours do: no parsing, no checks, no errors, no log."""

from __future__ import annotations

import asyncio
import itertools
import os
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

from benchmarks.payload import job_answer, page_answer, progress_message, snapshot_message, transition_request
from core.job import DEFAULT_TENANT, JobId
from core.store.keys import Keys
from core.store.records import record_of
from server.limits import DEFAULT_PAGE
from server.translate.requests import submission_from_proto

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from redis.asyncio import Redis

    from server.settings import Settings

    Unary = Callable[[bytes, object], Awaitable[bytes]]

#: Any instant, in milliseconds since the epoch; today's have as many digits.
SOME_TIME: Final = 1_800_000_000_000
#: In a GetJobRequest, what stands before the id.
BEFORE_ID: Final = 2


async def echo(request: bytes, _context: object) -> bytes:
    """Return the request: what grpc.aio costs."""
    return request


async def one_script(redis: Redis, settings: Settings) -> Unary:
    """Return a behaviour that runs one EVALSHA which writes what a submitted job takes, and returns the request."""
    sha = await redis.script_load((files(__package__ or "") / "bare.lua").read_text())
    submission = submission_from_proto(transition_request(), settings)
    record: list[Any] = [*record_of(JobId("0" * 36), None, submission), "created", SOME_TIME]
    # Ids of their own, and as long as real ones, also where several of us write into one Redis.
    process, numbers = os.getpid(), itertools.count()

    async def call(request: bytes, _context: object) -> bytes:
        await redis.evalsha(sha, 1, settings.key_prefix, f"{process:08d}{next(numbers):028d}", request, *record)
        return request

    return call


def one_read(redis: Redis, settings: Settings) -> Unary:
    """Return a behaviour that reads the record of the job of a GetJobRequest with one HGETALL."""
    key, answer = Keys(settings.key_prefix).job(DEFAULT_TENANT, JobId("")), job_answer(settings)

    async def call(request: bytes, _context: object) -> bytes:
        await redis.hgetall(key + request[BEFORE_ID:].decode())
        return answer

    return call


def one_page(redis: Redis, settings: Settings) -> Unary:
    """Return a behaviour that reads the newest ids, and the records of a page in one pipeline."""
    keys, answer = Keys(settings.key_prefix), page_answer(settings, DEFAULT_PAGE)
    index, key = keys.index_of_all(DEFAULT_TENANT), keys.job(DEFAULT_TENANT, JobId(""))

    async def call(_request: bytes, _context: object) -> bytes:
        # One more than the page has, as whoever pages must know whether there is a next one.
        ids: Any = await redis.zrevrangebylex(index, "+", "-", 0, DEFAULT_PAGE + 1)
        pipeline = redis.pipeline(transaction=False)
        for id_ in ids[:DEFAULT_PAGE]:
            pipeline.hgetall(key + id_.decode())
        await pipeline.execute()
        return answer

    return call


@dataclass(slots=True)
class Broadcast:
    """Streams that send a snapshot, and then the same event so many times whenever `emit` is called."""

    _burst: asyncio.Future[int]
    _snapshot: bytes
    _event: bytes

    @classmethod
    def create(cls, settings: Settings) -> Broadcast:
        """Return one with messages as large as ours."""
        return cls(asyncio.get_running_loop().create_future(), snapshot_message(settings), progress_message())

    async def watch(self, _request: bytes, _context: object) -> AsyncIterator[bytes]:
        """Send; nothing else: what grpc.aio's streams cost."""
        yield self._snapshot
        while True:
            # Shielded: a stream that is cancelled must not take the others' burst with it.
            for _ in range(await asyncio.shield(self._burst)):
                yield self._event

    async def emit(self, request: bytes, _context: object) -> bytes:
        """Let every stream send as many events as the decimal number says."""
        burst, self._burst = self._burst, asyncio.get_running_loop().create_future()
        burst.set_result(int(request))
        return request
