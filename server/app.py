"""Puts a server together, and takes it down so that no watcher loses anything."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import grpc
import structlog

from core.events.hub import Hub
from core.jobs import Jobs
from core.store.connection import connect
from core.store.templates import TemplateStore
from segue.v1.job_service_pb2_grpc import add_JobServiceServicer_to_server
from segue.v1.system_service_pb2_grpc import add_SystemServiceServicer_to_server
from segue.v1.template_service_pb2_grpc import add_TemplateServiceServicer_to_server
from server.errors import CannotListenError
from server.files.serving import serving_files
from server.health import HEALTH, SERVICES, Health
from server.interceptors import interceptors
from server.options import server_options
from server.probe import RedisProbe
from server.reflection import add_reflection
from server.servicers.jobs import JobServicer
from server.servicers.system import SystemServicer
from server.servicers.templates import TemplateServicer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from server.settings import Settings

log = structlog.get_logger(__name__)

#: Sockets to Redis that the RPCs of one process share.
CONNECTIONS: Final = 32
#: The part of the grace that calls get to end by themselves; the rest is for closing down.
GRACE_OF_CALLS: Final = 0.8


@dataclass(frozen=True, slots=True)
class Serving:
    """A server that listens."""

    address: str
    """host:port, with the real port where any was asked for."""
    probe: RedisProbe

    async def ready(self) -> None:
        """Wait until Redis has answered: from then on calls can succeed."""
        await self.probe.answered()


@asynccontextmanager
async def serving(settings: Settings) -> AsyncIterator[Serving]:
    """Listen inside the block; then send watchers elsewhere, let calls end, and stop, all within the grace.

    Redis may be away: health says NOT_SERVING, and calls are told to come again, until it answers.

    Raises:
        CannotListenError: the address is taken or not ours.
    """
    url = settings.redis_url.get_secret_value()
    redis = connect(url, timeout=timedelta(seconds=settings.redis_timeout_seconds), connections=CONNECTIONS)
    async with AsyncExitStack() as resources:
        resources.push_async_callback(redis.aclose)
        hub = Hub(redis)
        resources.push_async_callback(hub.close)
        health = Health()
        probe = RedisProbe(url, health)
        resources.push_async_callback(probe.close)

        jobs = Jobs(
            redis,
            hub,
            prefix=settings.key_prefix,
            events_per_job=settings.events_per_job,
            weights=settings.tenant_weights,
        )
        server = _build(settings, jobs, TemplateStore(redis, prefix=settings.key_prefix), health)
        address = _bind(server, settings)
        await resources.enter_async_context(serving_files(settings))
        hub.start()
        probe.start()
        await server.start()
        resources.push_async_callback(_stop, server, hub, health, settings)
        log.info("server.listening", address=address, auth=settings.auth)
        yield Serving(address, probe)


def _build(settings: Settings, jobs: Jobs, templates: TemplateStore, health: Health) -> grpc.aio.Server:
    server = grpc.aio.server(interceptors=interceptors(settings), options=server_options(settings))
    add_JobServiceServicer_to_server(JobServicer(jobs, templates, settings), server)
    add_TemplateServiceServicer_to_server(TemplateServicer(templates), server)
    add_SystemServiceServicer_to_server(SystemServicer(jobs, settings), server)
    health.add_to(server)
    if settings.reflection:
        add_reflection(server, [*filter(None, SERVICES), HEALTH])
    return server


def _bind(server: grpc.aio.Server, settings: Settings) -> str:
    """Bind the address, and return it with its real port.

    Raises:
        CannotListenError: it is taken or not ours.
    """
    try:
        port = server.add_insecure_port(settings.listen)
    except RuntimeError as error:
        raise CannotListenError(
            f"cannot listen on {settings.listen}: it is taken, or not an address of ours"
        ) from error
    return f"{settings.listen.rpartition(':')[0]}:{port}"


async def _stop(server: grpc.aio.Server, hub: Hub, health: Health, settings: Settings) -> None:
    """Stop without loss: balancers learn first, then no new call comes in, then the watches leave."""
    log.info("server.stopping")
    health.drain()
    await asyncio.sleep(settings.shutdown_delay_seconds)
    # Closed before the watches are sent away: none of them can come back to this server.
    stopping = asyncio.create_task(server.stop(settings.grace_seconds * GRACE_OF_CALLS))
    await asyncio.sleep(0)
    hub.drain(timedelta(seconds=settings.drain_seconds))
    await stopping
    log.info("server.stopped")
