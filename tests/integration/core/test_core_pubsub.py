"""The connection for what is published, when it is silent."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from redis.exceptions import RedisError

from core.store import pubsub
from core.store.pubsub import answers

if TYPE_CHECKING:
    from redis.asyncio import Redis


async def test_a_silent_connection_that_answers_stays(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pubsub, "QUIET", 0.05)
    connection: Any = redis.connection_pool.make_connection()  # type: ignore[no-untyped-call]
    await connection.connect()
    await connection.send_command("SUBSCRIBE", "nothing")

    heard = [answer async for answer in _first(connection, 6)]

    assert [answer[0] for answer in heard] == [b"subscribe", *[b"pong"] * 5]
    await connection.disconnect(nowait=True)


async def test_a_connection_that_does_not_answer_is_given_up(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pubsub, "QUIET", 0.2)
    connection: Any = redis.connection_pool.make_connection()  # type: ignore[no-untyped-call]
    await connection.connect()
    await connection.send_command("SUBSCRIBE", "nothing")
    await redis.client_pause(2000)
    try:
        with pytest.raises(RedisError):
            await asyncio.wait_for(_drain(connection), 1.5)
    finally:
        await redis.client_unpause()


async def _drain(connection: Any) -> None:
    async for _ in answers(connection):
        pass


async def _first(connection: Any, count: int) -> Any:
    incoming = answers(connection)
    try:
        for _ in range(count):
            yield await anext(incoming)
    finally:
        await incoming.aclose()  # type: ignore[attr-defined]  # a generator, which answers() does not promise
