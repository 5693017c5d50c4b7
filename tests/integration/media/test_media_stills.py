"""A picture moves gently: smoothly, for just as long as asked, and fills the frame."""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from PIL import Image, ImageDraw

from tests.integration.media.footage import BLUE, GREEN, RED, WHITE, is_near, our_ffmpeg, pictures
from workers.media.errors import InputMediaError
from workers.media.frame import Frame
from workers.media.probe import probe
from workers.media.stills import Motion, animate
from workers.subtitles.ass import ass_of
from workers.subtitles.cues import Cue
from workers.subtitles.fonts import FONTS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.media.footage import Picture

FRAME = Frame(640, 360, 30)
MOTIONS = list(Motion)
#: Places of the dots, as shares of width and height.
DOTS = ((0.5, 0.5), (0.25, 0.3), (0.75, 0.7))


@pytest.fixture
def dotted(tmp_path: Path) -> Path:
    """A grey picture with white dots."""
    image = Image.new("L", (1280, 720), 60)
    for x, y in DOTS:
        ImageDraw.Draw(image).ellipse((x * 1280 - 40, y * 720 - 40, x * 1280 + 40, y * 720 + 40), fill=255)
    image.save(tmp_path / "dotted.png")
    return tmp_path / "dotted.png"


@pytest.fixture
def striped(tmp_path: Path) -> Path:
    """A wide picture: red, green and blue from left to right."""
    image = Image.new("RGB", (900, 150))
    for number, colour in enumerate((RED, GREEN, BLUE)):
        image.paste(colour, (number * 300, 0, number * 300 + 300, 150))
    image.save(tmp_path / "striped.jpg", quality=95)
    return tmp_path / "striped.jpg"


def centre_of_dot(picture: Picture, near: tuple[float, float]) -> tuple[float, float]:
    """Return where the middle of the dot *near* a place is, to a hundredth of a pixel."""
    plane = picture.image.reformat(format="gray").planes[0]
    pixels, reach = bytes(plane), 32
    left, top = round(near[0]) - reach, round(near[1]) - reach
    weight = across = down = 0
    for row in range(top, top + 2 * reach):
        for column in range(left, left + 2 * reach):
            light = max(pixels[row * plane.line_size + column] - 100, 0)
            weight, across, down = weight + light, across + light * column, down + light * row
    return across / weight, down / weight


def path_of_dot(seen: list[Picture], dot: tuple[float, float]) -> list[tuple[float, float]]:
    """Return where a dot is in each picture."""
    path = [(dot[0] * FRAME.width, dot[1] * FRAME.height)]
    for picture in seen:
        path.append(centre_of_dot(picture, path[-1]))
    return path[1:]


@pytest.mark.parametrize("motion", range(len(MOTIONS)), ids=[motion.value for motion in MOTIONS])
async def test_the_motion_is_smooth_and_goes_where_it_should(dotted: Path, tmp_path: Path, motion: int) -> None:
    video = tmp_path / "video.mp4"

    await animate(our_ffmpeg(), dotted, video, frame=FRAME, length=timedelta(seconds=1), motion=motion)

    seen = pictures(video)
    middle, upper, lower = (path_of_dot(seen, dot) for dot in DOTS)
    for path in (middle, upper, lower):
        for axis in (0, 1):
            steps = [after[axis] - before[axis] for before, after in pairwise(path)]
            assert max(steps) - min(steps) < 0.15  # pixels: no frame jumps
    moved = (middle[-1][0] - middle[0][0], middle[-1][1] - middle[0][1])
    spread = (lower[-1][0] - upper[-1][0]) - (lower[0][0] - upper[0][0])
    match MOTIONS[motion]:
        case Motion.CLOSER:
            assert spread > 4
        case Motion.FARTHER:
            assert spread < -4
        case Motion.RIGHT:
            assert moved[0] < -8
        case Motion.LEFT:
            assert moved[0] > 8
        case Motion.DOWN:
            assert moved[1] < -5
        case Motion.UP:
            assert moved[1] > 5
    if MOTIONS[motion] in {Motion.CLOSER, Motion.FARTHER}:
        assert moved == pytest.approx((0, 0), abs=0.1)


async def test_it_has_just_as_many_frames_as_asked_and_starts_with_the_picture(striped: Path, tmp_path: Path) -> None:
    video = tmp_path / "video.mp4"

    await animate(our_ffmpeg(), striped, video, frame=FRAME, length=timedelta(seconds=1.234), motion=0)

    info, seen = await probe(video), pictures(video)
    assert len(seen) == 37
    assert (info.display_size, info.frame_rate, info.pix_fmt) == ((640, 360), Fraction(30), "yuv420p")
    assert info.duration == pytest.approx(timedelta(seconds=37 / 30), abs=timedelta(milliseconds=1))
    assert not info.has_audio
    assert seen[0].image.key_frame
    assert seen[0].time == 0
    assert is_near(seen[0].colour(0.5, 0.5), GREEN, by=12)


async def test_a_wide_picture_fills_an_upright_frame_without_being_stretched(striped: Path, tmp_path: Path) -> None:
    video = tmp_path / "video.mp4"

    await animate(our_ffmpeg(), striped, video, frame=Frame(180, 320, 25), length=timedelta(seconds=0.2), motion=1)

    first = pictures(video)[0]
    assert (first.image.width, first.image.height) == (180, 320)
    # 84 pixels of the middle's 300 are seen: all green, to the edges.
    assert all(is_near(first.colour(x, y), GREEN, by=12) for x in (0.01, 0.99) for y in (0.01, 0.99))


async def test_the_same_number_is_the_same_motion(dotted: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "first.mp4", tmp_path / "second.mp4"
    frame, length = Frame(64, 36, 10), timedelta(seconds=1)

    await animate(our_ffmpeg(), dotted, first, frame=frame, length=length, motion=2)
    await animate(our_ffmpeg(), dotted, second, frame=frame, length=length, motion=2 + len(MOTIONS))

    assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize("motion", range(4))
async def test_however_long_it_lasts_a_sixth_of_the_picture_is_lost_at_most(tmp_path: Path, motion: int) -> None:
    framed, video = tmp_path / "framed.png", tmp_path / "video.mp4"
    image = Image.new("RGB", (640, 360), RED)
    image.paste(GREEN, (160, 90, 480, 270))  # leaves a border of a quarter
    image.save(framed)

    await animate(our_ffmpeg(), framed, video, frame=Frame(64, 36, 10), length=timedelta(seconds=26), motion=motion)

    seen = pictures(video)
    assert len(seen) == 260
    for picture in (seen[0], seen[-1]):
        assert is_near(picture.colour(0.02, 0.5), RED)
        assert is_near(picture.colour(0.98, 0.5), RED)
        assert is_near(picture.colour(0.5, 0.5), GREEN)


async def test_subtitles_are_burned_in_and_stand_still_while_the_picture_moves(tmp_path: Path) -> None:
    still, cues, into = tmp_path / "red.png", tmp_path / "cues [1]; it's.ass", tmp_path / "moving.mp4"
    Image.new("RGB", (640, 360), RED).save(still)
    cues.write_text(ass_of([Cue(timedelta(seconds=0.2), timedelta(seconds=0.4), "A cue")], frame=FRAME))
    length = timedelta(seconds=0.6)

    await animate(our_ffmpeg(), still, into, frame=FRAME, length=length, motion=0, subtitles=cues, fonts=FONTS)

    def letters(picture: Picture) -> list[tuple[int, int]]:
        places = [(x, y) for x in range(0, 640, 2) for y in range(0, 360, 2)]
        return [(x, y) for x, y in places if is_near(picture.colour(x / 640, y / 360), WHITE)]

    seen = pictures(into)
    assert len(seen) == 18
    assert letters(seen[3]) == letters(seen[14]) == []
    assert min(y for _, y in letters(seen[8])) > 240
    assert letters(seen[8]) == letters(seen[10])


async def test_what_is_no_picture_is_refused(tmp_path: Path) -> None:
    text = tmp_path / "text.png"
    text.write_text("no picture at all")

    with pytest.raises(InputMediaError):
        await animate(our_ffmpeg(), text, tmp_path / "x.mp4", frame=FRAME, length=timedelta(seconds=1), motion=0)
