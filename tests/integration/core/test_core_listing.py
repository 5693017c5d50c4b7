"""Listing: newest first, every job once, whatever is added meanwhile, at a bounded cost per page."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from core.ids import lowest_id_at, time_ordered_ids
from core.job import DEFAULT_TENANT, JobId, JobKind, JobState
from core.store.attempts import Outcome
from core.store.listing import BUDGET, STEP, Filter, JobIndex
from tests.integration.core.engine import PREFIX, submission

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from datetime import datetime

    from redis.asyncio import Redis

    from core.job import Job
    from core.jobs import Jobs
    from tests.integration.core.engine import Engine


@pytest.fixture
def index(redis: Redis) -> JobIndex:
    return JobIndex(redis, prefix=PREFIX)


async def pages(index: JobIndex, wanted: Filter, *, size: int) -> AsyncIterator[list[JobId]]:
    before = None
    while True:
        ids, before = await index.page(DEFAULT_TENANT, wanted, size=size, before=before)
        yield ids
        if before is None:
            return


async def listed(index: JobIndex, size: int = 100, **wanted: object) -> list[JobId]:
    """Return all ids that a filter lets through."""
    return [id_ async for page in pages(index, Filter(**wanted), size=size) for id_ in page]  # type: ignore[arg-type]  # by name


def newest_first(jobs: Sequence[Job]) -> list[JobId]:
    return sorted((job.id for job in jobs), reverse=True)


async def test_without_jobs_the_list_is_empty(index: JobIndex) -> None:
    assert await index.page(DEFAULT_TENANT, Filter(), size=10, before=None) == ([], None)


async def test_without_conditions_all_are_listed_newest_first(index: JobIndex, engine: Engine) -> None:
    made, _ = await engine.submit_batch([submission()] * 30)
    assert made is not None

    assert await listed(index) == newest_first(made)


async def test_each_condition_lets_its_jobs_through(index: JobIndex, engine: Engine) -> None:
    ann = await engine.submit(owner="ann", kind=JobKind.MODEL, labels={"team": "red", "n": "1"})
    bob = await engine.submit(owner="bob", kind=JobKind.TRANSITION, labels={"team": "red", "n": "2"})
    made, batch_id = await engine.submit_batch([submission(kind=JobKind.COMPOSITION, hold=True)])
    assert made is not None
    held = made[0]

    assert await listed(index, owner="ann") == [ann.id]
    assert await listed(index, kinds=frozenset({JobKind.TRANSITION, JobKind.MODEL})) == newest_first([ann, bob])
    assert await listed(index, labels={"team": "red"}) == newest_first([ann, bob])
    assert await listed(index, labels={"team": "red", "n": "2"}) == [bob.id]
    assert await listed(index, states=frozenset({JobState.HELD})) == [held.id]
    assert await listed(index, states=frozenset({JobState.HELD, JobState.PENDING})) == newest_first([ann, bob, held])
    assert await listed(index, batch_id=batch_id) == [held.id]
    assert await listed(index, owner="ann", labels={"n": "2"}) == []
    assert await listed(index, owner="nobody") == []


async def test_conditions_hold_together(index: JobIndex, engine: Engine) -> None:
    wanted = [
        submission(owner=owner, kind=kind, hold=hold)
        for owner in ("ann", "bob")
        for kind in (JobKind.MODEL, JobKind.TRANSITION)
        for hold in (False, True)
        for _ in range(3)
    ]
    made, _ = await engine.submit_batch(wanted)
    assert made is not None

    ids = await listed(
        index,
        size=2,
        owner="ann",
        kinds=frozenset({JobKind.MODEL, JobKind.COMPOSITION}),
        states=frozenset({JobState.PENDING, JobState.SUCCEEDED}),
    )

    assert ids == newest_first(
        [j for j in made if j.owner == "ann" and j.kind is JobKind.MODEL and j.state is JobState.PENDING]
    )


async def test_a_job_is_listed_under_the_state_it_stands_in(index: JobIndex, engine: Engine) -> None:
    job = await engine.started()
    assert await listed(index, states=frozenset({JobState.PENDING})) == []
    assert await listed(index, states=frozenset({JobState.STARTED})) == [job.id]

    await engine.finish(job, Outcome.FAILED)

    assert await listed(index, states=frozenset({JobState.STARTED})) == []
    assert await listed(index, states=frozenset({JobState.FAILED})) == [job.id]


@pytest.mark.parametrize("size", [1, 7, STEP - 1, STEP, STEP + 1])
async def test_pages_have_the_wanted_size_and_end_when_all_is_listed(
    index: JobIndex, engine: Engine, size: int
) -> None:
    count = max(2 * size, 10)
    made, _ = await engine.submit_batch([submission()] * count)
    assert made is not None

    got = [page async for page in pages(index, Filter(), size=size)]

    assert [id_ for page in got for id_ in page] == newest_first(made)
    assert {len(page) for page in got[:-1]} == {size}


async def test_paging_repeats_nothing_and_loses_nothing_while_jobs_are_added_and_move(
    index: JobIndex, engine: Engine
) -> None:
    made, _ = await engine.submit_batch([submission()] * 60)
    assert made is not None

    seen: list[JobId] = []
    running = frozenset({JobState.PENDING, JobState.STARTED})
    async for page in pages(index, Filter(states=running), size=7):
        seen += page
        await engine.submit()
        await engine.claim()

    assert seen == newest_first(made)


async def test_a_job_that_moves_between_two_wanted_states_is_never_missed(index: JobIndex, engine: Engine) -> None:
    job = await engine.submit()
    wanted = Filter(states=frozenset({JobState.PENDING, JobState.STARTED}))
    moving = True

    async def move() -> None:
        while moving:
            claimed = await engine.claim()
            assert claimed is not None
            await engine.finish(claimed, Outcome.INTERRUPTED)

    mover = asyncio.create_task(move())
    try:
        for _ in range(200):
            assert await index.page(DEFAULT_TENANT, wanted, size=10, before=None) == ([job.id], None)
    finally:
        moving = False
        await mover


async def test_a_filter_that_matches_little_gives_a_short_page_and_goes_on(index: JobIndex, engine: Engine) -> None:
    rare = await engine.submit(owner="ann", labels={"x": "y"})
    for _ in range(BUDGET // 1000 + 1):
        await engine.submit_batch([submission(owner="ann")] * 1000)
        await engine.submit_batch([submission(kind=JobKind.MODEL, labels={"x": "y"})] * 1000)
    wanted = Filter(owner="ann", labels={"x": "y"})

    first, before = await index.page(DEFAULT_TENANT, wanted, size=10, before=None)

    assert first == []
    assert before is not None
    assert await listed(index, owner="ann", labels={"x": "y"}) == [rare.id]


async def test_the_time_of_creation_bounds_the_list(index: JobIndex, engine: Engine) -> None:
    made = [await engine.store.submit(DEFAULT_TENANT, id_, submission()) for id_ in _ids_of_three_seconds()]
    first, second, third = (id_ for _, id_ in made)

    assert await listed(index, created_from=_instant(2)) == [third, second]
    assert await listed(index, created_to=_instant(2)) == [first]
    assert await listed(index, created_from=_instant(2), created_to=_instant(3)) == [second]
    assert await listed(index, created_from=_instant(4)) == []


def _ids_of_three_seconds() -> list[JobId]:
    """Return ids as they would be made at _instant(1), (2) and (3)."""
    now = round(_instant(0).timestamp() * 1000)
    return [JobId(lowest_id_at(now + second * 1000)[:14] + time_ordered_ids()[0][14:]) for second in (1, 2, 3)]


def _instant(second: int) -> datetime:
    from datetime import UTC, datetime

    return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=second)


async def test_a_list_carries_specs_only_when_asked(jobs: Jobs, engine: Engine) -> None:
    job = await engine.submit(labels={"a": "b"})

    without = await jobs.list(DEFAULT_TENANT, Filter(), size=10, before=None, with_specs=False)
    with_specs = await jobs.list(DEFAULT_TENANT, Filter(), size=10, before=None, with_specs=True)

    assert [found.spec for found in without.jobs] == [None]
    assert list(with_specs.jobs) == [job]


async def test_jobs_that_are_gone_are_left_out(engine: Engine) -> None:
    job = await engine.submit()
    ids = [JobId("none"), job.id]

    for with_specs in (False, True):
        found = await engine.store.get_many(DEFAULT_TENANT, ids, with_specs=with_specs)
        assert [job.id for job in found] == [job.id]
