"""Checks of transitions: that the spec is right in itself, and that the chosen model can make it."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Final

from core.catalog.transitions import DEFAULT_TRANSITION_MODEL, TRANSITION_MODELS, USABLE_MODELS
from segue.v1 import spec_pb2
from server.limits import NAME_CHARACTERS, PROMPT_CHARACTERS, SEEDS
from server.validation.fields import check_known, check_length, check_range, check_url, seconds_of
from server.validation.sound import check_music, check_sound_track, check_voiceover
from server.validation.subtitles import check_subtitles

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta

    from core.catalog.transition_model import TransitionModel
    from server.validation.findings import Findings

_TRANSITION_TYPES: Final = frozenset(spec_pb2.TransitionType.values())
#: Other models that are named where one cannot do what is asked for.
_EXAMPLES: Final = 3


def check_transition(found: Findings, path: str, spec: spec_pb2.TransitionSpec) -> None:
    """Check a transition."""
    check_length(found, f"{path}.name", spec.name, NAME_CHARACTERS)
    check_url(found, f"{path}.front_image_url", spec.front_image_url, "image", required=True)
    check_url(found, f"{path}.tail_image_url", spec.tail_image_url, "image", required=True)
    check_known(found, f"{path}.transition_type", spec.transition_type, _TRANSITION_TYPES)
    model = TRANSITION_MODELS.get(spec.model) if spec.model else DEFAULT_TRANSITION_MODEL
    check_length(found, f"{path}.prompt", spec.prompt, model.prompt_characters if model else PROMPT_CHARACTERS)
    check_length(found, f"{path}.negative_prompt", spec.negative_prompt, PROMPT_CHARACTERS)
    if spec.HasField("cfg_scale") and not 0 <= spec.cfg_scale <= 1:
        found.add(f"{path}.cfg_scale", f"must be 0 to 1; is {spec.cfg_scale:g}")
    if spec.HasField("seed"):
        check_range(found, f"{path}.seed", spec.seed, *SEEDS)
    if model is None:
        found.add(f"{path}.model", f"is not one of {_usable_models()}")
    else:
        _check_model(found, path, spec, model)
    _check_extras(found, path, spec, model)


def _check_model(found: Findings, path: str, spec: spec_pb2.TransitionSpec, model: TransitionModel) -> None:
    """Refuse what the chosen model cannot do."""
    if model.tail_field is None:
        found.add(f"{path}.model", f"{model.endpoint} cannot end with a given image; take one of {_usable_models()}")
    _check_length_of_video(found, path, spec, model)
    _check_choice(found, f"{path}.aspect_ratio", spec.aspect_ratio, model, lambda other: other.aspect_ratios)
    _check_choice(found, f"{path}.resolution", spec.resolution, model, lambda other: other.resolutions)
    for name, is_asked in (
        ("cfg_scale", spec.HasField("cfg_scale")),
        ("negative_prompt", bool(spec.negative_prompt)),
        ("seed", spec.HasField("seed")),
        ("generate_audio", spec.generate_audio),
    ):
        takes = f"takes_{name}"
        if is_asked and not getattr(model, takes):
            found.add(f"{path}.{name}", f"is not taken by {model.endpoint}{_others(attrgetter(takes))}")


def _check_length_of_video(found: Findings, path: str, spec: spec_pb2.TransitionSpec, model: TransitionModel) -> None:
    if not spec.HasField("video_length"):
        return
    asked = seconds_of(spec.video_length)
    lengths = [length.total_seconds() for length in model.lengths]
    if asked not in lengths:
        made = " or ".join(f"{length:g} s" for length in lengths) if lengths else "unset"
        others = _others(lambda other: asked in [length.total_seconds() for length in other.lengths])
        found.add(f"{path}.video_length", f"must be {made} for {model.endpoint}; is {asked:g} s{others}")
    elif (most := model.longest_at.get(spec.resolution)) is not None and asked > most.total_seconds():
        found.add(
            f"{path}.video_length",
            f"must be at most {most.total_seconds():g} s at {spec.resolution} for {model.endpoint}; is {asked:g} s",
        )


def _check_choice(
    found: Findings,
    path: str,
    value: str,
    model: TransitionModel,
    allowed: Callable[[TransitionModel], tuple[str, ...]],
) -> None:
    """Require one of a few values, if any."""
    if not value or value in allowed(model):
        return
    others = _others(lambda other: value in allowed(other))
    if allowed(model):
        found.add(path, f"must be one of {', '.join(allowed(model))} for {model.endpoint}; is {value[:40]!r}{others}")
    else:
        found.add(path, f"is not taken by {model.endpoint}: it follows the first image{others}")


def _check_extras(found: Findings, path: str, spec: spec_pb2.TransitionSpec, model: TransitionModel | None) -> None:
    """Check what is asked for beside the video itself."""
    if spec.subtitles.enabled:
        check_subtitles(found, f"{path}.subtitles", spec.subtitles, length=_length_of(spec, model))
    check_sound_track(found, path, spec)
    if spec.music.enabled:
        check_music(found, f"{path}.music", spec.music)
    if spec.voiceover.enabled:
        check_voiceover(found, f"{path}.voiceover", spec.voiceover)


def _length_of(spec: spec_pb2.TransitionSpec, model: TransitionModel | None) -> timedelta | None:
    """Return how long the video will be; None: unknown, or asked for wrongly."""
    if model is None or not spec.HasField("video_length"):
        return model.default_length if model else None
    return next((length for length in model.lengths if length.total_seconds() == seconds_of(spec.video_length)), None)


def _usable_models() -> str:
    return ", ".join(model.endpoint for model in USABLE_MODELS)


def _others(can: Callable[[TransitionModel], bool]) -> str:
    """Name some models that can do it."""
    able = [model.endpoint for model in USABLE_MODELS if can(model)]
    more = f" and {len(able) - _EXAMPLES} more" if len(able) > _EXAMPLES else ""
    return f"; {', '.join(able[:_EXAMPLES])}{more} can" if able else ""
