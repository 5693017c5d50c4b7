"""A whole video, as recipes make it: pictures in motion and a clip, joined, with voices, music and subtitles."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from segue.v1.spec_pb2 import SUBTITLE_POSITION_TOP
from tests.integration.media.footage import (
    BLUE,
    RED,
    WHITE,
    beeps,
    colour_clip,
    flashes,
    is_near,
    our_ffmpeg,
    pictures,
    tone,
)
from workers.media.finish import finish
from workers.media.frame import Frame
from workers.media.frames import thumbnail
from workers.media.join import join
from workers.media.loudness import CEILING, TARGET, measure
from workers.media.mix import Voice, mix
from workers.media.probe import probe
from workers.media.stills import animate
from workers.subtitles.ass import ass_of
from workers.subtitles.cues import Cue
from workers.subtitles.fonts import FONTS

if TYPE_CHECKING:
    from pathlib import Path

FRAME = Frame(320, 180, 25)
SECOND = timedelta(seconds=1)
DRIFT = 0.04


@pytest.fixture
async def joined(tmp_path: Path) -> Path:
    """A red picture, a clip of another shape that flashes and beeps, and a blue picture; cross-faded."""
    parts = [
        tmp_path / "red.mp4",
        colour_clip(tmp_path / "clip.mp4", "green", size="180x320", rate="30"),
        tmp_path / "blue.mp4",
    ]
    for number, (colour, made) in enumerate(((RED, parts[0]), (BLUE, parts[2]))):
        still = tmp_path / f"{number}.png"
        Image.new("RGB", (400, 400), colour).save(still)
        await animate(our_ffmpeg(), still, made, frame=FRAME, length=2 * SECOND, motion=number)
    into = tmp_path / "joined.mp4"
    await join(our_ffmpeg(), parts, into, frame=FRAME, crossfade=timedelta(seconds=0.2))
    return into


@pytest.fixture
async def delivered(joined: Path, tmp_path: Path) -> Path:
    """That video with a voice, music and subtitles."""
    voice, music = tone(tmp_path / "voice.mp3", hertz=700, seconds=1), tone(tmp_path / "music.mp3", hertz=300)
    mixed, subtitles, into = tmp_path / "mixed.m4a", tmp_path / "cues.ass", tmp_path / "delivered.mp4"
    length = timedelta(seconds=4.6)
    await mix(our_ffmpeg(), mixed, length=length, voices=[Voice(voice, 3 * SECOND)], music=music, own=joined)
    cue = Cue(SECOND / 2, SECOND, "Hello {\\an2} world, [x]; y='z'")
    script = ass_of([cue], position=SUBTITLE_POSITION_TOP, frame=FRAME, language="en")
    subtitles.write_text(script)
    await finish(our_ffmpeg(), joined, into, sound=mixed, subtitles=subtitles, fonts=FONTS)
    return into


async def test_the_whole_video_is_what_was_asked_for(delivered: Path, tmp_path: Path) -> None:
    info, seen = await probe(delivered), pictures(delivered)
    assert (info.display_size, info.pix_fmt, info.video_codec) == ((320, 180), "yuv420p", "h264")
    assert info.frame_rate == FRAME.rate
    assert len(seen) == 115
    assert info.audio_duration == pytest.approx(info.video_duration, abs=timedelta(seconds=DRIFT))

    assert is_near(seen[0].colour(0.5, 0.5), RED)  # no black first frame
    assert seen[0].image.key_frame
    assert seen[0].time == 0
    assert is_near(seen[-1].colour(0.5, 0.5), BLUE)

    def white_rows(number: int) -> list[int]:
        found = seen[number]
        return [row for row in range(180) if any(is_near(found.colour(x / 320, row / 180), WHITE) for x in range(320))]

    assert white_rows(8) == white_rows(28) == []
    assert white_rows(18)
    assert max(white_rows(18)) < 60  # at the top

    await thumbnail(our_ffmpeg(), delivered, tmp_path / "thumbnail.jpg")
    with Image.open(tmp_path / "thumbnail.jpg") as image:
        assert image.size == (320, 180)
        assert image.convert("L").getextrema() != (0, 0)


async def test_the_whole_video_is_as_loud_as_platforms_play_it(delivered: Path) -> None:
    found = await measure(our_ffmpeg(), delivered)

    assert found.integrated == pytest.approx(TARGET, abs=1)
    assert found.peak <= CEILING


async def test_sounds_and_pictures_stay_together_through_all_steps(joined: Path, tmp_path: Path) -> None:
    mixed, done = tmp_path / "own.m4a", tmp_path / "done.mp4"
    await mix(our_ffmpeg(), mixed, length=timedelta(seconds=4.6), own=joined)
    await finish(our_ffmpeg(), joined, done, sound=mixed, subtitles=None, fonts=None)

    (flash,) = flashes(done)
    assert flash == pytest.approx(1.8 + 0.4, abs=DRIFT)
    assert beeps(done, quiet=0.3) == pytest.approx([flash], abs=DRIFT)
