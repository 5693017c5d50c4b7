"""grpc.health.v1, written anew because one client that opens Watch and never reads can block grpc's own servicer.

Here a watcher only looks at the present status when it is woken; nothing is sent under a lock and nobody waits for it.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import grpc
from grpc_health.v1 import health_pb2
from grpc_health.v1.health_pb2_grpc import (
    add_HealthServicer_to_server,
)

from segue.v1 import job_service_pb2, system_service_pb2, template_service_pb2

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from server.types import Context

#: The name of the service itself, for reflection.
HEALTH: Final[str] = health_pb2.DESCRIPTOR.services_by_name["Health"].full_name
#: What can be asked for; "" is the server as a whole. All share one fate: each needs Redis.
SERVICES: Final = (
    "",
    job_service_pb2.DESCRIPTOR.services_by_name["JobService"].full_name,
    system_service_pb2.DESCRIPTOR.services_by_name["SystemService"].full_name,
    template_service_pb2.DESCRIPTOR.services_by_name["TemplateService"].full_name,
)


class Health:
    """Whether this server should be given work, and who wants to know."""

    def __init__(self) -> None:
        self._store_answers = False
        self._draining = False
        self._watchers: set[asyncio.Event] = set()

    def add_to(self, server: grpc.aio.Server) -> None:
        """Offer the health service on *server*."""
        add_HealthServicer_to_server(self, server)

    def set_store(self, *, answers: bool) -> None:
        """Note whether Redis answers."""
        if answers is not self._store_answers:
            self._store_answers = answers
            self._wake()

    def drain(self) -> None:
        """Say NOT_SERVING from now on, and end the watches."""
        self._draining = True
        self._wake()

    async def Check(  # noqa: N802 - the contract's name
        self, request: health_pb2.HealthCheckRequest, context: Context
    ) -> health_pb2.HealthCheckResponse:
        """Return the status of one service."""
        if request.service not in SERVICES:
            await context.abort(grpc.StatusCode.NOT_FOUND, "There is no such service.")
        return health_pb2.HealthCheckResponse(status=self._status(request.service))

    async def Watch(  # noqa: N802 - the contract's name
        self, request: health_pb2.HealthCheckRequest, context: Context
    ) -> AsyncGenerator[health_pb2.HealthCheckResponse, None]:
        """Stream the status of one service, now and after each change."""
        changed = asyncio.Event()
        self._watchers.add(changed)
        try:
            sent = None
            while True:
                changed.clear()
                status = self._status(request.service)
                if status != sent:
                    yield health_pb2.HealthCheckResponse(status=status)
                    sent = status
                elif self._draining:
                    break
                else:
                    await changed.wait()
        finally:
            self._watchers.discard(changed)
        await context.abort(grpc.StatusCode.UNAVAILABLE, "This server is about to stop.")

    def _status(self, service: str) -> int:
        status = health_pb2.HealthCheckResponse.ServingStatus
        if service not in SERVICES:
            return int(status.SERVICE_UNKNOWN)
        return int(status.SERVING if self._store_answers and not self._draining else status.NOT_SERVING)

    def _wake(self) -> None:
        for changed in self._watchers:
            changed.set()
