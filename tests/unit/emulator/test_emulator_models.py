from __future__ import annotations

from typing import Any

import pytest

from emulator.models.fields import choice, integer, number, text, url, validated
from emulator.models.plans import VideoPlan, seconds_of, timing_of
from emulator.models.table import MODELS
from emulator.outcomes import ModelError

INPUTS = (
    text("prompt", required=True, min_length=1),
    url("image_url", required=True),
    choice("duration", ("5", "10"), "5"),
    number("cfg_scale", 0.5, ge=0, le=1),
    integer("seed"),
)
RIGHT = {"prompt": "a harbour", "image_url": "https://example.com/a.png"}


@pytest.mark.parametrize(
    ("wrong", "field", "kind"),
    [
        ({"prompt": None}, "prompt", "missing"),
        ({"prompt": 7}, "prompt", "string_type"),
        ({"prompt": ""}, "prompt", "string_too_short"),
        ({"duration": "7"}, "duration", "one_of"),
        ({"duration": 5}, "duration", "string_type"),
        ({"cfg_scale": 1.1}, "cfg_scale", "less_than_equal"),
        ({"cfg_scale": -1}, "cfg_scale", "greater_than_equal"),
        ({"cfg_scale": True}, "cfg_scale", "float_type"),
        ({"seed": 1.5}, "seed", "int_type"),
    ],
)
def test_a_wrong_input_is_named_with_place_and_type(wrong: dict[str, Any], field: str, kind: str) -> None:
    with pytest.raises(ModelError) as caught:
        validated(INPUTS, {**RIGHT, **wrong})

    (fault,) = caught.value.details
    assert fault["loc"] == ["body", field]
    assert fault["type"] == kind
    assert fault["msg"]


def test_every_wrong_input_is_named_at_once() -> None:
    with pytest.raises(ModelError) as caught:
        validated(INPUTS, {"cfg_scale": 2})

    assert [fault["loc"][1] for fault in caught.value.details] == ["prompt", "image_url", "cfg_scale"]


def test_defaults_are_filled_in_and_unknown_names_dropped() -> None:
    values = validated(INPUTS, {**RIGHT, "aspect_ratio": "16:9"})

    assert values == {**RIGHT, "duration": "5", "cfg_scale": 0.5, "seed": None}


@pytest.mark.parametrize("model", MODELS.values(), ids=lambda model: str(model.endpoint))
def test_every_plan_of_the_table_names_inputs_the_model_has(model: Any) -> None:
    names = {row.name for row in model.inputs}
    plan = model.plan
    used = ("start", "end", "seconds", "frames", "rate", "audio", "text", "format_field")

    assert {name for field in used if (name := getattr(plan, field, None)) is not None} <= names
    assert len(names) == len(model.inputs)


@pytest.mark.parametrize(("spelled", "seconds"), [("5", 5), ("8s", 8), (10, 10), ("auto", 6), (None, 6)])
def test_durations_are_read_in_every_spelling(spelled: Any, seconds: float) -> None:
    assert seconds_of(spelled, 6) == seconds


def test_a_video_lasts_as_long_as_asked_or_as_its_frames_do() -> None:
    by_frames = VideoPlan(seconds=None, frames="num_frames", rate="frames_per_second")

    assert timing_of(VideoPlan(), {"duration": "5"}) == (120, 24)
    assert timing_of(by_frames, {"num_frames": 81, "frames_per_second": 16}) == (81, 16)
