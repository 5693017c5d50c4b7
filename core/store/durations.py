"""How long things usually take: what estimates go by. The scripts keep the times (prelude.lua, keep_duration)."""

from __future__ import annotations

import time
from datetime import timedelta
from statistics import median
from typing import TYPE_CHECKING, Final, cast

from core.errors import StoreUnavailableError
from core.store.connection import translated
from core.store.packing import unpack

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from redis.asyncio import Redis

    from core.job import JobKind
    from core.store.keys import Keys

#: How long an answer is good for. Estimates may be a little old; reading each anew would cost every call of a server.
GOOD_FOR: Final = timedelta(seconds=10)
#: Answers kept at a time: callers name models as they like.
MOST_KEPT: Final = 1000


class Durations:
    """The usual durations of jobs and generations: the medians of the last twenty that went well."""

    def __init__(self, redis: Redis, keys: Keys, *, good_for: timedelta = GOOD_FOR) -> None:
        self._redis = redis
        self._keys = keys
        self._good_for = good_for.total_seconds()
        self._kept: dict[str, tuple[float, timedelta | None]] = {}

    async def of_jobs(self, kind: JobKind, model: str) -> timedelta | None:
        """Return how long such a job usually takes from start to end; None: unknown."""
        return await self._usual(self._keys.usual_of_jobs(kind, model))

    async def of_many(self, sorts: Iterable[tuple[JobKind, str]]) -> Mapping[tuple[JobKind, str], timedelta | None]:
        """Return how long jobs of several kinds and models take."""
        return {sort: await self.of_jobs(*sort) for sort in set(sorts)}

    async def of_generations(self, endpoint: str) -> timedelta | None:
        """Return how long a generation usually takes from its submit to its end; None: unknown."""
        return await self._usual(self._keys.usual_of_generations(endpoint))

    async def _usual(self, key: str) -> timedelta | None:
        now = time.monotonic()
        if (kept := self._kept.get(key)) and now - kept[0] < self._good_for:
            return kept[1]
        try:
            with translated():
                packed = cast("bytes | None", await self._redis.get(key))
        except StoreUnavailableError:
            return None  # an estimate is no reason to fail
        usual = timedelta(milliseconds=median(unpack(packed))) if packed else None
        if len(self._kept) >= MOST_KEPT:
            self._kept.clear()
        self._kept[key] = now, usual
        return usual
