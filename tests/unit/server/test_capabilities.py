from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from core.catalog.images import DEFAULT_IMAGE_MODEL
from core.catalog.music import DEFAULT_MUSIC_MODEL
from core.catalog.subtitles import DEFAULT_SUBTITLE_STYLE
from core.catalog.transitions import TRANSITION_MODELS
from core.errors import InvalidRequestError
from server.settings import Settings
from server.translate.system import capabilities_to_proto
from server.validation.requests import check_submit_job
from tests.unit.server.asked import submit

if TYPE_CHECKING:
    from google.protobuf.descriptor import FieldDescriptor

    from segue.v1 import system_service_pb2 as pb

SETTINGS = Settings.model_validate(
    {
        "time_limit_default_seconds": 60,
        "time_limit_max_seconds": 120,
        "retention_default_seconds": 180,
        "retention_max_seconds": 240,
        "max_request_bytes": 2 << 20,
    }
)


@pytest.fixture
def capabilities() -> pb.GetCapabilitiesResponse:
    return capabilities_to_proto(SETTINGS, "1.2.3")


def test_every_limit_and_default_is_told(capabilities: pb.GetCapabilitiesResponse) -> None:
    for message in (capabilities, capabilities.limits, capabilities.defaults):
        fields: list[FieldDescriptor] = list(message.DESCRIPTOR.fields)
        assert {field.name for field in fields} == {field.name for field, _ in message.ListFields()}


def test_limits_and_defaults_follow_the_settings(capabilities: pb.GetCapabilitiesResponse) -> None:
    limits, defaults = capabilities.limits, capabilities.defaults

    assert (limits.time_limit.seconds, defaults.time_limit.seconds) == (120, 60)
    assert (limits.retention.seconds, defaults.retention.seconds) == (240, 180)
    assert limits.request_bytes == 2 << 20
    assert capabilities.version == "1.2.3"


def test_what_is_told_as_a_limit_is_accepted_and_more_is_not(capabilities: pb.GetCapabilitiesResponse) -> None:
    limits = capabilities.limits
    most = submit()
    most.spec.transition.prompt = "p" * limits.prompt_characters
    most.max_attempts = limits.attempts
    most.time_limit.CopyFrom(limits.time_limit)
    most.retention.CopyFrom(limits.retention)
    check_submit_job(most, SETTINGS)

    most.spec.transition.prompt += "p"
    most.max_attempts += 1
    most.time_limit.seconds += 1
    most.retention.seconds += 1

    with pytest.raises(InvalidRequestError) as caught:
        check_submit_job(most, SETTINGS)
    assert len(caught.value.violations) == 4


def test_every_model_that_is_told_makes_what_it_says(capabilities: pb.GetCapabilitiesResponse) -> None:
    assert {model.endpoint for model in capabilities.transition_models} < TRANSITION_MODELS.keys()
    for model in capabilities.transition_models:
        for length in model.video_lengths:
            for ratio in model.aspect_ratios or [""]:
                request = submit()
                request.spec.transition.model = model.endpoint
                request.spec.transition.aspect_ratio = ratio
                request.spec.transition.video_length.CopyFrom(length)
                check_submit_job(request, SETTINGS)


def test_every_model_that_is_told_takes_what_it_says_and_nothing_else(
    capabilities: pb.GetCapabilitiesResponse,
) -> None:
    for model in capabilities.transition_models:
        request = submit()
        spec = request.spec.transition
        spec.model = model.endpoint
        spec.resolution = model.resolutions[0] if model.resolutions else "720p"
        spec.seed, spec.cfg_scale, spec.negative_prompt, spec.generate_audio = 1, 0.5, "rain", True
        takes = {
            "resolution": bool(model.resolutions),
            "seed": model.takes_seed,
            "cfg_scale": model.takes_cfg_scale,
            "negative_prompt": model.takes_negative_prompt,
            "generate_audio": model.takes_generate_audio,
        }

        with pytest.raises(InvalidRequestError) as caught:
            check_submit_job(request, SETTINGS)

        refused = {violation.path.removeprefix("spec.transition.") for violation in caught.value.violations}
        assert refused == {name for name, taken in takes.items() if not taken}


def test_the_cost_of_the_default_length_is_told_where_it_is_known(capabilities: pb.GetCapabilitiesResponse) -> None:
    costs = {model.endpoint: model.estimated_cost for model in capabilities.transition_models}

    default = costs[capabilities.defaults.transition_model]
    assert (default.currency_code, default.micros) == ("USD", 490_000)
    assert not costs["fal-ai/vidu/start-end-to-video"].currency_code


def test_who_can_speak_is_told_with_languages_and_a_voice(capabilities: pb.GetCapabilitiesResponse) -> None:
    providers = {provider.name: provider for provider in capabilities.voice_providers}

    assert providers.keys() == {"elevenlabs", "google", "minimax", "kokoro"}
    assert capabilities.defaults.voice_provider in providers
    assert all(provider.endpoints and provider.default_voice for provider in providers.values())
    assert not providers["google"].languages  # many, chosen by the model
    assert len(providers["kokoro"].endpoints) == len(providers["kokoro"].languages) == 9


def test_the_first_of_each_list_is_the_default(capabilities: pb.GetCapabilitiesResponse) -> None:
    assert capabilities.subtitle_styles[0] == DEFAULT_SUBTITLE_STYLE.name
    assert capabilities.music_models[0] == DEFAULT_MUSIC_MODEL.endpoint
    assert capabilities.image_models[0] == DEFAULT_IMAGE_MODEL.endpoint
