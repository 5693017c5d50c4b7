"""What the scripts and the domain both know, they know alike."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from core.job import TERMINAL, JobState, priority_class, rank_of
from core.store import scripts

if TYPE_CHECKING:
    from redis.asyncio import Redis


async def evaluate(redis: Redis, expression: str, *arguments: object) -> Any:
    """Evaluate a Lua expression after the prelude."""
    source = (files(scripts) / "prelude.lua").read_text() + f"\nreturn {expression}"
    client: Any = redis
    return await client.eval(source, 1, "{test}", *arguments)


async def test_the_classes_of_priorities_are_the_same(redis: Redis) -> None:
    for priority in range(1, 11):
        assert await evaluate(redis, "class_of(ARGV[1])", priority) == priority_class(priority)


async def test_the_ranks_are_the_same(redis: Redis) -> None:
    when = datetime(2026, 7, 1, 12, 0, 0, 123_000, tzinfo=UTC)

    for priority in (1, 5, 10):
        rank = await evaluate(redis, "rank_of(ARGV[1], ARGV[2])", priority, round(when.timestamp() * 1000))
        assert int(rank) == rank_of(priority, when)


async def test_the_final_states_are_the_same(redis: Redis) -> None:
    for state in JobState:
        assert await evaluate(redis, "is_terminal(ARGV[1]) and 1 or 0", state) == int(state in TERMINAL)


async def test_a_word_is_found_in_a_list_only_as_a_whole(redis: Redis) -> None:
    for word, expected in (("held", 1), ("pending", 1), ("pend", 0), ("", 0)):
        assert await evaluate(redis, "listed('held,pending', ARGV[1]) and 1 or 0", word) == expected


async def test_without_a_given_time_the_clock_is_the_one_of_redis(redis: Redis) -> None:
    before = await redis.time()

    now = await evaluate(redis, "clock(0)")

    after = await redis.time()
    assert before[0] * 1000 <= now < (after[0] + 1) * 1000
