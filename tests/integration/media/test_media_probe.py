"""A file is what is in it: lengths by its packets, sizes by its frames."""

from __future__ import annotations

import asyncio
import sys
from datetime import timedelta
from fractions import Fraction
from typing import TYPE_CHECKING

import pytest

from tests.integration.media.samples import PICTURE, TONE, children, runner, sample
from workers.media import probe as probing
from workers.media import sniff as formats
from workers.media.errors import InputMediaError, MediaError
from workers.media.limits import MediaLimits
from workers.media.probe import probe

if TYPE_CHECKING:
    from pathlib import Path

    from workers.media.sniff import Format

SECOND = timedelta(seconds=1)
#: What lossy sound may be longer, as it comes in frames.
FRAME = timedelta(milliseconds=50)


async def test_a_video_is_told_in_whole(tmp_path: Path) -> None:
    clip = await sample(tmp_path / "clip.mp4", "-pix_fmt", "yuv420p", "-ac", "2", "-ar", "48000")

    info = await probe(clip)

    assert info.format is formats.MP4
    assert info.size_bytes == clip.stat().st_size
    assert info.duration == info.video_duration == info.audio_duration == SECOND
    assert (info.width, info.height, info.frame_rate) == (320, 180, Fraction(25))
    assert (info.video_codec, info.pix_fmt) == ("h264", "yuv420p")
    assert (info.audio_codec, info.sample_rate, info.channels) == ("aac", 48000, 2)
    assert info.has_video
    assert info.has_audio
    assert info.rotation == 0
    assert info.display_size == (320, 180)


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        ("a.mov", (), formats.MOV),
        ("a.mkv", (), formats.MATROSKA),
        ("a.webm", ("-c:v", "libvpx", "-c:a", "libopus"), formats.WEBM),
        ("a.avi", (), formats.AVI),
        ("a.ts", ("-c:v", "mpeg2video", "-c:a", "mp2"), formats.MPEG_TS),
        ("a.flv", ("-ar", "44100"), formats.FLV),
    ],
)
async def test_every_kind_of_video_is_known(
    tmp_path: Path, name: str, options: tuple[str, ...], expected: Format
) -> None:
    info = await probe(await sample(tmp_path / name, *options))

    assert info.format is expected
    assert info.has_video
    assert info.has_audio
    for length in (info.duration, info.video_duration, info.audio_duration):
        assert length is not None
        assert abs(length - SECOND) <= FRAME


@pytest.mark.parametrize(
    ("name", "options", "expected", "longer"),
    [
        ("a.wav", (), formats.WAV, timedelta(0)),
        ("a.flac", (), formats.FLAC, timedelta(0)),
        ("a.mp3", (), formats.MP3, timedelta(0)),  # without what its encoder added
        ("a.m4a", (), formats.M4A, timedelta(0)),
        ("a.ogg", ("-c:a", "libopus"), formats.OGG, timedelta(0)),
        ("a.aac", (), formats.AAC, FRAME),
    ],
)
async def test_every_kind_of_sound_is_measured(
    tmp_path: Path, name: str, options: tuple[str, ...], expected: Format, longer: timedelta
) -> None:
    info = await probe(await sample(tmp_path / name, *options, picture=False))

    assert info.format is expected
    assert info.has_audio
    assert not info.has_video
    assert info.duration == info.audio_duration
    assert info.duration is not None
    assert SECOND <= info.duration <= SECOND + longer


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.png", formats.PNG),
        ("a.jpg", formats.JPEG),
        ("a.webp", formats.WEBP),
        ("a.bmp", formats.BMP),
        ("a.avif", formats.AVIF),
    ],
)
async def test_every_kind_of_picture_has_a_size_and_no_length(tmp_path: Path, name: str, expected: Format) -> None:
    info = await probe(await sample(tmp_path / name, "-frames:v", "1", tone=False))

    assert info.format is expected
    assert info.display_size == (320, 180)
    assert (info.duration, info.video_duration, info.frame_rate) == (None, None, None)
    assert info.has_video
    assert not info.has_audio


async def test_tracks_of_different_lengths_are_measured_apart(tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    await runner().run(*PICTURE, "-f", "lavfi", "-i", "sine=duration=2.5", clip)

    info = await probe(clip)

    assert info.video_duration == SECOND
    assert info.audio_duration == info.duration == timedelta(seconds=2.5)


async def test_a_turned_video_of_wide_pixels_is_told_as_it_is_shown(tmp_path: Path) -> None:
    clip = await sample(tmp_path / "clip.mp4", "-vf", "setsar=2", tone=False)
    turned = tmp_path / "turned.mp4"
    await runner().run("-display_rotation", "90", "-i", clip, "-c", "copy", turned)

    info = await probe(turned)

    assert (info.width, info.height) == (320, 180)
    assert info.sample_aspect_ratio == 2
    assert info.rotation in {90, -90, 270}
    assert info.display_size == (180, 640)


async def test_the_picture_on_a_sleeve_is_no_video(tmp_path: Path) -> None:
    sleeve = await sample(tmp_path / "sleeve.png", "-frames:v", "1", tone=False)
    song = tmp_path / "song.mp3"
    await runner().run(*TONE, "-i", sleeve, "-map", "0", "-map", "1", "-disposition:v", "attached_pic", song)

    info = await probe(song)

    assert not info.has_video
    assert info.duration == SECOND


async def test_a_look_that_takes_too_long_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clip, endless = await sample(tmp_path / "clip.mp4"), tmp_path / "probing.py"
    endless.write_text("import time; time.sleep(600)")
    monkeypatch.setattr(probing, "_PROBING", str(endless))
    monkeypatch.setattr(probing, "_LIMITS", MediaLimits(time=timedelta(milliseconds=300)))

    with pytest.raises(MediaError, match=r"clip\.mp4 could not be looked at within"):
        await probe(clip)

    assert children() == []


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere memory has no bound")
async def test_a_look_that_needs_too_much_memory_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clip = await sample(tmp_path / "clip.mp4")
    monkeypatch.setattr(probing, "_LIMITS", MediaLimits(memory_bytes=20_000_000))

    with pytest.raises(MediaError) as failed:
        await probe(clip)

    assert not isinstance(failed.value, InputMediaError)


async def test_many_looks_at_once_wait_for_each_other(tmp_path: Path) -> None:
    clip = await sample(tmp_path / "clip.mp4")
    most = 0

    async def watch() -> None:
        nonlocal most
        while True:
            most = max(most, len(children()))
            await asyncio.sleep(0.01)

    watching = asyncio.create_task(watch())
    infos = await asyncio.gather(*(probe(clip) for _ in range(8)))
    watching.cancel()

    assert {info.duration for info in infos} == {SECOND}
    assert 1 <= most <= 4
