"""Pauses, statistics and capabilities as clients see them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from core.catalog.transitions import DEFAULT_TRANSITION_MODEL, USABLE_MODELS
from core.store.control import Scope
from segue.v1 import system_service_pb2 as pb
from server.limits import (
    ATTEMPTS,
    BATCH_JOBS,
    DEFAULT_ATTEMPTS,
    DEFAULT_PRIORITY,
    PROMPT_CHARACTERS,
    SCRIPT_BYTES,
    SERVED_KINDS,
)
from server.translate.enums import KIND_FROM_PROTO, KIND_TO_PROTO
from server.translate.jobs import duration_to_proto, state_counts_to_proto, timestamp_to_proto

if TYPE_CHECKING:
    from collections.abc import Mapping

    from core.catalog.transition_model import TransitionModel
    from core.job import JobState, Tenant
    from server.settings import Settings


def scope_from_proto(scope: pb.SchedulingScope, tenant: Tenant) -> Scope:
    """Return what a tenant wants to pause or resume. It has been checked (server.validation.scopes)."""
    if scope.tenant:
        return Scope(tenant=tenant)
    return Scope() if scope.everything else Scope(kind=KIND_FROM_PROTO[scope.kind])


def pauses_to_proto(pauses: Mapping[Scope, datetime]) -> list[pb.Pause]:
    """Return what is paused, and since when."""
    return [
        pb.Pause(scope=_scope_to_proto(scope), pause_time=timestamp_to_proto(since)) for scope, since in pauses.items()
    ]


def stats_to_proto(counts: Mapping[JobState, int], pauses: Mapping[Scope, datetime]) -> pb.GetStatsResponse:
    """Return the numbers of a tenant, counted now."""
    return pb.GetStatsResponse(
        state_counts=state_counts_to_proto(counts),
        job_count=sum(counts.values()),
        count_time=timestamp_to_proto(datetime.now(UTC)),
        pauses=pauses_to_proto(pauses),
    )


def capabilities_to_proto(settings: Settings, version: str) -> pb.GetCapabilitiesResponse:
    """Return what a server with these settings can do."""
    return pb.GetCapabilitiesResponse(
        version=version,
        kinds=[KIND_TO_PROTO[kind] for kind in SERVED_KINDS],
        transition_models=map(_model_to_proto, USABLE_MODELS),
        limits=pb.Limits(
            batch_jobs=BATCH_JOBS,
            prompt_characters=PROMPT_CHARACTERS,
            script_bytes=SCRIPT_BYTES,
            request_bytes=settings.max_request_bytes,
            time_limit=duration_to_proto(settings.time_limit_max),
            retention=duration_to_proto(settings.retention_max),
            attempts=ATTEMPTS[1],
        ),
        defaults=pb.Defaults(
            priority=DEFAULT_PRIORITY,
            time_limit=duration_to_proto(settings.time_limit_default),
            retention=duration_to_proto(settings.retention_default),
            attempts=DEFAULT_ATTEMPTS,
            transition_model=DEFAULT_TRANSITION_MODEL.endpoint,
        ),
    )


def _scope_to_proto(scope: Scope) -> pb.SchedulingScope:
    if scope.tenant is not None:
        return pb.SchedulingScope(tenant=True)
    return (
        pb.SchedulingScope(everything=True)
        if scope.kind is None
        else pb.SchedulingScope(kind=KIND_TO_PROTO[scope.kind])
    )


def _model_to_proto(model: TransitionModel) -> pb.TransitionModel:
    return pb.TransitionModel(
        endpoint=model.endpoint,
        video_lengths=map(duration_to_proto, model.lengths),
        aspect_ratios=model.aspect_ratios,
    )
