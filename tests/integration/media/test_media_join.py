"""Videos of any kind become one: in order, in time, whole, and encoded again only where it must be."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING

import av
import pytest

from tests.integration.media.footage import (
    BLACK,
    BLUE,
    FLASH_AT,
    GREEN,
    RED,
    beeps,
    colour_clip,
    flashes,
    is_near,
    our_ffmpeg,
    pictures,
    produce,
    samples,
)
from workers.media.errors import InputMediaError
from workers.media.frame import Frame
from workers.media.join import join
from workers.media.probe import probe

if TYPE_CHECKING:
    from pathlib import Path

NO_FADE = timedelta(0)
#: What eyes and ears do not tell apart, in seconds.
DRIFT = 0.04


@pytest.fixture
def clips(tmp_path: Path) -> list[Path]:
    """Three clips that are encoded alike, of one second each."""
    return [colour_clip(tmp_path / f"{colour}.mp4", colour) for colour in ("red", "green", "blue")]


def packets(path: Path) -> list[str]:
    """Return a digest of each encoded picture."""
    with av.open(str(path)) as container:
        return [hashlib.sha256(bytes(packet)).hexdigest() for packet in container.demux(video=0) if packet.size]


async def seconds(path: Path) -> float:
    """Return how long a video's pictures last."""
    duration = (await probe(path)).video_duration
    assert duration is not None
    return duration.total_seconds()


def names(folder: Path) -> list[str]:
    """Return what is in a folder."""
    return sorted(path.name for path in folder.iterdir())


async def test_clips_that_are_encoded_alike_are_joined_without_encoding_their_pictures_again(
    clips: list[Path], tmp_path: Path
) -> None:
    joined = tmp_path / "joined.mp4"

    await join(our_ffmpeg(), clips, joined, frame=None, crossfade=NO_FADE)

    assert packets(joined) == [packet for clip in clips for packet in packets(clip)]
    seen = pictures(joined)
    assert len(seen) == 90
    assert [is_near(seen[number].colour(0.5, 0.5), wanted) for number, wanted in ((0, RED), (30, GREEN), (89, BLUE))]
    assert flashes(joined) == pytest.approx([FLASH_AT + second for second in range(3)], abs=0.001)
    assert beeps(joined) == pytest.approx(flashes(joined), abs=0.01)
    assert (await probe(joined)).duration == timedelta(seconds=3)


async def test_clips_of_other_shapes_rates_and_sounds_are_shown_whole_on_the_first_ones_frame(tmp_path: Path) -> None:
    clips = [
        colour_clip(tmp_path / "first.mp4", "red"),
        colour_clip(tmp_path / "upright.mp4", "green", size="90x160", rate="24", sound=None),
        colour_clip(
            tmp_path / "old.avi", "blue", size="160x160", rate="25", sound="44100:mono", encoding=("-c:v", "mpeg4")
        ),
    ]
    joined = tmp_path / "joined.mp4"

    await join(our_ffmpeg(), clips, joined, frame=None, crossfade=NO_FADE)

    info, seen = await probe(joined), pictures(joined)
    assert (info.display_size, info.frame_rate, info.pix_fmt) == ((320, 180), Fraction(30), "yuv420p")
    assert len(seen) == 90
    assert is_near(seen[0].colour(0.05, 0.5), RED)
    assert is_near(seen[31].colour(0.5, 0.02), GREEN)  # from top to bottom
    assert is_near(seen[31].colour(0.3, 0.5), BLACK)  # and nothing beside it
    assert is_near(seen[62].colour(0.25, 0.5), BLUE)
    assert is_near(seen[62].colour(0.15, 0.5), BLACK)
    assert flashes(joined) == pytest.approx([0.4, 1.4, 2.4], abs=DRIFT)
    assert beeps(joined) == pytest.approx([0.4, 2.4], abs=DRIFT)  # the one without sound is silent


async def test_pictures_that_are_turned_or_have_wide_pixels_are_shown_as_players_show_them(tmp_path: Path) -> None:
    wide = colour_clip(tmp_path / "wide.mp4", "red", size="160x180", encoding=("-vf", "setsar=2"))
    lying = colour_clip(tmp_path / "lying.mp4", "green", size="180x320")
    turned = tmp_path / "turned.mp4"
    produce("-display_rotation:v:0", "90", "-i", lying, "-c", "copy", turned)
    joined = tmp_path / "joined.mp4"

    await join(our_ffmpeg(), [wide, turned], joined, frame=None, crossfade=NO_FADE)

    info, seen = await probe(joined), pictures(joined)
    assert (info.display_size, info.sample_aspect_ratio, info.rotation) == ((320, 180), Fraction(1), 0)
    assert all(is_near(seen[0].colour(x, 0.5), RED) for x in (0.01, 0.5, 0.99))
    assert all(is_near(seen[-1].colour(x, 0.5), GREEN) for x in (0.01, 0.5, 0.99))


async def test_colours_are_those_that_players_show_whether_a_clip_says_how_they_are_coded_or_not(
    tmp_path: Path,
) -> None:
    """Without a word, large pictures are BT.709 and small ones BT.601."""
    clips = []
    for name, size, matrix, tag in (
        ("large", "1280x720", "bt709", "unknown"),
        ("small", "320x180", "bt601", "unknown"),
        ("told", "320x180", "bt709", "bt709"),
    ):
        clips.append(tmp_path / f"{name}.mp4")
        coded = f"color=green:s={size}:r=30:d=0.2,format=gbrp,scale=out_color_matrix={matrix},format=yuv420p"
        produce("-f", "lavfi", "-i", f"{coded},setparams=colorspace={tag}", "-colorspace", tag, clips[-1])
    joined = tmp_path / "joined.mp4"

    await join(our_ffmpeg(), clips, joined, frame=Frame(320, 180), crossfade=NO_FADE)

    assert [(await probe(clip)).says_colours for clip in clips] == [False, False, True]
    seen = pictures(joined)
    assert [is_near(seen[number].colour(0.5, 0.5), GREEN, by=6) for number in (2, 8, 14)] == [True] * 3


async def test_a_cross_fade_mixes_neighbours_and_shortens_the_video(clips: list[Path], tmp_path: Path) -> None:
    joined = tmp_path / "joined.mp4"

    await join(our_ffmpeg(), clips, joined, frame=None, crossfade=timedelta(seconds=0.3))

    seen = pictures(joined)
    assert len(seen) == 90 - 2 * 9
    assert is_near(seen[20].colour(0.5, 0.5), RED)
    red, green, blue = seen[25].colour(0.5, 0.5)  # in the middle of the first fade
    assert 60 < red < 190
    assert 30 < green < 110
    assert blue < 40
    assert is_near(seen[71].colour(0.5, 0.5), BLUE)
    assert flashes(joined) == pytest.approx([0.4, 1.1, 1.8], abs=0.001)
    assert beeps(joined) == pytest.approx(flashes(joined), abs=DRIFT)


async def test_twelve_clips_stay_in_step(tmp_path: Path) -> None:
    """Each is a little longer than a whole number of frames and of AAC's blocks, and half of them have odd sounds."""
    even = colour_clip(tmp_path / "even.mp4", "red", rate="30000/1001", seconds=1.03)
    odd = colour_clip(tmp_path / "odd.mp4", "blue", rate="25", seconds=1.05, sound="44100:mono")
    late = tmp_path / "late.mp4"
    produce("-i", odd, "-af", "atrim=start=0.3", "-c:v", "copy", late)  # its sound begins later
    clips = [even, odd, late, odd] * 3
    joined = tmp_path / "joined.mp4"

    await join(our_ffmpeg(), clips, joined, frame=None, crossfade=timedelta(seconds=0.1))

    whole = sum([await seconds(clip) for clip in clips]) - 11 * 0.1
    info = await probe(joined)
    assert await seconds(joined) == pytest.approx(whole, abs=1001 / 30000)
    assert info.audio_duration == pytest.approx(info.video_duration, abs=timedelta(seconds=DRIFT))
    seen, heard = flashes(joined), beeps(joined)
    assert len(seen) == len(heard) == 12
    assert [there - here for here, there in zip(seen, heard, strict=True)] == pytest.approx([0] * 12, abs=DRIFT)


async def test_copied_clips_stay_in_step_too(tmp_path: Path) -> None:
    clip = colour_clip(tmp_path / "clip.mp4", "red", rate="24", seconds=26 / 24)
    joined = tmp_path / "joined.mp4"

    await join(our_ffmpeg(), [clip] * 12, joined, frame=None, crossfade=NO_FADE)

    assert len(packets(joined)) == 12 * 26
    wanted = [FLASH_AT + number * 26 / 24 for number in range(12)]
    assert flashes(joined) == pytest.approx(wanted, abs=1 / 24)
    assert beeps(joined) == pytest.approx(wanted, abs=0.01)


async def test_what_we_encoded_before_is_copied_beside_what_has_to_be_encoded(
    clips: list[Path], tmp_path: Path
) -> None:
    ours, joined, frame = tmp_path / "ours.mp4", tmp_path / "joined.mp4", Frame(320, 180, 30)
    other = colour_clip(tmp_path / "other.mp4", "blue", size="160x90")
    await join(our_ffmpeg(), [other], ours, frame=frame, crossfade=NO_FADE)

    await join(our_ffmpeg(), [ours, other, ours], joined, frame=frame, crossfade=NO_FADE)

    made, kept = packets(joined), packets(ours)
    assert made[: len(kept)] == kept
    assert made[-len(kept) :] == kept
    assert len(pictures(joined)) == 90


async def test_clips_that_agree_in_all_but_their_encoders_settings_are_encoded_alike(
    clips: list[Path], tmp_path: Path
) -> None:
    other = colour_clip(tmp_path / "other.mp4", "blue", encoding=("-x264-params", "ref=4:bframes=3:b-pyramid=2"))
    joined = tmp_path / "joined.mp4"

    await join(our_ffmpeg(), [clips[0], other], joined, frame=None, crossfade=NO_FADE)

    assert not set(packets(joined)) & set(packets(clips[0]))
    assert is_near(pictures(joined)[-1].colour(0.5, 0.5), BLUE)


async def test_without_any_sound_there_is_no_sound_track(tmp_path: Path) -> None:
    clip = colour_clip(tmp_path / "mute.mp4", "red", sound=None)
    joined = tmp_path / "joined.mp4"

    await join(our_ffmpeg(), [clip, clip], joined, frame=None, crossfade=NO_FADE)

    info = await probe(joined)
    assert not info.has_audio
    assert info.duration == timedelta(seconds=2)


async def test_sound_longer_than_its_pictures_is_cut(tmp_path: Path) -> None:
    short, long = colour_clip(tmp_path / "short.mp4", "red"), tmp_path / "long.mp4"
    produce("-i", short, "-f", "lavfi", "-i", "sine=1000:d=3", "-map", "0:v", "-map", "1:a", "-c:v", "copy", long)
    joined = tmp_path / "joined.mp4"

    await join(our_ffmpeg(), [long, colour_clip(tmp_path / "next.mp4", "blue")], joined, frame=None, crossfade=NO_FADE)

    info = await probe(joined)
    assert info.video_duration == timedelta(seconds=2)
    assert info.audio_duration == timedelta(seconds=2)
    assert max(map(abs, samples(joined)[int(1.1 * 48_000) : int(1.35 * 48_000)])) < 0.01


async def test_a_clip_too_short_for_its_cross_fades_is_named(clips: list[Path], tmp_path: Path) -> None:
    with pytest.raises(InputMediaError, match=r"^Clip 2 lasts 1\.00 s: too short for cross-fades of 0\.60 s\.$"):
        await join(our_ffmpeg(), clips, tmp_path / "x.mp4", frame=None, crossfade=timedelta(seconds=0.6))


async def test_a_sound_file_is_no_clip(clips: list[Path], tmp_path: Path) -> None:
    sound = tmp_path / "sound.wav"
    produce("-f", "lavfi", "-i", "sine=d=1", sound)

    with pytest.raises(InputMediaError, match=r"^Clip 2 is no video\.$"):
        await join(our_ffmpeg(), [clips[0], sound], tmp_path / "x.mp4", frame=None, crossfade=NO_FADE)


async def test_progress_rises_to_its_end_and_nothing_is_left_behind(clips: list[Path], tmp_path: Path) -> None:
    told: list[float] = []

    async def report(fraction: float) -> None:
        told.append(fraction)

    await join(our_ffmpeg(), clips, tmp_path / "x.mp4", frame=Frame(160, 90, 25), crossfade=NO_FADE, report=report)

    assert told
    assert all(before <= after for before, after in pairwise(told))
    assert told[0] > 0
    assert told[-1] <= 1
    assert names(tmp_path) == ["blue.mp4", "green.mp4", "red.mp4", "x.mp4"]
    assert (await probe(tmp_path / "x.mp4")).frame_rate == Fraction(25)
