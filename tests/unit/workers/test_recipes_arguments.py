"""A spec becomes the arguments that its model wants, and nothing that it does not know."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from google.protobuf.struct_pb2 import Struct

from core.models import TRANSITION_MODELS, TransitionModel
from segue.v1.spec_pb2 import TransitionSpec, TransitionType
from workers.recipes.model import object_of
from workers.recipes.transition import PLAIN_PROMPT, STYLES, arguments_of, prompt_of

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
    for length, form in model.lengths.items():
        spec = TransitionSpec(model=model.endpoint)
        spec.video_length.FromTimedelta(length)

        assert arguments_of(spec)["duration"] == form


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


def test_a_scale_of_zero_is_said() -> None:
    assert arguments_of(TransitionSpec(cfg_scale=0))["cfg_scale"] == 0


def test_every_transition_type_has_a_style() -> None:
    assert STYLES.keys() == set(TransitionType.values())


def test_the_type_adds_to_the_callers_prompt() -> None:
    spec = TransitionSpec(prompt="A day.", transition_type=TransitionType.TRANSITION_TYPE_CALM)

    assert prompt_of(spec) == "A day. Calm, slow transition with gentle camera movement."


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
