"""Dramatiq's side of the worker: one actor, which gives the slot that a ticket stands for to the jobs that wait."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dramatiq
import redis
from dramatiq.brokers.redis import RedisBroker
from redis.backoff import ExponentialWithJitterBackoff
from redis.retry import Retry

from core.store import tickets

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from dramatiq import Broker


def redis_broker(url: str, *, prefix: str) -> RedisBroker:
    """Return the broker of tickets on a client that waits and retries.

    Dramatiq's own clients raise when their pool is exhausted and, with `url=`, never retry (redis-py 8). Its
    maintenance is off: it runs KEYS, and what it would rescue, tickets, needs no rescue (sweep.lua).
    """
    pool = redis.BlockingConnectionPool.from_url(
        url,
        max_connections=16,
        timeout=30,
        socket_timeout=30,
        socket_connect_timeout=5,
        protocol=2,
        retry=Retry(ExponentialWithJitterBackoff(base=0.05, cap=2), 10),
        retry_on_error=[redis.ConnectionError, redis.TimeoutError],
    )
    client = redis.Redis(connection_pool=pool)
    broker: RedisBroker = RedisBroker(  # type: ignore[no-untyped-call]
        client=client, middleware=[], namespace=tickets.namespace(prefix), maintenance_chance=0
    )
    return broker


def declare(broker: Broker, work: Callable[[], Awaitable[None]]) -> None:
    """Register *work* as the actor that tickets are for. Tickets are never retried: the sweeper makes new ones."""
    dramatiq.actor(broker=broker, queue_name=tickets.QUEUE, actor_name=tickets.ACTOR)(work)
