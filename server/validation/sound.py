"""Checks of what is heard: sound tracks, music and voices."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.catalog.languages import DEFAULT_LANGUAGE, is_language
from core.catalog.music import MUSIC_MODELS
from core.catalog.voices import fault_of_language, fault_of_provider, fault_of_voice
from server.limits import MUSIC_PROMPT_CHARACTERS, MUSIC_TYPE_CHARACTERS, SPOKEN_CHARACTERS, VOICE_CHARACTERS
from server.validation.fields import check_length, check_url
from server.validation.subtitles import check_language

if TYPE_CHECKING:
    from segue.v1 import spec_pb2
    from server.validation.findings import Findings


def check_sound_track(found: Findings, path: str, spec: spec_pb2.TransitionSpec) -> None:
    """Check the sound track of a transition, which takes the place that generated music would have."""
    check_url(found, f"{path}.audio_url", spec.audio_url, "audio")
    if spec.audio_url and spec.music.enabled:
        found.add(f"{path}.music", "must not be enabled together with audio_url")


def check_music(found: Findings, path: str, music: spec_pb2.Music) -> None:
    """Check generated music that is wanted."""
    check_length(found, f"{path}.type", music.type, MUSIC_TYPE_CHARACTERS)
    check_length(found, f"{path}.prompt", music.prompt, MUSIC_PROMPT_CHARACTERS)
    if music.model and music.model not in MUSIC_MODELS:
        found.add(f"{path}.model", f"must be one of {', '.join(MUSIC_MODELS)}")


def check_voiceover(found: Findings, path: str, voiceover: spec_pb2.Voiceover) -> None:
    """Check a voice-over that is wanted."""
    if not voiceover.text.strip():
        found.add(f"{path}.text", "is required")
    check_length(found, f"{path}.text", voiceover.text, SPOKEN_CHARACTERS)
    check_voice(
        found,
        {name: f"{path}.{name}" for name in ("provider", "language", "voice")},
        provider=voiceover.provider,
        language=voiceover.language,
        voice=voiceover.voice,
    )


def check_voice(found: Findings, paths: dict[str, str], *, provider: str, language: str, voice: str) -> None:
    """Check that there is such a provider, and that it speaks the language with that voice.

    Args:
        paths: where ``provider``, ``language`` and ``voice`` stand.
    """
    check_length(found, paths["voice"], voice, VOICE_CHARACTERS)
    check_language(found, paths["language"], language)
    if fault := fault_of_provider(provider):
        found.add(paths["provider"], fault)
    elif not is_language(spoken := language or DEFAULT_LANGUAGE):
        return
    elif fault := fault_of_language(provider, spoken):
        found.add(paths["language"], fault)
    elif fault := fault_of_voice(provider, spoken, voice):
        found.add(paths["voice"], fault)
