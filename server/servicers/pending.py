"""Stands in the place of an RPC that this server does not offer yet, so that it answers so in the usual way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from core.errors import NotImplementedYetError

if TYPE_CHECKING:
    from server.types import Context


async def _refuse(_self: object, _request: Any, _context: Context) -> Any:
    raise NotImplementedYetError


#: In the place of a unary RPC of any type.
not_offered: Final[Any] = _refuse
