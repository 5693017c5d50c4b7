"""Whatever a crowd does: caps hold, counts are true, and nothing is left when all have gone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest

from core.job import JobKind, JobState
from core.store.records import batch_of, job_of
from tests.integration.core.crowd import TENANTS, TIGHT, Crowd
from tests.integration.core.engine import PREFIX, Engine
from tests.integration.core.test_core_sweep import LASTING, QUEUE

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from tests.integration.core.engine import Clock

STEPS = 300
#: Every so many steps all that Redis holds is compared: a look costs as much as many steps.
LOOK = 20
CAPS = {
    "provider": TIGHT.provider_slots,
    **{f"running:tenant:{tenant}": TIGHT.tenant_cap for tenant in TENANTS},
    **{f"running:kind:{kind}": rule.cap for kind, rule in TIGHT.kinds.items() if rule.cap},
}


@pytest.fixture
def tight(redis: Redis) -> Engine:
    """An engine with few slots and low caps."""
    return Engine(redis, TIGHT)


async def census(engine: Engine) -> dict[str, int]:
    """Return how many hold or wait for what."""
    pipeline: Any = engine.redis.pipeline()
    pipeline.zcard(f"{PREFIX}:provider")
    for name in list(CAPS)[1:]:
        pipeline.scard(f"{PREFIX}:{name}")
    pipeline.hvals(f"{PREFIX}:waiting")
    for tenant in TENANTS:
        for kind in JobKind:
            for number in (1, 2, 3):
                pipeline.zcard(f"{PREFIX}:pending:{number}:{tenant}:{kind}")
    answers = await pipeline.execute()
    held = dict(zip(CAPS, answers, strict=False))
    waiting, *lines = answers[len(CAPS) :]
    return {**held, "waiting": sum(map(int, waiting)), "lines": sum(lines)}


@pytest.mark.parametrize("seed", range(5))
async def test_caps_hold_and_counts_are_true_after_every_step(tight: Engine, clock: Clock, seed: int) -> None:
    crowd = Crowd(tight, clock, seed)
    fullest = dict.fromkeys(CAPS, 0)

    for number in range(STEPS):
        deed = await crowd.act()
        counts, when = await census(tight), f"after {deed}, step {number}"
        for name, cap in CAPS.items():
            assert counts[name] <= cap, f"{name} {when}"
            fullest[name] = max(fullest[name], counts[name])
        assert counts["waiting"] == counts["lines"], when
        assert await crowd.running_at_provider() <= await tight.slots(), when
        if number % LOOK == 0:
            dump = await tight.dump()
            _waiting_is_true(dump, when)
            _batches_are_true(dump, when)

    assert fullest["provider"] == CAPS["provider"]  # the walk came to where it matters


def _waiting_is_true(dump: dict[str, Any], when: str) -> None:
    """Compare the count of each class with its lines."""
    waiting = dump.get(f"{PREFIX}:waiting", {})
    for number in (1, 2, 3):
        lines = [line for name, line in dump.items() if name.startswith(f"{PREFIX}:pending:{number}:")]
        assert int(waiting.get(str(number).encode(), 0)) == sum(map(len, lines)), when


def _batches_are_true(dump: dict[str, Any], when: str) -> None:
    """Compare what batches say of their jobs with what the jobs say, where none has been forgotten."""
    jobs: dict[str, list[Any]] = {}
    for name, record in dump.items():
        if name.startswith(f"{PREFIX}:job:"):
            job = job_of(cast("Any", name.split(":")[2]), record)
            jobs.setdefault(job.batch_id or "", []).append(job)
    for name, record in dump.items():
        if not name.startswith(f"{PREFIX}:batch:"):
            continue
        batch = batch_of(cast("Any", name.split(":")[2]), record)
        own = jobs[batch.id]
        if len(own) < batch.job_count:
            continue
        done = [1 if job.state.is_terminal else job.progress.fraction or 0 for job in own]
        assert batch.fraction == pytest.approx(sum(done) / len(own)), when
        assert batch.state_counts == {s: n for s in JobState if (n := sum(job.state is s for job in own))}, when
        assert (batch.end_time is not None) == all(job.state.is_terminal for job in own), when


async def test_nothing_is_left_when_all_have_gone(tight: Engine, clock: Clock) -> None:
    for seed in range(10, 13):
        crowd = Crowd(tight, clock, seed)
        for _ in range(STEPS):
            await crowd.act()

        await crowd.go_home()

        await tight.redis.delete(QUEUE, f"{QUEUE}.msgs")
        left = await tight.dump()
        assert set(left) <= LASTING
        assert set(left.get(f"{PREFIX}:waiting", {}).values()) <= {b"0"}
