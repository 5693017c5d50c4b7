"""Puts a worker process together, and takes it apart so that no paid work is lost."""

from __future__ import annotations

import asyncio
import signal
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import TYPE_CHECKING, Final
from uuid import uuid4

import structlog

from core.store.attempts import AttemptStore, KindRule, Policy
from core.store.connection import connect
from core.store.jobs import JobStore
from core.tasks import ended
from workers import control
from workers.actors import declare, redis_broker
from workers.artifacts.factory import keep_swept, open_store
from workers.async_worker import AsyncWorker
from workers.attempts import Attempts, RetryPolicy
from workers.fal.gateway import FalGateway
from workers.media.tools import media_tools
from workers.polling import PollPolicy
from workers.recipes import RECIPES, UNPAID
from workers.studio import Studio
from workers.sweeper import sweep

if TYPE_CHECKING:
    from collections.abc import Callable

    from redis.asyncio import Redis

    from workers.settings import WorkerSettings

log = structlog.get_logger(__name__)

#: Connections to Redis that the attempts of a process share.
CONNECTIONS: Final = 32


async def serve(settings: WorkerSettings, *, ready: Callable[[str], None]) -> None:
    """Work until SIGTERM or SIGINT, then give running jobs back to their places and return.

    Args:
        ready: called with the worker's id once it takes jobs.
    """
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stopping.set)
    url = settings.redis_url.get_secret_value()
    async with AsyncExitStack() as stack:
        redis = connect(url, timeout=timedelta(seconds=settings.redis_timeout_seconds), connections=CONNECTIONS)
        stack.push_async_callback(redis.aclose)
        gateway = FalGateway(
            key=settings.key,
            base_url=str(settings.fal_base_url) if settings.fal_base_url else None,
        )
        stack.push_async_callback(gateway.aclose)
        studio = _studio(settings, redis, gateway, stack)
        attempts = _attempts(settings, _store(settings, redis), gateway, studio)
        background = [
            asyncio.create_task(work)
            for work in (
                studio.media.rooms.keep_swept(),
                keep_swept(studio.store),
                attempts.keep_leases(),
                sweep(attempts.store, lease=settings.lease),
                control.listen(redis, attempts.store.keys.control, attempts.cancel),
            )
        ]
        stack.push_async_callback(ended, *background)
        for task in background:
            # Without its heartbeat a worker only does harm.
            task.add_done_callback(lambda _: stopping.set())
        broker = redis_broker(url, prefix=settings.key_prefix)
        stack.callback(broker.client.connection_pool.disconnect)
        declare(broker, attempts.work)
        worker = AsyncWorker(
            broker, loop=loop, slots=settings.worker_slots, poll_milliseconds=settings.queue_poll_milliseconds
        )
        await loop.run_in_executor(None, worker.start)
        ready(attempts.worker)
        await stopping.wait()
        log.info("worker.stopping", running=attempts.running)
        await _stop(worker, attempts, grace=settings.grace_seconds)
        for task in background:
            if task.done():
                task.result()


def policy_of(settings: WorkerSettings) -> Policy:
    """Return what the scheduler goes by."""
    return Policy(
        provider_slots=settings.fal_concurrency,
        tenant_cap=settings.tenant_concurrency,
        weights=settings.tenant_weights,
        floor=settings.lower_class_every,
        kinds={
            kind: KindRule(cap=settings.kind_concurrency.get(kind, 0), needs_provider=kind not in UNPAID)
            for kind in RECIPES
        },
    )


def _store(settings: WorkerSettings, redis: Redis) -> AttemptStore:
    return AttemptStore(
        redis,
        prefix=settings.key_prefix,
        events_per_job=settings.events_per_job,
        lease=settings.lease,
        policy=policy_of(settings),
    )


def _studio(settings: WorkerSettings, redis: Redis, gateway: FalGateway, stack: AsyncExitStack) -> Studio:
    """Open the tools of recipes that work on media, until the end of *stack*."""
    base_url = str(settings.fal_base_url) if settings.fal_base_url else None
    return Studio(
        media=stack.enter_context(media_tools(settings, fal_base_url=base_url)),
        store=open_store(settings, uploads=gateway.uploads),
        download_bytes=settings.download_bytes,
        jobs=JobStore(redis, prefix=settings.key_prefix, events_per_job=settings.events_per_job),
    )


def _attempts(settings: WorkerSettings, store: AttemptStore, gateway: FalGateway, studio: Studio) -> Attempts:
    return Attempts(
        store=store,
        gateway=gateway,
        studio=studio,
        worker=f"{settings.worker_name}-{uuid4().hex[:8]}",
        lease=settings.lease,
        polls=PollPolicy(
            first=timedelta(seconds=settings.poll_seconds), longest=timedelta(seconds=settings.poll_max_seconds)
        ),
        retries=RetryPolicy(
            first=timedelta(seconds=settings.retry_delay_seconds),
            longest=timedelta(seconds=settings.retry_delay_max_seconds),
        ),
    )


async def _stop(worker: AsyncWorker, attempts: Attempts, *, grace: float) -> None:
    """Stop in the order that loses nothing: no more tickets, then the jobs back, then the last acknowledgements."""
    loop = asyncio.get_running_loop()
    # Before the jobs go back: or this process would take the tickets that go with them, and spend them on nothing.
    await loop.run_in_executor(None, worker.stop_consuming)
    attempts.interrupt()
    if worker.tasks:
        _, late = await asyncio.wait(worker.tasks, timeout=grace)
        if late:
            # Their leases run out, and other workers go on from the ledger.
            log.warning("worker.left_behind", attempts=len(late))
    await loop.run_in_executor(None, worker.stop)
