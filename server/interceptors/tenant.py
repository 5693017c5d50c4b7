"""Says whose call it is. There is one tenant until callers are authenticated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from server.tenants import bind_tenant

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from server.types import Call, Context


def tenant_bound(_method: str, call: Call) -> Call:
    """Return the call with its tenant bound."""

    async def bound(request: Any, context: Context) -> Message | None:
        bind_tenant()
        return await call(request, context)

    return bound
