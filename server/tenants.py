"""Whose call it is."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Final

from core.job import DEFAULT_TENANT, Tenant

#: Each RPC runs in a context of its own, so a value set for one call is never seen by another.
_TENANT: Final[ContextVar[Tenant]] = ContextVar("tenant")


def current_tenant() -> Tenant:
    """Return the tenant whose call is being served."""
    return _TENANT.get()


def bind_tenant(tenant: Tenant = DEFAULT_TENANT) -> None:
    """Let the rest of this call be for *tenant*; never undone: the call's context ends with it."""
    _TENANT.set(tenant)
