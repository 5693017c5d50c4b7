"""SystemService: what the service can do and how it is doing."""

from __future__ import annotations

from segue.v1.system_service_pb2_grpc import SystemServiceServicer
from server.servicers.pending import not_offered


class SystemServicer(SystemServiceServicer):
    """Answers questions about the service."""

    GetStats = not_offered
    ListWorkers = not_offered
    PauseScheduling = not_offered
    ResumeScheduling = not_offered
    GetCapabilities = not_offered
