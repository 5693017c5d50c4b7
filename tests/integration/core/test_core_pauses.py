"""Pauses: a paused scope starts nothing, what runs goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from core.job import DEFAULT_TENANT, JobKind, JobState, Tenant
from core.store.attempts import Hold, Outcome
from core.store.control import Scope
from tests.integration.core.engine import LEASE, eventually, key_of

if TYPE_CHECKING:
    from tests.integration.core.engine import Clock, Engine

EVERYTHING = Scope()
SCOPES = [EVERYTHING, Scope(tenant=DEFAULT_TENANT), Scope(kind=JobKind.TRANSITION)]
OTHERS = [Scope(tenant=Tenant("other")), Scope(kind=JobKind.MODEL)]


@pytest.mark.parametrize("scope", SCOPES, ids=lambda scope: scope.name)
async def test_a_paused_scope_starts_nothing_until_it_is_resumed(engine: Engine, scope: Scope) -> None:
    await engine.control.pause(scope)
    job = await engine.submit()
    assert await engine.claim() is None

    await engine.control.resume(scope)

    claimed = await engine.claim()
    assert claimed is not None
    assert claimed.id == job.id


@pytest.mark.parametrize("scope", OTHERS, ids=lambda scope: scope.name)
async def test_a_pause_of_others_changes_nothing(engine: Engine, scope: Scope) -> None:
    await engine.control.pause(scope)
    await engine.submit()

    assert await engine.claim() is not None


async def test_what_a_pause_leaves_out_is_started(engine: Engine) -> None:
    await engine.control.pause(Scope(tenant=Tenant("a")))
    await engine.control.pause(Scope(kind=JobKind.MODEL))
    await engine.submit("a", priority=1)
    await engine.submit("b", kind=JobKind.MODEL, priority=1)
    job = await engine.submit("b", priority=10)

    claimed = [await engine.claim() for _ in range(2)]

    assert [found and found.id for found in claimed] == [job.id, None]


@pytest.mark.parametrize("scope", SCOPES, ids=lambda scope: scope.name)
async def test_what_runs_goes_on(engine: Engine, clock: Clock, scope: Scope) -> None:
    running, attached, cancelling = [await engine.started() for _ in range(3)]
    for job in (attached, cancelling):
        await engine.generate(job)
    await engine.control.pause(scope)

    assert await engine.attempts.heartbeat([key_of(running)]) == [Hold.HELD]
    assert await engine.finish(running, Outcome.SUCCEEDED) is JobState.SUCCEEDED
    await engine.finish(attached, Outcome.INTERRUPTED)
    await engine.cancel(cancelling.tenant, cancelling.id)
    clock.advance(LEASE)
    await engine.attempts.sweep()
    claimed = [await engine.claim() for _ in range(3)]

    assert [job and (job.id, job.state) for job in claimed] == [
        (cancelling.id, JobState.CANCELLING),
        (attached.id, JobState.STARTED),
        None,
    ]


async def test_a_job_that_was_interrupted_without_a_generation_waits_in_a_paused_scope(engine: Engine) -> None:
    job = await engine.started()
    await engine.control.pause(EVERYTHING)

    await engine.finish(job, Outcome.INTERRUPTED)

    assert await engine.claim() is None
    assert (await engine.now(job)).state is JobState.PENDING


async def test_pauses_are_told_to_those_whom_they_concern(engine: Engine) -> None:
    for scope in (*SCOPES, *OTHERS):
        await engine.control.pause(scope)

    assert set(await engine.control.pauses(DEFAULT_TENANT)) == {*SCOPES, Scope(kind=JobKind.MODEL)}
    await engine.control.resume(EVERYTHING)
    assert EVERYTHING not in await engine.control.pauses(DEFAULT_TENANT)


async def test_pausing_again_keeps_the_time_of_the_first(engine: Engine) -> None:
    await engine.control.pause(EVERYTHING)
    before = await engine.control.pauses(DEFAULT_TENANT)

    async def another_millisecond() -> bool:
        seconds, microseconds = await engine.redis.time()
        return seconds + microseconds / 1e6 > before[EVERYTHING].timestamp() + 0.002

    await eventually(another_millisecond)
    await engine.control.pause(EVERYTHING)

    assert await engine.control.pauses(DEFAULT_TENANT) == before


async def test_resuming_what_is_not_paused_is_fine(engine: Engine) -> None:
    await engine.control.resume(EVERYTHING)

    assert await engine.control.pauses(DEFAULT_TENANT) == {}
