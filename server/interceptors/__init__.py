"""What every RPC of ours passes on its way in and out, outermost first."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from server.interceptors.errors import errors_answered
from server.interceptors.logging import calls_logged
from server.interceptors.pipeline import Pipeline
from server.interceptors.tenant import tenant_bound

if TYPE_CHECKING:
    from collections.abc import Sequence

    import grpc

    from server.settings import Settings


def interceptors(settings: Settings) -> Sequence[grpc.aio.ServerInterceptor]:
    """Return the interceptors of a server."""
    longest_write = timedelta(seconds=settings.watch_stuck_seconds)
    return [Pipeline([errors_answered, calls_logged, tenant_bound], longest_write=longest_write)]
