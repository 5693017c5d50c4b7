"""Who can speak: the names that a spec gives, and what each provider's model calls its inputs.

Adapters are data and pure functions; field names and voices are those of fal's generated types of 2026-08-02.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from core.catalog.calls import Call
from core.catalog.languages import DEFAULT_LANGUAGE, spoken_as
from core.catalog.voice_lists import ELEVENLABS_LANGUAGES, GEMINI_VOICES, KOKORO_SPEAKERS, MINIMAX_LANGUAGES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Speaker:
    """What speaks one language (or many), and with which voices."""

    endpoint: str
    """The provider's name of the model."""
    default_voice: str
    voices: tuple[str, ...] = ()
    """The voices it has; none: more than are listed here."""
    boost: str = ""
    """What a model that wants to be told the language calls it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VoiceProvider:
    """Someone who can speak."""

    name: str
    """What a spec calls it, and the key in VOICE_PROVIDERS."""
    arguments: Callable[[Speaker, str, str], dict[str, Any]]
    """Makes the arguments from the speaker, the voice and the text."""
    speakers: Mapping[str, Speaker] = field(default_factory=dict)
    """Who speaks a language, by its BCP 47 tag."""
    any_language: Speaker | None = None
    """Who speaks every other language, chosen by the model from the text; None: nobody does."""

    @property
    def endpoints(self) -> tuple[str, ...]:
        """The models behind it."""
        speakers = (*self.speakers.values(), *([self.any_language] if self.any_language else []))
        return tuple(dict.fromkeys(speaker.endpoint for speaker in speakers))

    @property
    def default_voice(self) -> str:
        """The voice taken where a spec names none, in the default language."""
        speaker = self.speaker(DEFAULT_LANGUAGE)
        return speaker.default_voice if speaker else ""

    def speaker(self, language: str) -> Speaker | None:
        """Return who speaks *language*; None: nobody does."""
        tag = spoken_as(language or DEFAULT_LANGUAGE, self.speakers)
        return self.any_language if tag is None else self.speakers[tag]


def _elevenlabs(_speaker: Speaker, voice: str, text: str) -> dict[str, Any]:
    # No language_code: this model finds the language in the text, and refuses to be told.
    return {"text": text, "voice": voice}


def _prompted(_speaker: Speaker, voice: str, text: str) -> dict[str, Any]:
    return {"prompt": text, "voice": voice}


def _minimax(speaker: Speaker, voice: str, text: str) -> dict[str, Any]:
    # By itself it answers with hexadecimal digits instead of a file.
    return {
        "text": text,
        "voice_setting": {"voice_id": voice},
        "language_boost": speaker.boost,
        "output_format": "url",
    }


def _minimax_speaker(boost: str) -> Speaker:
    return Speaker(endpoint="fal-ai/minimax/speech-02-hd", default_voice="Wise_Woman", boost=boost)


_PROVIDERS: Final = (
    VoiceProvider(
        name="elevenlabs",
        arguments=_elevenlabs,
        speakers=MappingProxyType(
            dict.fromkeys(
                ELEVENLABS_LANGUAGES,
                Speaker(endpoint="fal-ai/elevenlabs/tts/multilingual-v2", default_voice="Rachel"),
            )
        ),
    ),
    VoiceProvider(
        name="google",
        arguments=_prompted,
        any_language=Speaker(endpoint="fal-ai/gemini-tts", default_voice="Kore", voices=GEMINI_VOICES),
    ),
    VoiceProvider(
        name="minimax",
        arguments=_minimax,
        speakers=MappingProxyType({tag: _minimax_speaker(boost) for tag, boost in MINIMAX_LANGUAGES.items()}),
    ),
    VoiceProvider(
        name="kokoro",
        arguments=_prompted,
        speakers=MappingProxyType(
            {
                tag: Speaker(endpoint=f"fal-ai/kokoro/{accent}", default_voice=voices[0], voices=voices)
                for tag, (accent, voices) in KOKORO_SPEAKERS.items()
            }
        ),
    ),
)

#: The providers by their names.
VOICE_PROVIDERS: Final[Mapping[str, VoiceProvider]] = MappingProxyType(
    {provider.name: provider for provider in _PROVIDERS}
)
#: Names that users know from elsewhere, and why they are refused.
ABSENT_PROVIDERS: Final[Mapping[str, str]] = MappingProxyType({"azure": "is not offered by the provider of the models"})
#: Taken where a spec names none: each of its voices speaks 29 languages, and it reads a text as it stands, where a
#: model that is prompted may take a sentence for an instruction.
DEFAULT_VOICE_PROVIDER: Final = "elevenlabs"


def fault_of_provider(name: str) -> str | None:
    """Return what is wrong with the name of a provider, for people; None: nothing, or it is empty."""
    if not name or name in VOICE_PROVIDERS:
        return None
    offered = ", ".join(VOICE_PROVIDERS)
    absent = ABSENT_PROVIDERS.get(name)
    return f"{name} {absent}; take one of {offered}" if absent else f"must be one of {offered}; is {name!r}"


def fault_of_language(provider: str, language: str) -> str | None:
    """Return what is wrong with a language for a known provider, for people; None: nothing."""
    chosen = VOICE_PROVIDERS[provider or DEFAULT_VOICE_PROVIDER]
    if chosen.speaker(language) is not None:
        return None
    others = [name for name, other in VOICE_PROVIDERS.items() if other.speaker(language) is not None]
    return f"{chosen.name} speaks {', '.join(chosen.speakers)}; {language} is spoken by {', '.join(others)}"


def fault_of_voice(provider: str, language: str, voice: str) -> str | None:
    """Return what is wrong with a voice for a known provider and a language it speaks; None: nothing."""
    speaker = VOICE_PROVIDERS[provider or DEFAULT_VOICE_PROVIDER].speaker(language)
    if not voice or speaker is None or not speaker.voices or voice in speaker.voices:
        return None
    return f"must be one of {', '.join(speaker.voices)} for {speaker.endpoint}; is {voice!r}"


def speech(provider: str, language: str, voice: str, text: str) -> Call:
    """Return the call that speaks *text*. Empty: the default provider, language and voice.

    Raises:
        ValueError: there is no such provider, it does not speak the language or has not that voice.
    """
    fault = fault_of_provider(provider) or fault_of_language(provider, language)
    if fault := fault or fault_of_voice(provider, language, voice):
        raise ValueError(fault)
    chosen = VOICE_PROVIDERS[provider or DEFAULT_VOICE_PROVIDER]
    speaker = chosen.speaker(language)
    if speaker is None:  # told above
        raise ValueError(language)
    arguments = chosen.arguments(speaker, voice or speaker.default_voice, text)
    return Call(endpoint=speaker.endpoint, arguments=arguments, answer="audio")
