"""A spec becomes the arguments that its model wants, and nothing that it does not know."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from google.protobuf.struct_pb2 import Struct

from core.catalog.transitions import TRANSITION_MODELS
from segue.v1.spec_pb2 import TransitionSpec, TransitionType
from workers.recipes.arguments import PLAIN_PROMPT, STYLES, arguments_of, prompt_of
from workers.recipes.model import object_of

if TYPE_CHECKING:
    from core.catalog.transition_model import TransitionModel

MODELS = [pytest.param(model, id=model.endpoint) for model in TRANSITION_MODELS.values()]


@pytest.mark.parametrize("model", MODELS)
def test_each_model_gets_its_images_under_its_own_names(model: TransitionModel) -> None:
    spec = TransitionSpec(
        model=model.endpoint, front_image_url="https://h/a", tail_image_url="https://h/b", prompt="A day"
    )

    arguments = arguments_of(spec)

    tail = {model.tail_field: "https://h/b"} if model.tail_field else {}
    assert arguments == {"prompt": "A day", model.front_field: "https://h/a", **tail}


@pytest.mark.parametrize("model", MODELS)
def test_each_length_takes_the_form_that_the_model_knows(model: TransitionModel) -> None:
    for length, asked in model.lengths.items():
        spec = TransitionSpec(model=model.endpoint)
        spec.video_length.FromTimedelta(length)

        assert arguments_of(spec).items() >= asked.items()


@pytest.mark.parametrize(
    ("endpoint", "seconds", "asked"),
    [
        ("fal-ai/kling-video/v2.5-turbo/pro/image-to-video", 10, {"duration": "10"}),
        ("fal-ai/kling-video/v3/pro/image-to-video", 15, {"duration": "15"}),
        ("fal-ai/veo3.1/fast/first-last-frame-to-video", 6, {"duration": "6s"}),
        ("fal-ai/luma-dream-machine/ray-2/image-to-video", 9, {"duration": "9s"}),
        ("fal-ai/ltx-2.3/image-to-video", 8, {"duration": 8}),
        ("fal-ai/wan-flf2v", 6, {"num_frames": 96}),
        ("fal-ai/minimax/hailuo-02/pro/image-to-video", 6, {}),
    ],
)
def test_a_length_is_asked_for_in_the_words_of_the_model(endpoint: str, seconds: int, asked: dict[str, Any]) -> None:
    spec = TransitionSpec(model=endpoint)
    spec.video_length.FromSeconds(seconds)

    arguments = arguments_of(spec)

    assert {name: arguments[name] for name in arguments if name in {"duration", "num_frames"}} == asked


def test_what_the_spec_says_goes_to_the_model_and_what_it_leaves_open_does_not() -> None:
    spec = TransitionSpec(negative_prompt="blur", aspect_ratio="16:9", cfg_scale=0.3)

    assert arguments_of(spec) == {
        "prompt": PLAIN_PROMPT,
        "image_url": "",
        "tail_image_url": "",
        "negative_prompt": "blur",
        "aspect_ratio": "16:9",
        "cfg_scale": 0.3,
    }


def test_a_scale_a_seed_and_a_switch_of_zero_are_said() -> None:
    spec = TransitionSpec(
        model="fal-ai/veo3.1/first-last-frame-to-video", cfg_scale=0, seed=0, generate_audio=False, resolution="4k"
    )

    arguments = arguments_of(spec)

    assert {name: arguments[name] for name in ("cfg_scale", "seed", "generate_audio", "resolution")} == {
        "cfg_scale": 0,
        "seed": 0,
        "generate_audio": False,
        "resolution": "4k",
    }


def test_a_model_without_sound_is_not_told_to_be_silent() -> None:
    assert "generate_audio" not in arguments_of(TransitionSpec(generate_audio=False))


def test_every_transition_type_has_a_style() -> None:
    assert STYLES.keys() == set(TransitionType.values())


def test_the_type_adds_to_the_callers_prompt() -> None:
    spec = TransitionSpec(prompt="A day.", transition_type=TransitionType.TRANSITION_TYPE_CALM)

    assert prompt_of(spec) == "A day. Calm, slow transition with gentle camera movement."


def test_what_the_type_adds_gives_way_to_the_callers_own_words() -> None:
    spec = TransitionSpec(
        model="fal-ai/vidu/start-end-to-video",
        prompt="p" * 1480,
        transition_type=TransitionType.TRANSITION_TYPE_CALM,
    )

    assert arguments_of(spec)["prompt"] == "p" * 1480


def test_the_default_model_takes_five_seconds() -> None:
    spec = TransitionSpec()
    spec.video_length.FromTimedelta(timedelta(seconds=5))

    assert arguments_of(spec)["duration"] == "5"


def test_a_struct_becomes_the_object_it_stands_for() -> None:
    given: dict[str, Any] = {
        "text": "a boat",
        "steps": 4,
        "scale": 3.5,
        "flag": False,
        "nothing": None,
        "list": [1, 2.5, "x", {"deep": [True]}],
        "object": {"width": 640, "empty": {}},
    }
    struct = Struct()
    struct.update(given)

    read = object_of(struct)

    assert read == given
    assert [type(read[name]) for name in ("steps", "scale", "flag")] == [int, float, bool]
