"""A watch from its opening to its end: what the follower tells, and the word that it goes on elsewhere."""

from __future__ import annotations

import asyncio
import random
from contextlib import aclosing
from datetime import timedelta
from typing import TYPE_CHECKING, Final, TypeVar

from core.errors import DrainingError
from core.events.feed import Told

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from server.telling import Teller

#: How far the end of a watch may lie from its greatest age, as a part of it: watches opened together end apart.
JITTER: Final = 0.2
#: The longest wait before a watch that grew too old comes back.
RETURN_WITHIN: Final = timedelta(seconds=1)

ItemT = TypeVar("ItemT", bound=Told)


async def watched(
    following: AsyncGenerator[ItemT, None], teller: Teller, *, after: int, max_age: timedelta
) -> AsyncGenerator[bytes, None]:
    """Yield what is followed as serialised messages of a watch; end like it, or about at *max_age*.

    The age is looked at with every message, and a quiet watch has its heartbeats.

    Raises:
        DrainingError: the watch goes on elsewhere, as its last message has said.
    """
    clock, message = asyncio.get_running_loop().time, teller.message
    end = clock() + max_age.total_seconds() * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - spreads load
    sequence = after
    try:
        async with aclosing(following) as items:
            async for item in items:
                yield message(item)
                sequence = item.sequence
                if clock() >= end and not item.is_final:
                    _leave()
    except DrainingError as error:
        yield teller.draining(sequence, error.retry_after)
        raise


def _leave() -> None:
    """End a watch that has grown too old.

    Raises:
        DrainingError: always.
    """
    raise DrainingError(retry_after=random.random() * RETURN_WITHIN)  # noqa: S311 - spreads load
