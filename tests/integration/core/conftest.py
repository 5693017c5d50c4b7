"""The core on a real Redis, driven through its own faces; only the clock is the tests'."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from core.events import follow
from core.events.hub import Hub
from core.job import JobKind
from core.jobs import Jobs
from core.store import scripts
from core.store.attempts import KindRule, Policy
from core.store.connection import connect
from tests.integration.core.engine import EVENTS, LEASE, PREFIX, TIMEOUT, Clock, Engine

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from redis.asyncio import Redis

    from core.job import Job


@pytest.fixture
async def redis(clean_redis_url: str) -> AsyncIterator[Redis]:
    """An open client of an empty Redis."""
    client = connect(clean_redis_url, timeout=TIMEOUT)
    yield client
    await client.aclose()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The time that the scripts see: it moves only when a test moves it."""
    return Clock(lambda now: monkeypatch.setattr(scripts, "SERVER_CLOCK", now))


@pytest.fixture
def engine_with(redis: Redis) -> Callable[..., Engine]:
    """Make an engine with a policy of the test's own."""

    def make(*, events: int = EVENTS, **policy: Any) -> Engine:
        kinds = {kind: KindRule() for kind in JobKind}
        return Engine(redis, Policy(**{"provider_slots": 1000, "kinds": kinds, **policy}), events=events)

    return make


@pytest.fixture
def engine(engine_with: Callable[..., Engine]) -> Engine:
    """An engine with a thousand provider slots and no caps."""
    return engine_with()


@pytest.fixture
async def hub(redis: Redis, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Hub]:
    """A hub that listens; no follower begins before his subscription, however busy the machine is."""
    monkeypatch.setattr(follow, "CONFIRMATION", 30.0)
    hub = Hub(redis)
    hub.start()
    yield hub
    await hub.close()


@pytest.fixture
def jobs(redis: Redis, hub: Hub) -> Jobs:
    """The face that the server uses."""
    return Jobs(redis, hub, prefix=PREFIX, events_per_job=EVENTS)


@pytest.fixture
async def stale(engine: Engine, clock: Clock) -> Job:
    """A job that another worker has by now, as the worker saw it that lost it."""
    job = await engine.started()
    clock.advance(LEASE)
    await engine.attempts.sweep()
    assert await engine.claim() is not None
    return job
