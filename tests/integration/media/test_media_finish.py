"""What is delivered plays everywhere, tells nothing of where it came from, and shows its subtitles."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING

import av
import pytest
from PIL import Image

from tests.integration.media.footage import (
    BLUE,
    RED,
    beeps,
    colour_clip,
    flashes,
    is_near,
    our_ffmpeg,
    pictures,
    produce,
    samples,
    tone,
)
from workers.media.errors import InputMediaError
from workers.media.finish import finish
from workers.media.frames import thumbnail
from workers.media.mix import mix
from workers.media.probe import probe

if TYPE_CHECKING:
    from pathlib import Path

SUBTITLES = """[Script Info]
ScriptType: v4.00+
PlayResX: 320
PlayResY: 180
[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, OutlineColour, Bold, BorderStyle, Outline, Alignment, MarginV
Style: Default,Sans,30,&H0000FFFF,&H00000000,1,1,0,2,10
[Events]
Format: Layer, Start, End, Style, Text
Dialogue: 0,0:00:01.00,0:00:02.00,Default,MMMMMM
"""


def packets(path: Path) -> list[str]:
    """Return a digest of each encoded picture."""
    with av.open(str(path)) as container:
        return [hashlib.sha256(bytes(packet)).hexdigest() for packet in container.demux(video=0) if packet.size]


async def deliver(
    video: Path, into: Path, *, sound: Path | None = None, subtitles: Path | None = None, fonts: Path | None = None
) -> None:
    """Finish with what is given."""
    await finish(our_ffmpeg(), video, into, sound=sound, subtitles=subtitles, fonts=fonts)


async def test_a_new_sound_replaces_the_old_one_and_pictures_are_copied(tmp_path: Path) -> None:
    video = colour_clip(tmp_path / "video.mp4", "red", seconds=2)
    music, mixed, done = tone(tmp_path / "music.wav", seconds=5), tmp_path / "mixed.m4a", tmp_path / "done.mp4"
    await mix(our_ffmpeg(), mixed, length=timedelta(seconds=2), music=music)

    await deliver(video, done, sound=mixed)

    assert packets(done) == packets(video)
    info = await probe(done)
    assert info.duration == info.video_duration == timedelta(seconds=2)
    assert info.audio_duration == pytest.approx(timedelta(seconds=2), abs=timedelta(milliseconds=1))
    assert samples(done)[: 2 * 48_000] == samples(mixed)[: 2 * 48_000]  # copied too
    assert pictures(done)[0].time == 0


@pytest.mark.parametrize(
    ("name", "seconds"), [("short.mp3", 0.5), ("long.wav", 9.0), ("bare.aac", 2.0), ("sound.ogg", 2.0)]
)
async def test_any_sound_becomes_aac_as_long_as_the_pictures(tmp_path: Path, name: str, seconds: float) -> None:
    video, done = colour_clip(tmp_path / "video.mp4", "red", seconds=2), tmp_path / "done.mp4"

    await deliver(video, done, sound=tone(tmp_path / name, seconds=seconds))

    info = await probe(done)
    assert info.audio_codec == "aac"
    assert info.video_duration == timedelta(seconds=2)
    assert info.audio_duration == pytest.approx(timedelta(seconds=2), abs=timedelta(milliseconds=1))


async def test_a_video_keeps_its_own_sound_or_its_silence(tmp_path: Path) -> None:
    loud, mute = colour_clip(tmp_path / "loud.mp4", "red"), colour_clip(tmp_path / "mute.mp4", "red", sound=None)

    await deliver(loud, tmp_path / "one.mp4")
    await deliver(mute, tmp_path / "two.mp4")

    assert beeps(tmp_path / "one.mp4") == pytest.approx(flashes(tmp_path / "one.mp4"), abs=0.01)
    assert not (await probe(tmp_path / "two.mp4")).has_audio


async def test_it_plays_before_it_is_loaded_and_tells_nothing_of_its_origin(tmp_path: Path) -> None:
    private = ("-metadata", "title=secret", "-metadata", "location=+52.5+013.4/", "-metadata:s:v", "title=secret too")
    video, done = colour_clip(tmp_path / "video.mov", "red", encoding=private), tmp_path / "done.mp4"

    await deliver(video, done)

    content = done.read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")
    assert not [word for word in (b"secret", b"+52.5", b"Lavf", str(tmp_path).encode()) if word in content]


async def test_what_players_do_not_know_is_encoded_anew(tmp_path: Path) -> None:
    video = colour_clip(
        tmp_path / "old.avi",
        "blue",
        size="321x181",
        encoding=("-c:v", "mjpeg", "-pix_fmt", "yuvj444p", "-c:a", "pcm_s16le", "-bf", "0"),
    )
    done = tmp_path / "done.mp4"

    await deliver(video, done)

    info, seen = await probe(done), pictures(done)
    assert (info.video_codec, info.pix_fmt, info.audio_codec) == ("h264", "yuv420p", "aac")
    assert info.display_size == (320, 180)
    assert info.frame_rate == Fraction(30)
    assert len(seen) == 30
    assert is_near(seen[0].colour(0.5, 0.5), BLUE)


async def test_subtitles_stand_where_and_when_they_should(tmp_path: Path) -> None:
    # A folder whose name is a graph of filters: nothing in it may be taken for one.
    folder = tmp_path / "it's, a [graph]; x=1:y\\2 'ü"
    folder.mkdir()
    subtitles, fonts = folder / "subtitles.ass", folder / "fonts"
    subtitles.write_text(SUBTITLES)
    fonts.mkdir()
    video, done = colour_clip(folder / "video.mp4", "blue", seconds=3), folder / "done.mp4"

    await deliver(video, done, subtitles=subtitles, fonts=fonts)

    seen = pictures(done)
    assert len(seen) == 90

    def yellow_rows(picture: int) -> list[int]:
        found = seen[picture]
        return [
            row
            for row in range(180)
            if any(
                is_near(found.colour(column / 160, (row + 0.5) / 180), (255, 255, 0), by=90) for column in range(160)
            )
        ]

    assert yellow_rows(24) == yellow_rows(66) == []
    assert yellow_rows(45)
    assert min(yellow_rows(45)) > 120  # at the bottom
    info = await probe(done)
    assert info.pix_fmt == "yuv420p"
    assert flashes(done) == pytest.approx([0.4], abs=0.001)
    assert beeps(done) == pytest.approx([0.4], abs=0.01)


async def test_what_is_no_video_cannot_be_finished(tmp_path: Path) -> None:
    video, sound = colour_clip(tmp_path / "mute.mp4", "red", sound=None), tone(tmp_path / "sound.wav")

    with pytest.raises(InputMediaError, match=r"^sound\.wav is no video\.$"):
        await deliver(sound, tmp_path / "x.mp4")
    with pytest.raises(InputMediaError, match=r"^mute\.mp4 has no sound\.$"):
        await deliver(video, tmp_path / "x.mp4", sound=video)


async def test_progress_of_finishing_rises(tmp_path: Path) -> None:
    told: list[float] = []

    async def report(fraction: float) -> None:
        told.append(fraction)

    subtitles = tmp_path / "s.ass"
    subtitles.write_text(SUBTITLES)
    video = colour_clip(tmp_path / "video.mp4", "blue", seconds=3)
    await finish(our_ffmpeg(), video, tmp_path / "x.mp4", sound=None, subtitles=subtitles, fonts=None, report=report)

    assert told
    assert all(before <= after for before, after in pairwise(told))


async def test_a_thumbnail_is_a_picture_of_the_video_that_is_not_black(tmp_path: Path) -> None:
    video, made = tmp_path / "video.mp4", tmp_path / "thumbnail.jpg"
    picture = "color=black:s=320x180:r=30:d=2,drawbox=c=red:t=fill:enable='gt(t,1.5)'"
    produce("-f", "lavfi", "-i", picture, "-pix_fmt", "yuv420p", video)

    await thumbnail(our_ffmpeg(), video, made)

    with Image.open(made) as image:
        assert (image.format, image.size) == ("JPEG", (320, 180))
        found = image.convert("RGB").getpixel((160, 90))
        assert isinstance(found, tuple)
        assert is_near((found[0], found[1], found[2]), RED)


@pytest.mark.parametrize("seconds", [0.04, 0.5, 2.0])
async def test_even_a_black_or_a_very_short_video_has_a_thumbnail(tmp_path: Path, seconds: float) -> None:
    video, made = tmp_path / "video.mp4", tmp_path / "thumbnail.jpg"
    produce("-f", "lavfi", "-i", f"color=black:s=64x36:r=25:d={seconds}", "-pix_fmt", "yuv420p", video)

    await thumbnail(our_ffmpeg(), video, made)

    with Image.open(made) as image:
        assert image.size == (64, 36)


async def test_a_late_bright_picture_of_a_long_dark_video_is_found(tmp_path: Path) -> None:
    video, made = tmp_path / "video.mp4", tmp_path / "thumbnail.jpg"
    picture = "color=black:s=64x36:r=10:d=30,drawbox=c=blue:t=fill:enable='between(t,25.1,25.4)'"
    produce("-f", "lavfi", "-i", picture, "-pix_fmt", "yuv420p", "-g", "250", "-sc_threshold", "0", video)

    await thumbnail(our_ffmpeg(), video, made)

    with Image.open(made) as image:
        found = image.convert("RGB").getpixel((32, 18))
        assert isinstance(found, tuple)
        assert is_near((found[0], found[1], found[2]), BLUE)
