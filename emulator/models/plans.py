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
    aspect: str | None = None
    """The input with the aspect ratio, such as `16:9`; anything else, such as `auto`, follows the first picture."""
    resolution: str | None = None
    """The input with the resolution, such as `720p`."""
    seed: bool = False
    """Whether the answer names the seed."""
    detailed: bool = False
    """Whether the file is described as fal's `VideoFile`: with its size in pixels and its frames."""


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


@dataclass(frozen=True, kw_only=True)
class TextPlan:
    """An answer in words. Answered as `output`."""

    usage: bool = False
    """Whether the answer tells how many tokens it took."""


Plan = VideoPlan | ImagePlan | SpeechPlan | MusicPlan | TextPlan


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


def ratio_of(value: Any) -> float | None:
    """Read an aspect ratio such as `16:9` as width by height; None for `auto` and nothing."""
    width, colon, height = str(value).partition(":")
    return int(width) / int(height) if colon and width.isdigit() and height.isdigit() else None


def lines_of(value: Any) -> int | None:
    """Read a resolution such as `720p`, `768P` or `4k` as the pixels of the shorter side; None for nothing."""
    spelled = str(value).lower()
    if spelled == "4k":
        return 2160
    return int(spelled[:-1]) if spelled.endswith("p") and spelled[:-1].isdigit() else None


def timing_of(plan: VideoPlan, values: JsonObject) -> tuple[int, int]:
    """Return the number of frames and the frames per second of a video."""
    if plan.frames is not None and plan.rate is not None:
        return int(values[plan.frames]), int(values[plan.rate])
    seconds = plan.fixed_seconds
    if plan.seconds is not None:
        seconds = seconds_of(values.get(plan.seconds), plan.fixed_seconds)
    return round(seconds * 24), 24
