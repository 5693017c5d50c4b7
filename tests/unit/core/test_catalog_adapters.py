"""Voices, languages, shapes and files of answers."""

from __future__ import annotations

from typing import Any

import pytest

from core.catalog.calls import Call
from core.catalog.languages import is_language, spoken_as
from core.catalog.music import music_prompt
from core.catalog.platforms import FrameSize, Platform, frame_size
from core.catalog.voices import fault_of_language, fault_of_provider, speech


@pytest.mark.parametrize("tag", ["en", "EN", "pt-BR", "zh-Hant-TW", "fil", "sr-Latn"])
def test_tags_of_languages_are_known_by_their_form(tag: str) -> None:
    assert is_language(tag)


@pytest.mark.parametrize("tag", ["", "english", "e", "en_US", "en-", "en-US; rm", "ё"])
def test_other_texts_are_no_tags(tag: str) -> None:
    assert not is_language(tag)


@pytest.mark.parametrize(
    ("tag", "spoken"), [("en-gb", "en-GB"), ("en", "en-US"), ("en-AU", "en-US"), ("PT", "pt-BR"), ("de", None)]
)
def test_a_language_is_spoken_as_itself_or_as_the_first_of_its_kind(tag: str, spoken: str | None) -> None:
    assert spoken_as(tag, ["en-US", "en-GB", "pt-BR"]) == spoken


@pytest.mark.parametrize(
    ("provider", "language", "voice", "endpoint", "arguments"),
    [
        ("", "", "", "fal-ai/elevenlabs/tts/multilingual-v2", {"text": "Hi", "voice": "Rachel"}),
        ("google", "vi", "Puck", "fal-ai/gemini-tts", {"prompt": "Hi", "voice": "Puck"}),
        ("kokoro", "en-GB", "", "fal-ai/kokoro/british-english", {"prompt": "Hi", "voice": "bf_alice"}),
        (
            "minimax",
            "zh-HK",
            "",
            "fal-ai/minimax/speech-02-hd",
            {
                "text": "Hi",
                "voice_setting": {"voice_id": "Wise_Woman"},
                "language_boost": "Chinese,Yue",
                "output_format": "url",
            },
        ),
    ],
)
def test_each_provider_is_called_in_its_own_words(
    provider: str, language: str, voice: str, endpoint: str, arguments: dict[str, Any]
) -> None:
    assert speech(provider, language, voice, "Hi") == Call(endpoint=endpoint, arguments=arguments, answer="audio")


@pytest.mark.parametrize(
    ("provider", "language", "voice", "named"),
    [
        ("azure", "en", "", "take one of elevenlabs, google, minimax, kokoro"),
        ("nobody", "en", "", "must be one of elevenlabs"),
        ("kokoro", "de", "", "de is spoken by elevenlabs, google, minimax"),
        ("google", "en", "Rachel", "must be one of Kore"),
    ],
)
def test_who_cannot_speak_is_refused_with_those_who_can(provider: str, language: str, voice: str, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        speech(provider, language, voice, "Hi")


def test_nothing_is_wrong_with_the_defaults() -> None:
    assert fault_of_provider("") is None
    assert fault_of_language("", "") is None


@pytest.mark.parametrize(
    ("platform", "ratio", "size"),
    [
        (Platform.YOUTUBE, "", FrameSize(1920, 1080)),
        (Platform.TIKTOK, "", FrameSize(1080, 1920)),
        (Platform.INSTAGRAM, "", FrameSize(1080, 1350)),
        (Platform.INSTAGRAM, "9:16", FrameSize(1080, 1920)),
        (Platform.YOUTUBE, "1:1", FrameSize(1080, 1080)),
    ],
)
def test_a_platform_has_its_shape_unless_another_is_asked_for(platform: Platform, ratio: str, size: FrameSize) -> None:
    assert frame_size(platform, ratio) == size


def test_a_shape_that_a_platform_does_not_take_is_refused() -> None:
    with pytest.raises(ValueError, match="INSTAGRAM takes 4:5, 9:16, 1:1; not 16:9"):
        frame_size(Platform.INSTAGRAM, "16:9")


def test_music_is_asked_for_by_prompt_or_by_kind() -> None:
    assert music_prompt("upbeat", "A waltz") == "A waltz"
    assert "upbeat" in music_prompt("upbeat", "")


@pytest.mark.parametrize(
    ("answer", "output"), [("audio", {"audio": {"url": "u"}}), ("images", {"images": [{"url": "u"}, {"url": "v"}]})]
)
def test_the_file_is_found_in_the_answer(answer: str, output: dict[str, Any]) -> None:
    assert Call(endpoint="e", arguments={}, answer=answer).url_in(output) == "u"


@pytest.mark.parametrize("output", [{}, {"audio": None}, {"audio": []}, {"audio": {"url": ""}}, {"audio": "u"}])
def test_an_answer_without_the_file_is_said_to_have_none(output: dict[str, Any]) -> None:
    with pytest.raises(LookupError, match="without a file under 'audio'"):
        Call(endpoint="e", arguments={}, answer="audio").url_in(output)
