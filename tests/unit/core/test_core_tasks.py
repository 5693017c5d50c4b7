"""Work side by side that ends for certain."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from core.tasks import ended, heed_cancellation, together

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


async def answers(value: int, *, after: float = 0) -> int:
    await asyncio.sleep(after)
    return value


async def fails() -> int:
    raise LookupError


async def deaf(heard: asyncio.Event) -> int:
    """Drop the first cancellation, as asyncio.wait_for may before Python 3.12."""
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        heard.set()
    await asyncio.sleep(60)
    return 0


async def test_the_answers_come_in_the_order_of_the_questions() -> None:
    assert await together([answers(1, after=0.02), answers(2)]) == [1, 2]
    assert await together([]) == []


async def test_the_error_comes_as_it_is_when_the_others_have_ended() -> None:
    heard = asyncio.Event()

    async with asyncio.timeout(30):
        with pytest.raises(LookupError):
            await together([deaf(heard), fails()])

    assert heard.is_set()
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_cancellation_ends_those_that_drop_one() -> None:
    heard = asyncio.Event()
    working = asyncio.create_task(together([deaf(heard), answers(1, after=60)]))
    await asyncio.sleep(0)  # let it begin

    async with asyncio.timeout(30):
        await ended(working)

    assert working.cancelled()
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_cancellation_that_was_dropped_is_heeded_later() -> None:
    heard = asyncio.Event()

    async def work() -> AsyncIterator[None]:
        heed_cancellation()
        yield
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            heard.set()
        heed_cancellation()
        yield

    async def all_of_it() -> int:
        return len([step async for step in work()])

    working = asyncio.create_task(all_of_it())
    await asyncio.sleep(0)  # let it begin
    working.cancel()

    with pytest.raises(asyncio.CancelledError):
        await working
    assert heard.is_set()
