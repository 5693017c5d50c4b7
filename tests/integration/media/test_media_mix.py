"""Voices, music and a video's own sound become one: in time, in balance, and as loud as platforms play it."""

from __future__ import annotations

import math
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from tests.integration.media.footage import FLASH_AT, beeps, colour_clip, our_ffmpeg, produce, samples, tone
from workers.media.errors import InputMediaError
from workers.media.loudness import CEILING, TARGET, measure
from workers.media.mix import Voice, mix
from workers.media.probe import probe

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

RATE = 48_000
#: What people do not hear, in LU.
ONE_LU = 1.0


def level(sound: Sequence[float], hertz: int, start: float, end: float) -> float:
    """Return how loud one tone is in a part of a sound, in dB. Goertzel's algorithm."""
    part = sound[int(start * RATE) : int(end * RATE)]
    turn = 2 * math.cos(2 * math.pi * hertz / RATE)
    one = two = 0.0
    for sample in part:
        one, two = sample + turn * one - two, one
    power = one * one + two * two - turn * one * two
    return 10 * math.log10(max(power, 1e-12) / len(part) ** 2)


async def loudness_of(path: Path) -> float:
    """Return the integrated loudness in LUFS."""
    return (await measure(our_ffmpeg(), path)).integrated


async def test_voices_are_heard_at_their_times_and_paces(tmp_path: Path) -> None:
    high = tone(tmp_path / "high.wav", hertz=1000, seconds=0.6)
    low = tone(tmp_path / "low.mp3", hertz=500, seconds=1.0)
    mixed = tmp_path / "mixed.m4a"

    voices = [Voice(high, timedelta(seconds=0.5)), Voice(low, timedelta(seconds=2), tempo=2.0)]
    await mix(our_ffmpeg(), mixed, length=timedelta(seconds=3), voices=voices)

    assert beeps(mixed, quiet=0.3) == pytest.approx([0.5, 2.0], abs=0.03)
    heard = samples(mixed)
    assert level(heard, 500, 2.1, 2.4) > -20  # as high as before, though twice as fast
    assert level(heard, 500, 2.7, 3.0) < -40  # and over after half of its time
    assert level(heard, 1000, 1.2, 1.9) < -40


@pytest.mark.parametrize("seconds", [1.0, 3.0, 7.013])
async def test_the_sound_is_as_long_as_the_video(tmp_path: Path, seconds: float) -> None:
    music, mixed = tone(tmp_path / "music.mp3", seconds=2), tmp_path / "mixed.m4a"

    await mix(our_ffmpeg(), mixed, length=timedelta(seconds=seconds), music=music)

    info = await probe(mixed)
    assert info.audio_codec == "aac"
    assert info.audio_duration == pytest.approx(timedelta(seconds=seconds), abs=timedelta(milliseconds=1))
    assert (info.sample_rate, info.channels) == (RATE, 2)


@pytest.mark.parametrize("volume", [0.9, 0.1, 0.003])
async def test_three_seconds_of_any_volume_get_the_same_loudness(tmp_path: Path, volume: float) -> None:
    music, mixed = tone(tmp_path / "music.wav", volume=volume), tmp_path / "mixed.m4a"

    await mix(our_ffmpeg(), mixed, length=timedelta(seconds=3), music=music)

    assert await loudness_of(mixed) == pytest.approx(TARGET, abs=ONE_LU)


async def test_high_peaks_do_not_keep_it_soft_and_are_not_clipped(tmp_path: Path) -> None:
    claps, mixed = tmp_path / "claps.wav", tmp_path / "mixed.m4a"
    wave = "0.9*(2*random(0)-1)*lt(mod(t,0.5),0.02)+0.02*sin(2*PI*300*t)"
    produce("-f", "lavfi", "-i", f"aevalsrc='{wave}':s=48000:d=3", "-ac", "2", claps)

    await mix(our_ffmpeg(), mixed, length=timedelta(seconds=3), own=claps)

    found = await measure(our_ffmpeg(), mixed)
    assert found.integrated == pytest.approx(TARGET, abs=ONE_LU)
    assert found.peak <= CEILING


async def test_silence_stays_silence(tmp_path: Path) -> None:
    silent, mixed = tone(tmp_path / "silent.wav", volume=0), tmp_path / "mixed.m4a"

    await mix(our_ffmpeg(), mixed, length=timedelta(seconds=3), voices=[Voice(silent, timedelta(0))], music=silent)

    assert max(map(abs, samples(mixed))) < 0.001
    assert (await measure(our_ffmpeg(), mixed)).is_silent
    assert (await probe(mixed)).audio_duration == timedelta(seconds=3)


async def test_without_anything_there_is_silence(tmp_path: Path) -> None:
    mute, mixed = colour_clip(tmp_path / "mute.mp4", "red", sound=None), tmp_path / "mixed.m4a"

    await mix(our_ffmpeg(), mixed, length=timedelta(seconds=1), own=mute)

    assert (await probe(mixed)).audio_duration == timedelta(seconds=1)
    assert max(map(abs, samples(mixed))) == 0


async def test_music_steps_back_while_somebody_speaks_and_returns(tmp_path: Path) -> None:
    voice = tone(tmp_path / "voice.wav", hertz=2000, seconds=1.5)
    music = tone(tmp_path / "music.wav", hertz=300, seconds=6)
    mixed = tmp_path / "mixed.m4a"

    await mix(
        our_ffmpeg(), mixed, length=timedelta(seconds=6), voices=[Voice(voice, timedelta(seconds=2))], music=music
    )

    heard = samples(mixed)
    alone, under, again = (level(heard, 300, *part) for part in ((1.2, 1.8), (2.5, 3.4), (4.2, 4.4)))
    assert 7 < alone - under < 14
    assert again == pytest.approx(alone, abs=2)
    assert level(heard, 2000, 2.5, 3.4) - under > 8  # the words are clear


async def test_music_that_is_too_short_goes_on_without_a_gap_and_fades_out(tmp_path: Path) -> None:
    music, mixed = tone(tmp_path / "music.mp3", hertz=300, seconds=4), tmp_path / "mixed.m4a"

    await mix(our_ffmpeg(), mixed, length=timedelta(seconds=10), music=music)

    heard = samples(mixed)
    levels = [level(heard, 300, start / 5, start / 5 + 0.2) for start in range(5, 40)]
    assert max(levels) - min(levels) < 4  # two tones that meet may add up or cancel out a little
    assert level(heard, 300, 0.0, 0.1) < max(levels) - 15
    assert level(heard, 300, 9.9, 10.0) < max(levels) - 15


async def test_music_of_a_moment_is_repeated_and_long_music_is_cut(tmp_path: Path) -> None:
    short, long = tone(tmp_path / "short.wav", seconds=0.7), tone(tmp_path / "long.mp3", seconds=9)

    for music in (short, long):
        mixed = tmp_path / f"{music.stem}.m4a"
        await mix(our_ffmpeg(), mixed, length=timedelta(seconds=4), music=music)

        assert level(samples(mixed), 440, 1.9, 2.1) > -25
        assert (await probe(mixed)).audio_duration == timedelta(seconds=4)


async def test_the_videos_own_sound_is_kept_at_its_time_under_the_voice(tmp_path: Path) -> None:
    video = colour_clip(tmp_path / "video.mp4", "red", seconds=2)  # beeps at 1000 Hz
    voice = tone(tmp_path / "voice.wav", hertz=300, seconds=0.8)
    mixed = tmp_path / "mixed.m4a"

    await mix(our_ffmpeg(), mixed, length=timedelta(seconds=2), voices=[Voice(voice, timedelta(seconds=1))], own=video)

    assert beeps(mixed, quiet=0.2) == pytest.approx([FLASH_AT, 1.0], abs=0.03)
    assert await loudness_of(mixed) == pytest.approx(TARGET, abs=ONE_LU)


async def test_many_voices_are_all_heard(tmp_path: Path) -> None:
    voice, mixed = tone(tmp_path / "voice.wav", hertz=1000, seconds=0.2, volume=0.5), tmp_path / "mixed.m4a"

    voices = [Voice(voice, timedelta(seconds=number / 2)) for number in range(40)]
    await mix(our_ffmpeg(), mixed, length=timedelta(seconds=20), voices=voices)

    assert beeps(mixed, quiet=0.15) == pytest.approx([number / 2 for number in range(40)], abs=0.02)


async def test_progress_of_a_mix_rises(tmp_path: Path) -> None:
    told: list[float] = []

    async def report(fraction: float) -> None:
        told.append(fraction)

    music = tone(tmp_path / "music.wav")
    await mix(our_ffmpeg(), tmp_path / "x.m4a", length=timedelta(seconds=3), music=music, report=report)

    assert all(before <= after for before, after in pairwise(told))
    assert told[-1] <= 1


async def test_a_picture_is_no_music(tmp_path: Path) -> None:
    produce("-f", "lavfi", "-i", "color=red:s=16x16", "-frames:v", "1", tmp_path / "red.png")

    with pytest.raises(InputMediaError):
        await mix(our_ffmpeg(), tmp_path / "x.m4a", length=timedelta(seconds=1), music=tmp_path / "red.png")


def test_a_pace_at_which_nobody_understands_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"a tempo of 2\.5 is not from 0\.5 to 2\.0"):
        Voice(tmp_path / "voice.wav", timedelta(0), tempo=2.5)
