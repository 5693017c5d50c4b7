"""The models that make music for a video, and what each calls its inputs (fal's generated types of 2026-08-02)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from core.catalog.calls import Call

if TYPE_CHECKING:
    from collections.abc import Mapping

#: What is asked for where a spec names neither a kind of music nor a prompt.
PLAIN_TYPE: Final = "calm ambient"


@dataclass(frozen=True, slots=True, kw_only=True)
class MusicModel:
    """What one endpoint takes and answers."""

    endpoint: str
    """The provider's name of it, and the key in MUSIC_MODELS."""
    shortest: timedelta
    longest: timedelta
    length_field: str | None
    """The argument for the length; None: it always makes the longest."""
    unit: timedelta = timedelta(seconds=1)
    """What the argument for the length counts; it takes whole ones."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    """What it is told besides."""
    answer: str = "audio"
    """The key of the answer that holds the file."""


_MODELS: Final = (
    MusicModel(
        endpoint="fal-ai/stable-audio-25/text-to-audio",
        shortest=timedelta(seconds=1),
        longest=timedelta(seconds=190),
        length_field="seconds_total",
    ),
    MusicModel(
        endpoint="fal-ai/lyria2",
        shortest=timedelta(seconds=30),
        longest=timedelta(seconds=30),
        length_field=None,
    ),
    MusicModel(
        endpoint="cassetteai/music-generator",
        shortest=timedelta(seconds=10),
        longest=timedelta(seconds=180),
        length_field="duration",
        answer="audio_file",
    ),
    MusicModel(
        endpoint="fal-ai/elevenlabs/music",
        shortest=timedelta(seconds=3),
        longest=timedelta(seconds=600),
        length_field="music_length_ms",
        unit=timedelta(milliseconds=1),
        extra=MappingProxyType({"force_instrumental": True}),
    ),
    MusicModel(
        endpoint="fal-ai/stable-audio",
        shortest=timedelta(seconds=1),
        longest=timedelta(seconds=47),
        length_field="seconds_total",
        answer="audio_file",
    ),
)

#: The models by their endpoints.
MUSIC_MODELS: Final[Mapping[str, MusicModel]] = MappingProxyType({model.endpoint: model for model in _MODELS})
#: Taken where a spec names none: as long as most videos, one price for any length, and without a voice.
DEFAULT_MUSIC_MODEL: Final = _MODELS[0]


def music(model: str, prompt: str, length: timedelta) -> Call:
    """Return the call that makes music of *length*, or as near to it as the model can: it is then cut or repeated.

    Raises:
        KeyError: there is no such model. Empty is the default one.
    """
    chosen = MUSIC_MODELS[model] if model else DEFAULT_MUSIC_MODEL
    arguments: dict[str, Any] = {"prompt": prompt, **chosen.extra}
    if chosen.length_field is not None:
        made = min(max(length, chosen.shortest), chosen.longest)
        arguments[chosen.length_field] = -(-made // chosen.unit)  # rounded up: what is too long is cut
    return Call(endpoint=chosen.endpoint, arguments=arguments, answer=chosen.answer)


def music_prompt(kind: str, prompt: str) -> str:
    """Return what the model is asked for: the caller's prompt, else one made from the kind of music."""
    return prompt or f"Instrumental background music, {kind or PLAIN_TYPE}, no vocals."
