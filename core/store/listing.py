"""Lists jobs newest first by walking the smallest index that a filter has, at a cost that is bounded per page."""

from __future__ import annotations

from dataclasses import dataclass, field
from heapq import merge
from itertools import groupby, islice
from typing import TYPE_CHECKING, Final, cast

from core.ids import lowest_id_at
from core.job import JobId, JobKind, JobState
from core.store.connection import translated
from core.store.keys import Keys

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from redis.asyncio import Redis

    from core.events.feed import TenantEvent
    from core.job import Tenant

#: Ids that one step reads from each index it walks.
STEP: Final = 200
#: Ids that one page looks at before it is returned short, with a token to go on.
BUDGET: Final = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which jobs: all conditions hold, of a set of values any."""

    owner: str = ""
    states: frozenset[JobState] = frozenset()
    kinds: frozenset[JobKind] = frozenset()
    batch_id: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    created_from: datetime | None = None
    created_to: datetime | None = None

    def finds(self, event: TenantEvent) -> bool:
        """Whether the owner and the labels of an event's job are those wanted; nothing else is looked at."""
        if self.owner and event.owner != self.owner:
            return False
        return all(event.labels.get(name) == value for name, value in self.labels.items())


class JobIndex:
    """The indexes of a tenant's jobs."""

    def __init__(self, redis: Redis, *, prefix: str) -> None:
        self._redis = redis
        self._keys = Keys(prefix)

    async def page(
        self, tenant: Tenant, wanted: Filter, *, size: int, before: JobId | None
    ) -> tuple[list[JobId], JobId | None]:
        """Return up to *size* ids older than *before*, newest first, and where the next page begins (None: nowhere)."""
        with translated():
            walked, checked = await self._plan(tenant, wanted)
            low, high = _bounds(wanted, before)
            found: list[JobId] = []
            # Where every id is a find, one more than the page tells whether there is a next one.
            step = STEP if checked else min(STEP, size + 1)
            for _ in range(BUDGET // STEP):
                ids = await self._step(walked, low, high, step)
                matching = await self._matching(ids, checked)
                for id_ in matching:
                    if len(found) == size:
                        return found, found[-1]
                    found.append(id_)
                if len(ids) < step:
                    return found, None
                high = f"({ids[-1]}"
            return found, JobId(high[1:])

    async def _plan(self, tenant: Tenant, wanted: Filter) -> tuple[list[str], list[list[str]]]:
        """Return the group of indexes to walk, the smallest, and the other groups to check against."""
        keys = self._keys
        groups: list[list[str]] = []
        if wanted.owner:
            groups.append([keys.index_of_owner(tenant, wanted.owner)])
        if wanted.states:
            groups.append([keys.index_of_state(tenant, state) for state in sorted(wanted.states)])
        if wanted.kinds:
            groups.append([keys.index_of_kind(tenant, kind) for kind in sorted(wanted.kinds)])
        if wanted.batch_id:
            groups.append([keys.index_of_batch(tenant, wanted.batch_id)])
        groups += ([keys.index_of_label(tenant, name, value)] for name, value in wanted.labels.items())
        if len(groups) <= 1:
            return (groups or [[keys.index_of_all(tenant)]])[0], []
        pipeline = self._redis.pipeline(transaction=False)
        for group in groups:
            for key in group:
                pipeline.zcard(key)
        sizes = iter(await pipeline.execute())
        totals = [sum(islice(sizes, len(group))) for group in groups]
        smallest = totals.index(min(totals))
        return groups[smallest], groups[:smallest] + groups[smallest + 1 :]

    async def _step(self, walked: list[str], low: str, high: str, most: int) -> list[JobId]:
        """Return the next ids of the walked indexes together, newest first."""
        # At one instant: between two reads a job could move out of the index not yet read into the one read already.
        pipeline = self._redis.pipeline(transaction=len(walked) > 1)
        for key in walked:
            pipeline.zrevrangebylex(key, max=high, min=low, start=0, num=most)
        lists = cast("list[list[bytes]]", await pipeline.execute())
        merged = (id_ for id_, _ in groupby(merge(*lists, reverse=True)))
        return [JobId(id_.decode()) for id_ in islice(merged, most)]

    async def _matching(self, ids: list[JobId], checked: list[list[str]]) -> list[JobId]:
        """Return those of the ids that stand in some index of every group."""
        if not ids or not checked:
            return ids
        pipeline = self._redis.pipeline(transaction=True)  # at one instant, as in _step
        for group in checked:
            for key in group:
                pipeline.zmscore(key, list[str](ids))
        answers = iter(await pipeline.execute())
        matches = [True] * len(ids)
        for group in checked:
            columns = list(islice(answers, len(group)))
            matches = [
                still and any(column[row] is not None for column in columns) for row, still in enumerate(matches)
            ]
        return [id_ for id_, match in zip(ids, matches, strict=True) if match]


def _bounds(wanted: Filter, before: JobId | None) -> tuple[str, str]:
    """Return the lexical bounds of the ids: ids begin with the time of creation."""
    low = f"[{lowest_id_at(_milliseconds(wanted.created_from))}" if wanted.created_from else "-"
    tops = [before] if before else []
    if wanted.created_to:
        tops.append(JobId(lowest_id_at(_milliseconds(wanted.created_to))))
    return low, f"({min(tops)}" if tops else "+"


def _milliseconds(when: datetime) -> int:
    return round(when.timestamp() * 1000)
