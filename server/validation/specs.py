"""Checks of what a job shall make."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Final

from core.catalog.transitions import DEFAULT_TRANSITION_MODEL, TRANSITION_MODELS, USABLE_MODELS
from segue.v1 import spec_pb2
from server.limits import (
    ARGUMENTS_BYTES,
    ARGUMENTS_DEPTH,
    ENDPOINT_CHARACTERS,
    NAME_CHARACTERS,
    PROMPT_CHARACTERS,
    SCRIPT_BYTES,
    SERVED_KINDS,
)
from server.validation.fields import check_known, check_length, check_url, seconds_of

if TYPE_CHECKING:
    from google.protobuf.struct_pb2 import Struct, Value

    from core.catalog.transition_model import TransitionModel
    from server.validation.findings import Findings

_TRANSITION_TYPES: Final = frozenset(spec_pb2.TransitionType.values())
#: owner/app, or owner/app/path.
_ENDPOINT: Final = re.compile(r"[a-z0-9][a-z0-9_-]*(/[A-Za-z0-9][A-Za-z0-9._-]*){1,8}")


def check_spec(found: Findings, path: str, spec: spec_pb2.JobSpec) -> None:
    """Check a spec of any kind."""
    kind = spec.WhichOneof("kind")
    match kind:
        case None:
            found.add(path, f"is required: set one of {', '.join(SERVED_KINDS)}")
        case "transition":
            _check_transition(found, f"{path}.transition", spec.transition)
        case "model":
            _check_model(found, f"{path}.model", spec.model)
        case "script_video":
            _check_script_video(found, f"{path}.script_video", spec.script_video)
    if kind is not None and kind not in SERVED_KINDS:
        found.add_unserved(f"{path}.{kind}")


def _check_transition(found: Findings, path: str, spec: spec_pb2.TransitionSpec) -> None:
    check_length(found, f"{path}.name", spec.name, NAME_CHARACTERS)
    check_url(found, f"{path}.front_image_url", spec.front_image_url, "image", required=True)
    check_url(found, f"{path}.tail_image_url", spec.tail_image_url, "image", required=True)
    check_known(found, f"{path}.transition_type", spec.transition_type, _TRANSITION_TYPES)
    check_length(found, f"{path}.prompt", spec.prompt, PROMPT_CHARACTERS)
    check_length(found, f"{path}.negative_prompt", spec.negative_prompt, PROMPT_CHARACTERS)
    if spec.HasField("cfg_scale") and not 0 <= spec.cfg_scale <= 1:
        found.add(f"{path}.cfg_scale", f"must be 0 to 1; is {spec.cfg_scale:g}")
    model = TRANSITION_MODELS.get(spec.model) if spec.model else DEFAULT_TRANSITION_MODEL
    if model is None:
        found.add(f"{path}.model", f"is not one of {_usable_models()}")
    else:
        _check_model_of_transition(found, path, spec, model)
    _note_unserved(found, path, spec)


def _check_model_of_transition(
    found: Findings, path: str, spec: spec_pb2.TransitionSpec, model: TransitionModel
) -> None:
    """Refuse what the chosen model cannot do."""
    if model.tail_field is None:
        found.add(f"{path}.model", f"{model.endpoint} cannot end with a given image; take one of {_usable_models()}")
    lengths = [length.total_seconds() for length in model.lengths]
    if spec.HasField("video_length") and seconds_of(spec.video_length) not in lengths:
        allowed = " or ".join(f"{length:g} s" for length in lengths)
        found.add(
            f"{path}.video_length", f"must be {allowed} for {model.endpoint}; is {seconds_of(spec.video_length):g} s"
        )
    if spec.aspect_ratio and not model.aspect_ratios:
        found.add(f"{path}.aspect_ratio", f"is not taken by {model.endpoint}: it follows the first image")
    elif spec.aspect_ratio and spec.aspect_ratio not in model.aspect_ratios:
        found.add(f"{path}.aspect_ratio", f"must be one of {', '.join(model.aspect_ratios)} for {model.endpoint}")
    if spec.HasField("cfg_scale") and not model.takes_cfg_scale:
        found.add(f"{path}.cfg_scale", f"is not taken by {model.endpoint}")
    if spec.negative_prompt and not model.takes_negative_prompt:
        found.add(f"{path}.negative_prompt", f"is not taken by {model.endpoint}")


def _usable_models() -> str:
    return ", ".join(model.endpoint for model in USABLE_MODELS)


def _note_unserved(found: Findings, path: str, spec: spec_pb2.TransitionSpec) -> None:
    """Note what is asked for beside the video itself."""
    if spec.subtitles.enabled:
        found.add_unserved(f"{path}.subtitles")
    if spec.audio_url:
        found.add_unserved(f"{path}.audio_url")
    if spec.music.enabled:
        found.add_unserved(f"{path}.music")
    if spec.voiceover.enabled:
        found.add_unserved(f"{path}.voiceover")


def _check_script_video(found: Findings, path: str, spec: spec_pb2.ScriptVideoSpec) -> None:
    size = len(spec.script_content.encode())
    if size > SCRIPT_BYTES:
        found.add(f"{path}.script_content", f"must be at most {SCRIPT_BYTES} bytes; are {size}")


def _check_model(found: Findings, path: str, spec: spec_pb2.ModelSpec) -> None:
    if not spec.endpoint:
        found.add(f"{path}.endpoint", "is required")
    elif len(spec.endpoint) > ENDPOINT_CHARACTERS or not _ENDPOINT.fullmatch(spec.endpoint):
        found.add(
            f"{path}.endpoint",
            f"must be owner/app or owner/app/path, for example fal-ai/flux/schnell; at most {ENDPOINT_CHARACTERS} "
            "characters",
        )
    size = spec.arguments.ByteSize()
    if size > ARGUMENTS_BYTES:
        found.add(f"{path}.arguments", f"must be at most {ARGUMENTS_BYTES} bytes; are {size}")
    else:
        _check_struct(found, f"{path}.arguments", spec.arguments, 1)


def _check_struct(found: Findings, path: str, struct: Struct, depth: int) -> None:
    if depth > ARGUMENTS_DEPTH:
        found.add(path, f"must not be nested deeper than {ARGUMENTS_DEPTH} levels")
        return
    for name, value in struct.fields.items():
        _check_value(found, f"{path}.{name[:64]}", value, depth)


def _check_value(found: Findings, path: str, value: Value, depth: int) -> None:
    """Require what JSON can say: no empty value, no NaN, no infinity."""
    match value.WhichOneof("kind"):
        case "struct_value":
            _check_struct(found, path, value.struct_value, depth + 1)
        case "list_value":
            if depth >= ARGUMENTS_DEPTH:
                found.add(path, f"must not be nested deeper than {ARGUMENTS_DEPTH} levels")
                return
            for index, item in enumerate(value.list_value.values):
                _check_value(found, f"{path}[{index}]", item, depth + 1)
        case "number_value" if not math.isfinite(value.number_value):
            found.add(path, "must be a finite number")
        case None:
            found.add(path, "has no value; null is null_value")
        case _:
            pass
