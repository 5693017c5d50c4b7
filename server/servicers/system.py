"""SystemService: what the service can do, how it is doing, and whether it starts jobs."""

from __future__ import annotations

from importlib import metadata
from typing import TYPE_CHECKING

from segue.v1 import system_service_pb2 as pb
from segue.v1.system_service_pb2_grpc import SystemServiceServicer
from server.servicers.pending import not_offered
from server.tenants import current_tenant
from server.translate.system import capabilities_to_proto, pauses_to_proto, scope_from_proto, stats_to_proto
from server.validation.scopes import check_scope

if TYPE_CHECKING:
    from core.jobs import Jobs
    from server.settings import Settings
    from server.types import Context


class SystemServicer(SystemServiceServicer):
    """Answers questions about the service; what counts jobs counts those of the caller's tenant."""

    def __init__(self, jobs: Jobs, settings: Settings) -> None:
        self._jobs = jobs
        self._capabilities = capabilities_to_proto(settings, metadata.version("segue"))

    async def GetStats(self, request: pb.GetStatsRequest, context: Context) -> pb.GetStatsResponse:
        """Return how many jobs stand in which state, and what is paused."""
        tenant = current_tenant()
        return stats_to_proto(await self._jobs.counts(tenant), await self._jobs.pauses(tenant))

    async def PauseScheduling(self, request: pb.PauseSchedulingRequest, context: Context) -> pb.PauseSchedulingResponse:
        """Start no more jobs of a scope."""
        check_scope(request.scope)
        await self._jobs.pause(scope_from_proto(request.scope, current_tenant()))
        return pb.PauseSchedulingResponse(pauses=pauses_to_proto(await self._jobs.pauses(current_tenant())))

    async def ResumeScheduling(
        self, request: pb.ResumeSchedulingRequest, context: Context
    ) -> pb.ResumeSchedulingResponse:
        """Start jobs of a scope again."""
        check_scope(request.scope)
        await self._jobs.resume(scope_from_proto(request.scope, current_tenant()))
        return pb.ResumeSchedulingResponse(pauses=pauses_to_proto(await self._jobs.pauses(current_tenant())))

    async def GetCapabilities(self, request: pb.GetCapabilitiesRequest, context: Context) -> pb.GetCapabilitiesResponse:
        """Return the kinds, models, limits and defaults."""
        return self._capabilities

    ListWorkers = not_offered
