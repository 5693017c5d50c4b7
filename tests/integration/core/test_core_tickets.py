"""The contract with Dramatiq: its own broker and worker consume what the submit script has pushed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dramatiq
import pytest
import redis as sync_redis
from dramatiq.brokers.redis import RedisBroker
from dramatiq.message import Message

from core.store import tickets
from tests.integration.core.engine import PREFIX, eventually, submission

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.integration.core.engine import Engine

NAMESPACE = tickets.namespace(PREFIX)


@pytest.fixture
def broker(clean_redis_url: str) -> Iterator[RedisBroker]:
    """A stock broker on the keys that the scripts write."""
    with sync_redis.Redis.from_url(clean_redis_url) as client:
        broker: RedisBroker = RedisBroker(client=client, namespace=NAMESPACE)  # type: ignore[no-untyped-call]  # dramatiq's own
        yield broker
        broker.close()


async def test_the_stock_worker_consumes_the_tickets_and_leaves_nothing(broker: RedisBroker, engine: Engine) -> None:
    consumed: list[str] = []

    def work() -> None:
        consumed.append("ticket")

    dramatiq.actor(broker=broker, actor_name=tickets.ACTOR, queue_name=tickets.QUEUE)(work)
    await engine.submit_batch([submission()] * 20)
    worker = dramatiq.Worker(broker, worker_threads=2, worker_timeout=50)

    worker.start()
    try:
        await eventually(lambda: _are_consumed(consumed, 20))
        broker.join(tickets.QUEUE, timeout=30_000)
        await eventually(lambda: _nothing_is_left(engine))
    finally:
        worker.stop()
    assert await engine.redis.keys(f"{NAMESPACE}*") == [f"{NAMESPACE}:__heartbeats__".encode()]


async def _are_consumed(consumed: list[str], count: int) -> bool:
    return len(consumed) == count


async def _nothing_is_left(engine: Engine) -> bool:
    return await engine.redis.keys(f"{NAMESPACE}:{tickets.QUEUE}*") == []


async def test_a_ticket_is_a_message_that_dramatiq_reads(broker: RedisBroker, engine: Engine) -> None:
    await engine.submit()

    redis: Any = engine.redis
    ((ticket, encoded),) = (await redis.hgetall(f"{NAMESPACE}:{tickets.QUEUE}.msgs")).items()

    message: Message[None] = Message.decode(encoded)
    assert (message.queue_name, message.actor_name, message.args) == (tickets.QUEUE, tickets.ACTOR, ())
    assert message.options == {"redis_message_id": ticket.decode()}
    assert await redis.lrange(f"{NAMESPACE}:{tickets.QUEUE}", 0, -1) == [ticket]


async def test_no_more_tickets_wait_than_slots_could_ever_want(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tickets, "MOST_WAITING", 10)

    await engine.submit_batch([submission()] * 8)
    await engine.submit_batch([submission()] * 8)
    await engine.submit()

    assert await engine.tickets() == 10
