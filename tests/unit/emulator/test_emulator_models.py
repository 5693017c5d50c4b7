from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from emulator.models.fields import choice, integer, number, text, url, validated
from emulator.models.plans import VideoPlan, lines_of, ratio_of, seconds_of, timing_of
from emulator.models.table import MODELS
from emulator.models.words import answer_to
from emulator.outcomes import ModelError
from emulator.render.pictures import frame_size, plain

if TYPE_CHECKING:
    from pathlib import Path

INPUTS = (
    text("prompt", required=True, min_length=1, max_length=100),
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
        ({"prompt": "p" * 101}, "prompt", "string_too_long"),
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
    used = ("start", "end", "seconds", "frames", "rate", "audio", "aspect", "resolution", "text", "format_field")

    assert {name for field in used if (name := getattr(plan, field, None)) is not None} <= names
    assert len(names) == len(model.inputs)


@pytest.mark.parametrize(("spelled", "seconds"), [("5", 5), ("8s", 8), (10, 10), ("auto", 6), (None, 6)])
def test_durations_are_read_in_every_spelling(spelled: Any, seconds: float) -> None:
    assert seconds_of(spelled, 6) == seconds


def test_a_video_lasts_as_long_as_asked_or_as_its_frames_do() -> None:
    by_frames = VideoPlan(seconds=None, frames="num_frames", rate="frames_per_second")

    assert timing_of(VideoPlan(), {"duration": "5"}) == (120, 24)
    assert timing_of(by_frames, {"num_frames": 81, "frames_per_second": 16}) == (81, 16)


@pytest.mark.parametrize(("spelled", "ratio"), [("16:9", 16 / 9), ("9:21", 9 / 21), ("auto", None), (None, None)])
def test_aspect_ratios_are_read(spelled: Any, ratio: float | None) -> None:
    assert ratio_of(spelled) == ratio


@pytest.mark.parametrize(("spelled", "lines"), [("720p", 720), ("512P", 512), ("4k", 2160), (None, None), ("p", None)])
def test_resolutions_are_read(spelled: Any, lines: int | None) -> None:
    assert lines_of(spelled) == lines


def test_a_video_has_the_shape_and_size_that_are_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "wide.png"
    plain(path)  # 640 x 360

    assert frame_size(path, longer=64) == (64, 36)
    assert frame_size(path, shorter=720) == (1280, 720)
    assert frame_size(path, shorter=720, ratio=9 / 16) == (720, 1280)
    assert frame_size(path, longer=640, ratio=1.0) == (640, 640)


def test_a_list_of_shots_has_one_for_each_scene() -> None:
    system = "Answer with nothing but a JSON array of strings."
    asked = {"title": "Home", "scenes": ["Ships come home.", 'The "harbour" [sleeps].', "Schiffe kehren heim."]}

    shots = json.loads(answer_to(f"Write 3 descriptions:\n{json.dumps(asked)}", system))

    assert len(shots) == 3
    assert all(isinstance(shot, str) for shot in shots)
    assert "Ships come home" in shots[0]
    assert "sleeps" in shots[1]


@pytest.mark.parametrize(
    ("prompt", "count"),
    [
        ('As a JSON list: [{"text": "a"}, {"text": "b"}]', 2),
        ("Give a JSON array.\n1. One thing\n2) Another\nScene 3: a third", 3),
        ("Write exactly 4 shots as a JSON array about the sea", 4),
        ("Describe the sea as a JSON array", 1),
    ],
)
def test_scenes_are_found_however_they_are_listed(prompt: str, count: int) -> None:
    assert len(json.loads(answer_to(prompt, ""))) == count


def test_a_question_without_a_list_is_answered_in_a_sentence() -> None:
    answer = answer_to("What is the sea?", "Be brief.")

    assert answer.endswith(".")
    assert "What is the sea" in answer
