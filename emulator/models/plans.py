"""How a model's answer is made from its inputs: which field is what, and under which name it is answered."""

from dataclasses import dataclass
from typing import Any, Literal

from emulator.models.fields import Input
from emulator.records import JsonObject


@dataclass(frozen=True, kw_only=True)
class VideoPlan:
    """A video between two pictures (or from one). Answered as `video`."""

    start: str = "image_url"
    end: str | None = None
    seconds: str | None = "duration"
    """The input with the duration: `5`, `"5"` or `"5s"`."""
    fixed_seconds: float = 6.0
    """The duration when no input sets it."""
    frames: str | None = None
    """The input with the number of frames; then `rate` is the input with the frames per second."""
    rate: str | None = None
    audio: str | None = None
    """The switch for a sound track."""
    seed: bool = False
    """Whether the answer names the seed."""


@dataclass(frozen=True, kw_only=True)
class ImagePlan:
    """Pictures drawn from a prompt. Answered as `images`."""


@dataclass(frozen=True, kw_only=True)
class SpeechPlan:
    """A text spoken. Answered as `audio`."""

    text: str = "text"
    format: str = "mp3"
    format_field: str | None = None
    """The input that may choose another container."""
    milliseconds: bool = False
    """Whether the answer names `duration_ms`."""


@dataclass(frozen=True, kw_only=True)
class MusicPlan:
    """Music for a prompt."""

    answer: Literal["audio", "audio_file"] = "audio"
    seconds: str | None = None
    per_second: float = 1.0
    """What the input counts in a second: 1000 for milliseconds."""
    fixed_seconds: float = 30.0
    format: str = "wav"
    seed: bool = False


Plan = VideoPlan | ImagePlan | SpeechPlan | MusicPlan


@dataclass(frozen=True, kw_only=True)
class Model:
    """One endpoint: its inputs and how it answers."""

    endpoint: str
    inputs: tuple[Input, ...]
    plan: Plan


def seconds_of(value: Any, fallback: float) -> float:
    """Read a duration as fal's models spell it: `5`, `"5"`, `"8s"`; *fallback* for `"auto"` and nothing."""
    if isinstance(value, int | float):
        return float(value)
    try:
        return float(str(value).removesuffix("s"))
    except ValueError:
        return fallback


def timing_of(plan: VideoPlan, values: JsonObject) -> tuple[int, int]:
    """Return the number of frames and the frames per second of a video."""
    if plan.frames is not None and plan.rate is not None:
        return int(values[plan.frames]), int(values[plan.rate])
    seconds = plan.fixed_seconds
    if plan.seconds is not None:
        seconds = seconds_of(values.get(plan.seconds), plan.fixed_seconds)
    return round(seconds * 24), 24
