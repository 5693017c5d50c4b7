from __future__ import annotations

import array
import math
import os
import sys
import wave
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from emulator.render import sound, speech
from emulator.render.ffmpeg import Ffmpeg
from emulator.render.tongues import language_of, voices_of

if TYPE_CHECKING:
    from pathlib import Path

TEXT = "Waves roll in from the grey sea, and the first light of the morning touches the sand."
WINDOW = 0.01


async def spoken(text: str, seconds: float, into: Path, *, language: str | None = "en-us") -> list[float]:
    """Return the samples of the file that the emulator makes, between -1 and 1."""
    path = into / "speech.wav"
    await sound.speak(Ffmpeg(), text, seconds, path, language=language)
    assert os.listdir(into) == ["speech.wav"]
    with wave.open(str(path)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (24_000, 1, 2)
        samples = array.array("h", file.readframes(file.getnframes()))
    path.unlink()
    return [sample / 32768 for sample in samples]


def envelope(samples: list[float], rate: int = 24_000) -> list[float]:
    """Return the loudness of each hundredth of a second, smoothed as a syllable is long."""
    width = int(rate * WINDOW)
    parts = [samples[start : start + width] for start in range(0, len(samples) - width, width)]
    loudness = [math.sqrt(sum(sample * sample for sample in part) / width) for part in parts]
    return [sum(loudness[max(0, at - 3) : at + 4]) / 7 for at in range(len(loudness))]


def syllables(samples: list[float]) -> int:
    """Count the peaks of loudness that a dip sets apart."""
    curve = envelope(samples)
    threshold = max(curve) * 0.2
    peaks, low, high, rising = 0, 0.0, 0.0, True
    for value in curve:
        low, high = min(low, value), max(high, value)
        if rising and value < high * 0.75:
            peaks += high > threshold
            low, rising = value, False
        elif not rising and value > low * 1.33 and value > threshold * 0.5:
            high, rising = value, True
    return peaks


def crossings(samples: list[float]) -> float:
    """Return how often the loud samples change their sign: often in a hiss, seldom in a vowel."""
    loud = [sample for sample in samples if abs(sample) > 0.02]
    return sum(one * other < 0 for one, other in pairwise(loud)) / len(loud)


@pytest.mark.parametrize(
    ("text", "asked", "language"),
    [
        ("The sun is in the sky and it was good.", "", "en-us"),
        ("The sun is in the sky.", "en-GB", "en-gb"),
        ("Die Sonne ist nicht da, und das ist gut.", "auto?", "de"),
        ("El sol es una estrella y los perros.", "", "es"),
        ("O sol é uma estrela para os cães.", "", "pt-br"),
        ("Bonjour", "fr", "fr"),
        ("Bonjour", "French", "fr"),
        ("你好，世界", "English", "cmn"),
        ("你好，世界", "Chinese,Yue", "yue"),
        ("今日はいい天気", "", "ja"),
        ("안녕하세요", "", "ko"),
        ("Привет", "", "ru"),
        ("Привіт", "uk-UA", "uk-ua"),
        ("مرحبا", "en", "ar"),
        ("สวัสดี", "", "th"),
        ("42", "", "en-us"),
        ("", "", "en-us"),
    ],
)
def test_the_language_follows_the_letters_then_the_caller_then_the_small_words(
    text: str, asked: str, language: str
) -> None:
    assert language_of(text, asked) == language


def test_there_is_a_voice_for_every_language() -> None:
    assert voices_of("uk-ua") == ["uk-ua", "uk", "uk", "en"]
    assert voices_of("no")[1] == "nb"
    assert voices_of("tlh")[-1] == "en"


@pytest.mark.parametrize("language", [None, "en-us"])
@pytest.mark.parametrize("seconds", [0.5, 1.5, 4.0])
async def test_speech_has_the_length_that_was_asked_for(tmp_path: Path, language: str | None, seconds: float) -> None:
    samples = await spoken(TEXT, seconds, tmp_path, language=language)

    assert len(samples) / 24_000 == pytest.approx(seconds, abs=0.01)
    assert max(envelope(samples)) > 0.03


def test_length_follows_the_text_its_letters_and_the_speed() -> None:
    assert sound.spoken_seconds("x" * 30) == 2
    assert sound.spoken_seconds("x" * 60) == 4
    assert sound.spoken_seconds("x" * 30, speed=2) == 1
    assert 4 < sound.spoken_seconds("字" * 20) < 5


async def test_words_are_said_without_hurry_in_their_usual_time() -> None:
    for text, language in ((TEXT, "en-us"), ("你好，今天天气很好。我们去公园散步吧。", "cmn"), ("Guten Tag.", "de")):
        seconds = sound.spoken_seconds(text)

        words = await speech.said(text, language, seconds)

        assert words is not None
        assert words.seconds == pytest.approx(seconds, rel=0.1)


@pytest.mark.parametrize(
    ("text", "number"),
    [("banana tomato potato banana tomato potato", 18), ("one two three four five six seven eight", 9), (TEXT, 21)],
)
async def test_speech_has_about_as_many_syllables_as_the_text(tmp_path: Path, text: str, number: int) -> None:
    samples = await spoken(text, sound.spoken_seconds(text), tmp_path)

    assert number * 0.65 <= syllables(samples) <= number * 1.35


async def test_a_hiss_sounds_like_a_hiss_and_a_vowel_like_a_vowel(tmp_path: Path) -> None:
    hiss = await spoken("this is Sussex, yes, six sisters", 2.5, tmp_path)
    vowel = await spoken("alone, you moo, low moon, oh no", 2.5, tmp_path)

    assert crossings(hiss) > 1.5 * crossings(vowel)


async def test_other_words_sound_otherwise_and_the_same_words_the_same(tmp_path: Path) -> None:
    one = await spoken("The cat sat on the mat.", 2.0, tmp_path)
    again = await spoken("The cat sat on the mat.", 2.0, tmp_path)
    other = await spoken("A dog ran up the hill.", 2.0, tmp_path)
    foreign = await spoken("The cat sat on the mat.", 2.0, tmp_path, language="de")

    assert one == again
    assert one != other
    assert one != foreign


async def test_without_the_package_there_is_babble(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    babble = await spoken(TEXT, 2.0, tmp_path, language=None)
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)

    assert speech.library() is None
    assert await spoken(TEXT, 2.0, tmp_path) == babble


@pytest.mark.parametrize(
    "program",
    ["import time; time.sleep(60)", "import os; os.abort()", "print('?')", "import sys; sys.exit(1)"],
    ids=["hangs", "crashes", "says nothing", "refuses"],
)
async def test_a_voice_that_fails_gives_way_to_babble(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    into = tmp_path / "files"
    into.mkdir()
    babble = await spoken(TEXT, 1.0, into, language=None)
    script = tmp_path / "program.py"
    script.write_text(program)
    monkeypatch.setattr(speech, "library", lambda: ("no library", str(tmp_path)))
    monkeypatch.setattr(speech, "PROGRAM", script)
    monkeypatch.setattr(speech, "_TIMEOUT", 1.0)

    assert await spoken(TEXT, 1.0, into) == babble


async def test_a_library_that_is_none_is_survived(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library = tmp_path / "libespeak-ng.so"
    library.write_bytes(b"no library")
    monkeypatch.setattr(speech, "library", lambda: (str(library), str(tmp_path)))

    assert await speech.said(TEXT, "en-us", 2.0) is None


async def test_text_of_any_kind_is_survived() -> None:
    for text in ("", "\0", "<speak>[[h@'loU]]</speak>", "🎉" * 50, "a" * 3000, '"; rm -rf /', "\ud7ff\U0010ffff"):
        words = await speech.said(text, "en-us", 1.0)

        assert words is None or words.seconds < 1000
    assert await speech.said("x " * 20_000, "en-us", 10.0) is None
