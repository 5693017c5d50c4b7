"""The connection that all commands of a process share: each gets its own answer, whatever happens around it."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import pytest
from redis.asyncio import Redis as PlainRedis
from redis.exceptions import ConnectionError, ResponseError, TimeoutError  # noqa: A004

from core.store.connection import connect
from core.tasks import ended
from devstack.redis import RedisServer
from tests.integration.core.engine import TIMEOUT, eventually
from tests.quickest import quickest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from redis.asyncio import Redis

#: A script that returns its argument; ever again, it would be another one's if answers were mixed up.
ECHO: Final = "return ARGV[1]"
SHORT: Final = timedelta(seconds=0.3)


@pytest.fixture
async def other(clean_redis_url: str) -> AsyncIterator[PlainRedis]:
    """A client of redis-py's own, to disturb and to compare."""
    async with PlainRedis.from_url(clean_redis_url, protocol=2) as client:
        yield client


@pytest.fixture
async def own_server(tmp_path: Path) -> AsyncIterator[RedisServer]:
    """A Redis to be killed and started again."""
    server = RedisServer(tmp_path)
    await server.start()
    yield server
    await server.stop()


async def _kill_connections(client: PlainRedis) -> None:
    await client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")  # type: ignore[no-untyped-call]


async def test_many_commands_share_one_connection(redis: Redis, other: PlainRedis) -> None:
    await other.hset("job", "state", "held")
    before = len(await other.client_list())

    answers = await asyncio.gather(*(redis.hgetall("job") for _ in range(200)))

    assert answers == [{b"state": b"held"}] * 200
    assert len(await other.client_list()) == before + 1


async def test_answers_are_those_of_redis_py(redis: Redis, other: PlainRedis) -> None:
    await other.zadd("set", {"a": 0, "b": 0, "c": 0})
    await other.xadd("log", {"e": "1"}, id="1-0")
    await other.hset("hash", mapping={"field": "value"})

    async def asked(client: Any) -> list[Any]:
        return [
            await client.zrevrangebylex("set", "+", "-", start=0, num=2),
            await client.zmscore("set", ["a", "z"]),
            await client.zrange("set", 0, -1, withscores=True),
            await client.xrange("log", "-", "+"),
            await client.hgetall("hash"),
            await client.hmget("hash", ["field", "none"]),
            await client.get("nothing"),
            await client.exists("set"),
        ]

    assert await asked(redis) == await asked(other)


@pytest.mark.parametrize("transaction", [False, True])
async def test_a_pipeline_returns_each_answer_and_raises_the_first_refusal(
    redis: Redis, other: PlainRedis, *, transaction: bool
) -> None:
    await other.hset("hash", "field", "value")
    pipeline = redis.pipeline(transaction=transaction)
    pipeline.hgetall("hash")
    pipeline.zcard("none")
    assert await pipeline.execute() == [{b"field": b"value"}, 0]

    refused = redis.pipeline(transaction=transaction)
    refused.hget("hash", "field")
    refused.zcard("hash")
    with pytest.raises(ResponseError, match="WRONGTYPE"):
        await refused.execute()

    assert await redis.hget("hash", "field") == b"value"


async def test_a_refused_command_leaves_the_others_their_answers(redis: Redis, other: PlainRedis) -> None:
    await other.set("text", "value")

    answers = await asyncio.gather(
        *(redis.hgetall("text") if number % 2 else redis.get("text") for number in range(20)), return_exceptions=True
    )

    assert [isinstance(answer, ResponseError) for answer in answers] == [False, True] * 10
    assert answers[::2] == [b"value"] * 10


async def test_a_script_that_redis_has_forgotten_is_loaded_again(redis: Redis, other: PlainRedis) -> None:
    echo = redis.register_script(ECHO)
    assert await echo(args=["1"]) == b"1"
    await other.script_flush()

    assert await echo(args=["2"]) == b"2"


async def test_every_caller_gets_its_own_answer_under_cancellations_and_killed_connections(
    redis: Redis, other: PlainRedis
) -> None:
    echo, chance = redis.register_script(ECHO), random.Random(7)  # noqa: S311 - no secret
    await echo(args=[""])
    wrong: list[tuple[str, object]] = []
    answered = 0
    asked = [0] * 40

    async def caller(name: int) -> None:
        nonlocal answered
        for number in range(1, 151):
            asked[name] = number
            word = f"{name}-{number}" + "x" * chance.choice([0, 100, 70_000])
            try:
                async with asyncio.timeout(chance.choice([None, None, 0, 0.0005, 0.002])):
                    answer = await echo(args=[word])
            except asyncio.TimeoutError:  # noqa: UP041 - not redis's
                continue
            if answer != word.encode():
                wrong.append((word[:20], answer))
            answered += 1

    async def killer() -> None:
        while True:
            before = asked.copy()

            async def all_have_gone_on() -> bool:
                return all(now > then for now, then in zip(asked, before, strict=True))  # noqa: B023 - of this round

            # However slow the machine is, no command is cut off as often as makes it fail.
            await eventually(all_have_gone_on)
            await _kill_connections(other)

    killing = asyncio.create_task(killer())
    await asyncio.gather(*map(caller, range(len(asked))))
    await ended(killing)

    assert wrong == []
    assert answered > 1000
    assert await echo(args=["after"]) == b"after"
    assert len(await other.client_list()) == 2


async def test_a_redis_that_was_restarted_is_found_again(own_server: RedisServer) -> None:
    redis = connect(own_server.url, timeout=TIMEOUT)
    await redis.hsetnx("hash", "field", "value")

    await own_server.kill()
    await own_server.start()

    assert await redis.hget("hash", "field") == b"value"
    await redis.aclose()


async def test_a_redis_that_is_away_is_told_of_soon(own_server: RedisServer) -> None:
    redis = connect(own_server.url, timeout=TIMEOUT)
    await own_server.stop()

    answers = await asyncio.gather(*(redis.get("key") for _ in range(50)), return_exceptions=True)

    assert {type(answer) for answer in answers} == {ConnectionError}
    await redis.aclose()


async def test_a_silent_redis_is_given_up_and_a_quiet_line_is_not(own_server: RedisServer) -> None:
    redis, watching = connect(own_server.url, timeout=SHORT), PlainRedis.from_url(own_server.url)

    async def answers() -> bool:
        with suppress(TimeoutError):  # it may have to wait for the processor for longer than SHORT
            return await redis.get("key") is None
        return False

    async def lost_by_silence() -> float:
        await eventually(answers)
        before = int((await watching.info("stats"))["total_connections_received"])
        await asyncio.sleep(SHORT.total_seconds() * 1.5)  # owing nothing, it may be silent
        await eventually(answers)
        return int((await watching.info("stats"))["total_connections_received"]) - before

    assert await quickest(lost_by_silence, enough=0) == 0

    _freeze(own_server, signal.SIGSTOP)
    with pytest.raises(TimeoutError):
        await redis.get("key")
    _freeze(own_server, signal.SIGCONT)

    await eventually(answers)
    await redis.aclose()
    await watching.aclose()


async def test_closing_fails_what_has_no_answer_and_leaves_nothing_behind(own_server: RedisServer) -> None:
    redis = connect(own_server.url, timeout=TIMEOUT)
    await redis.get("key")
    _freeze(own_server, signal.SIGSTOP)
    asking = asyncio.create_task(_get(redis))
    await asyncio.sleep(0.05)

    asking.cancel()
    await asyncio.wait([asking])
    await redis.aclose()
    _freeze(own_server, signal.SIGCONT)

    assert not [task for task in asyncio.all_tasks() if task.get_name().startswith("redis-line")]


def _freeze(server: RedisServer, how: signal.Signals) -> None:
    assert server.process
    os.kill(server.process.pid, how)


async def _get(redis: Redis) -> object:
    return await redis.get("key")
