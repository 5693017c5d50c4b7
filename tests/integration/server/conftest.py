"""A server in this process on a port of its own, real Redis behind it, a real channel before it."""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from grpc import aio

from core.job import JobKind
from core.store.attempts import AttemptStore, KindRule, Policy
from core.store.connection import connect
from segue.v1.job_service_pb2_grpc import JobServiceStub
from segue.v1.system_service_pb2_grpc import SystemServiceStub
from server import probe
from server.app import serving
from server.settings import Settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from segue.v1.job_service_pb2_grpc import JobServiceAsyncStub
    from segue.v1.system_service_pb2_grpc import SystemServiceAsyncStub
    from server.app import Serving


@pytest.fixture(autouse=True)
def _patient_probe(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no server say that it is out of service because the machine was busy for a while."""
    monkeypatch.setattr(probe, "PATIENCE", 60.0)


@pytest.fixture
def settings(clean_redis_url: str) -> Settings:
    return Settings.model_validate(
        {
            "listen": "127.0.0.1:0",
            "redis_url": clean_redis_url,
            "redis_timeout_seconds": 30,
            "drain_seconds": 0.1,
            "grace_seconds": 40,
        }
    )


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Serving]:
    async with serving(settings) as server:
        await server.ready()
        yield server


@pytest.fixture
async def server(settings: Settings) -> AsyncIterator[Serving]:
    async with running(settings) as server:
        yield server


@pytest.fixture
async def channel(server: Serving) -> AsyncIterator[aio.Channel]:
    options: list[tuple[str, Any]] = [("grpc.use_local_subchannel_pool", 1)]
    async with aio.insecure_channel(server.address, options) as channel:
        yield channel


@pytest.fixture
def jobs(channel: aio.Channel) -> JobServiceAsyncStub:
    return JobServiceStub(channel)


@pytest.fixture
def system(channel: aio.Channel) -> SystemServiceAsyncStub:
    return SystemServiceStub(channel)


@pytest.fixture
async def worker(settings: Settings) -> AsyncIterator[AttemptStore]:
    """The worker's side of the engine, to move jobs on."""
    redis = connect(settings.redis_url.get_secret_value(), timeout=timedelta(seconds=30))
    yield AttemptStore(
        redis,
        prefix=settings.key_prefix,
        events_per_job=settings.events_per_job,
        lease=timedelta(minutes=5),
        policy=Policy(provider_slots=100, kinds={kind: KindRule() for kind in JobKind}),
    )
    await redis.aclose()
