"""Pauses, statistics and capabilities as clients see them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from core.catalog.images import IMAGE_MODELS
from core.catalog.music import MUSIC_MODELS
from core.catalog.prices import estimated_cost
from core.catalog.subtitles import SUBTITLE_STYLES
from core.catalog.transitions import DEFAULT_TRANSITION_MODEL, USABLE_MODELS
from core.catalog.voices import DEFAULT_VOICE_PROVIDER, VOICE_PROVIDERS
from core.job import JobKind
from core.store.control import Scope
from segue.v1 import system_service_pb2 as pb
from server.limits import (
    ATTEMPTS,
    BATCH_JOBS,
    DEFAULT_ATTEMPTS,
    DEFAULT_PRIORITY,
    PROMPT_CHARACTERS,
    SCRIPT_BYTES,
    SCRIPTS_CHARACTERS,
)
from server.translate.costs import money_to_proto
from server.translate.enums import KIND_FROM_PROTO, KIND_TO_PROTO
from server.translate.jobs import duration_to_proto, state_counts_to_proto, timestamp_to_proto

if TYPE_CHECKING:
    from collections.abc import Mapping

    from core.catalog.transition_model import TransitionModel
    from core.catalog.voices import VoiceProvider
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
        kinds=[KIND_TO_PROTO[kind] for kind in JobKind],
        transition_models=map(_model_to_proto, USABLE_MODELS),
        voice_providers=map(_voice_provider_to_proto, VOICE_PROVIDERS.values()),
        subtitle_styles=SUBTITLE_STYLES,
        music_models=MUSIC_MODELS,
        image_models=IMAGE_MODELS,
        limits=pb.Limits(
            batch_jobs=BATCH_JOBS,
            prompt_characters=PROMPT_CHARACTERS,
            script_bytes=SCRIPT_BYTES,
            batch_script_characters=SCRIPTS_CHARACTERS,
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
            voice_provider=DEFAULT_VOICE_PROVIDER,
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
    cost = estimated_cost(model.endpoint, {})
    return pb.TransitionModel(
        endpoint=model.endpoint,
        video_lengths=map(duration_to_proto, model.lengths),
        aspect_ratios=model.aspect_ratios,
        resolutions=model.resolutions,
        takes_generate_audio=model.takes_generate_audio,
        takes_seed=model.takes_seed,
        takes_cfg_scale=model.takes_cfg_scale,
        takes_negative_prompt=model.takes_negative_prompt,
        estimated_cost=None if cost is None else money_to_proto(cost),
    )


def _voice_provider_to_proto(provider: VoiceProvider) -> pb.VoiceProvider:
    return pb.VoiceProvider(
        name=provider.name,
        endpoints=provider.endpoints,
        languages=provider.speakers,
        default_voice=provider.default_voice,
    )
