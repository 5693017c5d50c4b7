"""Sounds: words, or babble with the rhythm and the formants of speech, and arpeggios over four chords."""

import asyncio
import unicodedata
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from emulator.render import speech
from emulator.render.ffmpeg import Ffmpeg

#: How fast the voice speaks, in characters per second at speed 1.
CHARACTERS_PER_SECOND: Final = 15.0
#: How many characters of an alphabet take as long as one Han character, kana or syllable of Hangul.
_PER_WIDE_CHARACTER: Final = 3.3
_SYLLABLES_PER_SECOND: Final = 4.5
_RATE: Final = 24_000
#: First and second formant of five vowels, in hertz.
_VOWELS: Final = ((730, 1090), (530, 1840), (300, 2290), (570, 840), (440, 1020))
#: Semitones above the root, for the four chords in turn.
_CHORDS: Final = ((0, 4, 7, 12), (-3, 0, 4, 9), (-7, -3, 0, 5), (-5, -1, 2, 7))
_CODECS: Final = {
    "mp3": ("-c:a", "libmp3lame", "-b:a", "96k"),
    "wav": ("-c:a", "pcm_s16le"),
    "flac": ("-c:a", "flac"),
    "ogg": ("-c:a", "libopus", "-b:a", "48k"),
}


def spoken_seconds(text: str, speed: float = 1.0) -> float:
    """How long it takes to say *text*."""
    wide = sum(character.isalpha() and unicodedata.east_asian_width(character) in {"W", "F"} for character in text)
    return max(0.5, (len(text) + (_PER_WIDE_CHARACTER - 1) * wide) / CHARACTERS_PER_SECOND / speed)


async def speak(ffmpeg: Ffmpeg, text: str, seconds: float, target: Path, *, language: str | None = None) -> None:
    """Write *seconds* of *text* spoken in *language*.

    Without a language, or where nobody can speak it, it is speech-like sound whose voice and melody follow the text.
    """
    words = None if language is None else await speech.said(text, language, seconds)
    if words is None:
        await _write(ffmpeg, _speech_source(text, seconds), target)
    else:
        await _write_words(ffmpeg, words, seconds, target)


async def play(ffmpeg: Ffmpeg, prompt: str, seconds: float, target: Path) -> None:
    """Write *seconds* of music; key and pace follow from the prompt."""
    await _write(ffmpeg, music_source(prompt, seconds), target)


def music_source(prompt: str, seconds: float) -> str:
    """Describe the music as a lavfi source: a soft chord under an arpeggio that walks through it."""
    seed = zlib.crc32(prompt.encode())
    root = 130.81 * 2 ** ((seed % 12) / 12)
    pace = 3 + seed // 12 % 4
    chord = f"mod(floor(t*{pace}/8),4)"
    note = _pick(chord, [_pick(f"mod(floor(t*{pace}),4)", list(semitones)) for semitones in _CHORDS])
    tone = f"{root:.2f}*2*pow(2,({note})/12)"
    beat = f"mod(t*{pace},1)"
    parts = [f"0.30*sin(2*PI*{tone}*t)*exp(-3*{beat})*min(1,40*{beat})"]
    for index in range(3):
        semitone = _pick(chord, [semitones[index] for semitones in _CHORDS])
        parts.append(f"0.08*sin(2*PI*{root:.2f}*pow(2,({semitone})/12)*t)")
    return _source("+".join(parts), seconds)


def _speech_source(text: str, seconds: float) -> str:
    """Formant-wave synthesis: each period of the voice starts two decaying waves at the vowel's formants."""
    seed = zlib.crc32(text.encode()) % 97
    pitch = 95 + seed
    first = _pick("ld(1)", [vowel[0] for vowel in _VOWELS])
    second = _pick("ld(1)", [vowel[1] for vowel in _VOWELS])
    steps = (
        f"st(0,floor(t*{_SYLLABLES_PER_SECOND}))",
        f"st(1,mod(ld(0)*ld(0)*7+ld(0)*3+{seed},5))",
        f"st(2,mod(t*{pitch},1)/{pitch})",
        f"st(3,sin(PI*mod(t*{_SYLLABLES_PER_SECOND},1)))",
        f"st(4,gt(mod(ld(0)*5+{seed},8),0.5))",
        f"0.5*ld(4)*sqrt(ld(3))*(sin(2*PI*({first})*ld(2))*exp(-280*ld(2))"
        f"+0.5*sin(2*PI*({second})*ld(2))*exp(-400*ld(2)))",
    )
    return _source(";".join(steps), seconds)


def _pick(index: str, values: Sequence[int | str]) -> str:
    """Write the ffmpeg expression for `values[index]`."""
    expression = str(values[-1])
    for position in range(len(values) - 2, -1, -1):
        expression = f"if(lt({index},{position + 1}),{values[position]},{expression})"
    return expression


def _source(expression: str, seconds: float) -> str:
    return f"aevalsrc=exprs='{expression}':s={_RATE}:d={seconds:.3f}"


async def _write(ffmpeg: Ffmpeg, source: str, target: Path) -> None:
    await ffmpeg.make(target, "-f", "lavfi", "-i", source, "-ac", "1", *_codec_of(target))


async def _write_words(ffmpeg: Ffmpeg, words: speech.Speech, seconds: float, target: Path) -> None:
    """Write words with exactly the length: hurried without a change of pitch, or with silence behind them."""
    raw = target.with_name(f"{target.name}.pcm")
    fitting = f"atempo={max(1.0, words.seconds / seconds):.5f},apad,atrim=duration={seconds:.3f},aresample={_RATE}"
    source = ("-f", "s16le", "-ar", str(words.samples_per_second), "-ac", "1", "-i", str(raw))
    try:
        await asyncio.to_thread(raw.write_bytes, words.samples)
        await ffmpeg.make(target, *source, "-af", fitting, "-ac", "1", *_codec_of(target))
    finally:
        await asyncio.to_thread(raw.unlink, missing_ok=True)


def _codec_of(target: Path) -> tuple[str, ...]:
    return _CODECS[target.suffix.removeprefix(".")]
