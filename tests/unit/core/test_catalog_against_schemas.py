"""What the catalog says of models, held against the schemas that the emulator serves: two tables, written apart.

The provider ignores inputs that it does not know, so a misspelled one would only show in what is made.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from core.catalog.images import IMAGE_MODELS, image
from core.catalog.music import MUSIC_MODELS, music
from core.catalog.platforms import PLATFORM_RATIOS, frame_size
from core.catalog.prices import PRICES
from core.catalog.texts import ROUTED_MODELS, asked_model
from core.catalog.transition_model import Wish, transition_arguments
from core.catalog.transitions import TRANSITION_MODELS, USABLE_MODELS
from core.catalog.voices import VOICE_PROVIDERS, speech
from emulator.models.fields import validated
from emulator.models.plans import MusicPlan, VideoPlan, timing_of
from emulator.models.table import MODELS

if TYPE_CHECKING:
    from core.catalog.calls import Call
    from core.catalog.transition_model import TransitionModel

USABLE = [pytest.param(model, id=model.endpoint) for model in USABLE_MODELS]


def taken(endpoint: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments as the model reads them, all of which it must know."""
    schema = MODELS[endpoint].inputs
    assert arguments.keys() <= {row.name for row in schema}
    return validated(schema, arguments)


def answered(call: Call) -> dict[str, Any]:
    return taken(call.endpoint, call.arguments)


def wish(**fields: Any) -> Wish:
    return Wish(prompt="a day", front_image_url="https://h/a.png", tail_image_url="https://h/b.png", **fields)


@pytest.mark.parametrize("model", USABLE)
def test_each_model_knows_every_argument_that_it_is_given(model: TransitionModel) -> None:
    everything = wish(
        negative_prompt="rain" if model.takes_negative_prompt else "",
        cfg_scale=0.5 if model.takes_cfg_scale else None,
        seed=7 if model.takes_seed else None,
        generate_audio=False,
    )

    taken(model.endpoint, transition_arguments(model, everything))


@pytest.mark.parametrize("model", USABLE)
def test_each_model_makes_every_length_shape_and_size_that_it_is_said_to(model: TransitionModel) -> None:
    plan = MODELS[model.endpoint].plan
    assert isinstance(plan, VideoPlan)

    for length in (None, *model.lengths):
        values = taken(model.endpoint, transition_arguments(model, wish(length=length)))
        frames, rate = timing_of(plan, values)
        made = model.default_length if length is None else length
        # 81 frames at 16 per second are as near as Wan comes to 5 s.
        assert made is None or timedelta(seconds=frames / rate) == pytest.approx(made, abs=timedelta(seconds=0.07))
    for ratio in model.aspect_ratios:
        taken(model.endpoint, transition_arguments(model, wish(aspect_ratio=ratio)))
    for resolution in model.resolutions:
        taken(model.endpoint, transition_arguments(model, wish(resolution=resolution)))


@pytest.mark.parametrize("endpoint", TRANSITION_MODELS)
def test_the_images_of_a_transition_are_the_first_and_the_last_frame(endpoint: str) -> None:
    plan = MODELS[endpoint].plan

    assert isinstance(plan, VideoPlan)
    assert (plan.start, plan.end) == (TRANSITION_MODELS[endpoint].front_field, TRANSITION_MODELS[endpoint].tail_field)


@pytest.mark.parametrize("provider", VOICE_PROVIDERS.values(), ids=lambda provider: str(provider.name))
def test_every_provider_speaks_each_of_its_languages_with_each_of_its_voices(provider: Any) -> None:
    for language in provider.speakers or ["en", "th"]:
        speaker = provider.speaker(language)
        for voice in ("", *speaker.voices):
            call = speech(provider.name, language, voice, "Once upon a time")
            answered(call)
            assert "Once upon a time" in call.arguments.values()


@pytest.mark.parametrize("endpoint", MUSIC_MODELS)
@pytest.mark.parametrize("seconds", [0.2, 5, 5.4, 33, 200, 5000])
def test_music_of_any_length_can_be_asked_for(endpoint: str, seconds: float) -> None:
    call = music(endpoint, "calm", timedelta(seconds=seconds))

    values = answered(call)

    plan = MODELS[endpoint].plan
    assert isinstance(plan, MusicPlan)
    assert call.answer == plan.answer
    made = values[plan.seconds] / plan.per_second if plan.seconds else plan.fixed_seconds
    model = MUSIC_MODELS[endpoint]
    assert made >= min(seconds, model.longest.total_seconds())
    assert made <= model.longest.total_seconds()


@pytest.mark.parametrize("endpoint", IMAGE_MODELS)
def test_images_are_drawn_for_every_platform_and_shape(endpoint: str) -> None:
    for platform, ratios in PLATFORM_RATIOS.items():
        for ratio in ("", *ratios):
            frame = frame_size(platform, ratio)
            size = answered(image(endpoint, "a harbour", frame))["image_size"]
            assert size["width"] % 16 == size["height"] % 16 == 0
            assert size["width"] * size["height"] <= 2_000_000
            assert size["width"] / size["height"] == pytest.approx(frame.width / frame.height, rel=0.02)


@pytest.mark.parametrize("endpoint", ["fal-ai/any-llm", *ROUTED_MODELS])
def test_a_language_model_is_named_where_the_endpoint_insists(endpoint: str) -> None:
    named = asked_model(endpoint)

    taken(endpoint, {"prompt": "x", "system_prompt": "y", **({"model": named} if named else {})})


def test_every_priced_model_is_one_that_can_be_tried_here() -> None:
    assert PRICES.keys() <= MODELS.keys()
