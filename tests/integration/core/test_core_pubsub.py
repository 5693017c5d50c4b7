"""The connection for what is published, when it is silent."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import TYPE_CHECKING, Any

import pytest
from redis.exceptions import RedisError

from core.store import pubsub
from core.store.connection import connect
from core.store.pubsub import answers
from devstack.redis import RedisServer
from tests.integration.core.engine import TIMEOUT

if TYPE_CHECKING:
    from pathlib import Path

    from redis.asyncio import Redis


class Leisurely:
    """A connection on which a PING takes until it is answered: however busy Redis is, that comes in time."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self.answered = asyncio.Event()

    async def send_command(self, name: str) -> None:
        self.answered.clear()
        await self._connection.send_command(name)
        await self.answered.wait()

    async def read_response(self, **options: Any) -> Any:
        return await self._connection.read_response(**options)

    async def disconnect(self, **options: Any) -> None:
        await self._connection.disconnect(**options)


async def subscribed(redis: Redis) -> Any:
    """Return a connection that is subscribed to what nobody publishes."""
    connection: Any = redis.connection_pool.make_connection()  # type: ignore[no-untyped-call]
    await connection.connect()
    await connection.send_command("SUBSCRIBE", "nothing")
    return connection


async def test_a_silent_connection_that_answers_stays(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pubsub, "QUIET", 0.05)
    connection = await subscribed(redis)

    heard = [answer async for answer in _first(Leisurely(connection), 6)]

    assert [answer[0] for answer in heard] == [b"subscribe", *[b"pong"] * 5]
    await connection.disconnect(nowait=True)


async def test_a_connection_that_does_not_answer_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pubsub, "QUIET", 0.2)
    server = RedisServer(tmp_path)
    await server.start()
    redis = connect(server.url, timeout=TIMEOUT)
    connection = await subscribed(redis)
    assert server.process
    os.kill(server.process.pid, signal.SIGSTOP)
    try:
        with pytest.raises(RedisError):
            await asyncio.wait_for(_drain(connection), 30)
    finally:
        os.kill(server.process.pid, signal.SIGCONT)
        await redis.aclose()
        await server.stop()


async def _drain(connection: Any) -> None:
    async for _ in answers(connection):
        pass


async def _first(connection: Leisurely, count: int) -> Any:
    incoming = answers(connection)
    try:
        for _ in range(count):
            yield await anext(incoming)
            connection.answered.set()
    finally:
        await incoming.aclose()  # type: ignore[attr-defined]  # a generator, which answers() does not promise
