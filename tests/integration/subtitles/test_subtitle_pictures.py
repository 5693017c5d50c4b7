"""Where, when and how large cues are drawn."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from core.catalog.subtitles import SUBTITLE_STYLES
from segue.v1 import spec_pb2
from tests.integration.subtitles.pictures import LANDSCAPE, PORTRAIT
from workers.media.frame import Frame
from workers.subtitles.ass import ass_of
from workers.subtitles.cues import Cue

if TYPE_CHECKING:
    from tests.integration.subtitles.pictures import Screen

BOTTOM = spec_pb2.SUBTITLE_POSITION_BOTTOM
CENTER = spec_pb2.SUBTITLE_POSITION_CENTER
TOP = spec_pb2.SUBTITLE_POSITION_TOP


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


THIRDS = [(BOTTOM, 2), (CENTER, 1), (TOP, 0)]
LOOKS = [
    *((style, LANDSCAPE) for style in SUBTITLE_STYLES),
    ("clean", PORTRAIT),
    ("bold", PORTRAIT),
    ("clean", Frame(240, 240)),
]


@pytest.mark.parametrize(("style", "frame"), LOOKS, ids=str)
@pytest.mark.parametrize(("position", "third"), THIRDS)
def test_text_stands_in_its_third_of_the_picture(
    screen: Screen, style: str, frame: Frame, position: int, third: int
) -> None:
    picture = screen.text("Two lines of\ntext, gyp", frame=frame, position=position, style=SUBTITLE_STYLES[style])

    assert picture.rows
    assert min(picture.rows) >= frame.height * third / 3
    assert max(picture.rows) < frame.height * (third + 1) / 3


def test_the_bottom_is_where_text_stands_unless_told_otherwise(screen: Screen) -> None:
    unspecified = screen.text("text", position=spec_pb2.SUBTITLE_POSITION_UNSPECIFIED)

    assert unspecified.pixels == screen.text("text", position=BOTTOM).pixels == screen.text("text").pixels


def test_tall_videos_keep_text_clear_of_what_platforms_lay_over_them(screen: Screen) -> None:
    bottom = screen.text("word " * 12, frame=PORTRAIT, position=BOTTOM)
    top = screen.text("word " * 12, frame=PORTRAIT, position=TOP)

    assert max(bottom.rows) < 0.82 * PORTRAIT.height
    assert min(top.rows) > 0.1 * PORTRAIT.height
    assert min(bottom.columns) > 0.08 * PORTRAIT.width
    assert max(bottom.columns) < 0.92 * PORTRAIT.width


def test_every_style_looks_different(screen: Screen) -> None:
    pictures = {screen.text("Style", style=style).pixels for style in SUBTITLE_STYLES.values()}

    assert len(pictures) == len(SUBTITLE_STYLES)


def test_text_grows_with_the_picture(screen: Screen) -> None:
    small = screen.text("Size", frame=Frame(320, 180))
    large = screen.text("Size", frame=Frame(640, 360))

    assert len(large.rows) == pytest.approx(2 * len(small.rows), abs=3)
    assert len(large.columns) == pytest.approx(2 * len(small.columns), abs=4)


def test_a_cue_is_seen_from_its_start_until_just_before_its_end(screen: Screen) -> None:
    script = ass_of([Cue(seconds(0.5), seconds(1.0), "now")], frame=LANDSCAPE)

    seen = [picture.ink > 0 for picture in screen.frames(script, frame=Frame(320, 180, 30), length=1.5)]

    assert seen == [False] * 15 + [True] * 15 + [False] * 15


def test_cues_that_follow_one_another_are_never_seen_together_nor_with_a_gap(screen: Screen) -> None:
    third = timedelta(seconds=1) / 3
    cues = [Cue(third * number, third * (number + 1), "one") for number in range(3)]

    pictures = screen.frames(ass_of(cues, frame=LANDSCAPE), frame=Frame(320, 180, 30))

    assert len({picture.pixels for picture in pictures}) == 1
    assert pictures[0].ink > 0


@pytest.mark.parametrize("style", ["clean", "boxed"])
def test_overlapping_cues_stand_above_one_another(screen: Screen, style: str) -> None:
    look = SUBTITLE_STYLES[style]
    one = screen.text("gypsum", style=look)
    cues = [Cue(seconds(0), seconds(1), "gypsum"), Cue(seconds(0), seconds(1), "gypsum")]

    two = screen.frames(ass_of(cues, frame=LANDSCAPE, style=look))[0]

    assert two.ink == pytest.approx(2 * one.ink, rel=0.05)


LONG = [
    "word " * 100,
    "W" * 500,
    "字幕は「長い」。" * 63,
    "كلمة " * 100,
    "😀" * 250,
    "！" * 500,
    "\n".join("lines" * 4),
]


@pytest.mark.parametrize(("style", "frame"), LOOKS, ids=str)
def test_500_characters_never_leave_the_picture(screen: Screen, style: str, frame: Frame) -> None:
    for picture in screen.texts(LONG, frame=frame, style=SUBTITLE_STYLES[style]):
        assert picture.ink > 100
        assert min(picture.columns) > 0.02 * frame.width
        assert max(picture.columns) < 0.98 * frame.width
        assert min(picture.rows) > 0.28 * frame.height
        assert max(picture.rows) < 0.98 * frame.height


def test_a_crowd_of_cues_never_leaves_the_picture(screen: Screen) -> None:
    cues = [Cue(seconds(0), seconds(1), "One of too many cues, and long enough for lines.") for _ in range(12)]

    picture = screen.frames(ass_of(cues, frame=LANDSCAPE))[0]

    assert min(picture.rows) > 0.3 * LANDSCAPE.height


def test_words_light_up_as_they_are_spoken(screen: Screen) -> None:
    style = SUBTITLE_STYLES["highlight"]
    script = ass_of([Cue(seconds(0), seconds(1), "one two three four")], frame=LANDSCAPE, style=style)

    # the lit colour is darker than the white of the words to come
    brightness = [sum(picture.pixels) for picture in screen.frames(script)]

    assert brightness == sorted(brightness, reverse=True)
    assert len(set(brightness)) == 4


def test_heavy_letters_are_heavy_in_every_font(screen: Screen) -> None:
    for text in ("Heavy", "字幕", "كلمة"):
        thin = screen.text(text, style=SUBTITLE_STYLES["minimal"])
        heavy = screen.text(text, style=SUBTITLE_STYLES["bold"])

        assert heavy.ink > 1.5 * thin.ink
