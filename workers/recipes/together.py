"""Several pieces of a recipe's work at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, cast

from core.tasks import together

if TYPE_CHECKING:
    from collections.abc import Coroutine

__all__ = ["both", "together"]

ItemT = TypeVar("ItemT")
OtherT = TypeVar("OtherT")


async def both(one: Coroutine[Any, Any, ItemT], other: Coroutine[Any, Any, OtherT]) -> tuple[ItemT, OtherT]:
    """Return what both return; when one fails, end the other and raise its error."""
    pieces: list[Coroutine[Any, Any, ItemT | OtherT]] = [one, other]
    first, second = await together(pieces)
    return cast("ItemT", first), cast("OtherT", second)
