"""Several pieces of a recipe's work at once."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine, Iterable

ItemT = TypeVar("ItemT")
OtherT = TypeVar("OtherT")


async def together(coroutines: Iterable[Coroutine[Any, Any, ItemT]]) -> list[ItemT]:
    """Return what the coroutines return, in their order; when one fails, end the others and raise its error."""
    async with _group() as group:
        tasks = [group.create_task(coroutine) for coroutine in coroutines]
    return [task.result() for task in tasks]


async def both(one: Coroutine[Any, Any, ItemT], other: Coroutine[Any, Any, OtherT]) -> tuple[ItemT, OtherT]:
    """Return what both return; when one fails, end the other and raise its error."""
    async with _group() as group:
        first, second = group.create_task(one), group.create_task(other)
    return first.result(), second.result()


@asynccontextmanager
async def _group() -> AsyncIterator[asyncio.TaskGroup]:
    """Give a group of tasks whose first failure comes as it is: it is the failure of the job."""
    try:
        async with asyncio.TaskGroup() as group:
            yield group
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
