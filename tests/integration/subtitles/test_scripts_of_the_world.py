"""Letters of every bundled script are really drawn, in the right order, the same on every machine."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from core.catalog.subtitles import SUBTITLE_STYLES
from tests.integration.subtitles.pictures import LANDSCAPE
from workers.subtitles.ass import ass_of
from workers.subtitles.breaks import clusters_of
from workers.subtitles.cues import Cue

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.subtitles.pictures import Screen

SAMPLES = {
    "Latin": "AßéŁğñœ€",
    "Vietnamese": "ếữặợ",
    "Greek": "Ωλξψ",
    "Cyrillic": "Жщїђ",
    "Arabic": "عكهپچ٣",
    "Hebrew": "אשלםצ",
    "Devanagari": "नक्षज्ञद्ध",
    "Bengali": "বাংলাক্ষ",
    "Tamil": "தமிழ்",
    "Telugu": "తెలుగు",
    "Thai": "สวัดีที่",
    "simplified Chinese": "汉语视频这",
    "traditional Chinese": "漢語視頻這",
    "Japanese": "字幕あカーゃ「",
    "Korean": "한국어뷁똠ㅋ",
    "symbols": "→★✓♪♫",
    "emoji": "😀🎉❤\ufe0f👍🏽👨\u200d👩\u200d👧🇩🇪🇫🇷1\ufe0f\u20e32\ufe0f\u20e3",
}


@pytest.mark.parametrize("script", SAMPLES)
def test_each_character_has_a_shape_of_its_own(screen: Screen, script: str) -> None:
    characters = clusters_of(SAMPLES[script])
    assert len(characters) > 2

    pictures = screen.texts([*characters, "ქ"], style=SUBTITLE_STYLES["bold"])

    # the last is one that no font has: a letter that looks like it was not found
    assert min(picture.ink for picture in pictures) > 10
    assert len({picture.pixels for picture in pictures}) == len(pictures)


def test_sequences_of_emoji_are_one_picture(screen: Screen) -> None:
    [single, family, flag, toned] = screen.texts(["😀", "👨\u200d👩\u200d👧", "🇩🇪", "👍🏽"])

    for joined in (family, flag, toned):
        assert len(joined.columns) < 1.4 * len(single.columns)


def test_arabic_letters_are_joined(screen: Screen) -> None:
    [joined, parted] = screen.texts(["ببببب", "\u200c".join("ببببب")])

    assert len(joined.columns) < 0.8 * len(parted.columns)


def test_hebrew_runs_from_right_to_left(screen: Screen) -> None:
    # lamed is the only letter here that rises above the others
    picture = screen.text("לאאאאאא")

    middle = (min(picture.columns) + max(picture.columns)) / 2
    assert min(picture.columns_of(picture.rows[0])) > middle


def test_a_later_line_that_begins_with_latin_still_runs_as_its_paragraph(screen: Screen) -> None:
    text = "א" * 12 + "\nlll אאאאאא"

    picture = screen.text(text)

    foot = picture.rows[-1]
    second = range((picture.rows[0] + foot) // 2, foot + 1)
    tall = picture.columns_of(second[len(second) // 5])
    assert tall
    assert min(tall) > sum(picture.columns) / len(picture.columns)


def test_the_language_chooses_between_chinese_and_japanese_forms(screen: Screen) -> None:
    assert screen.text("直", language="zh").pixels != screen.text("直", language="ja").pixels


@pytest.mark.parametrize("style", ["clean", "bold"])
def test_the_fonts_of_the_machine_do_not_matter(screen: Screen, tmp_path: Path, style: str) -> None:
    empty = tmp_path / "fonts.conf"
    empty.write_text('<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig></fontconfig>')
    # also of letters that the bundled fonts lack, but many machines have
    text = "Any Ελ Жщ 字幕 한국 שלום كلمة ไทย हिन्दी 😀 ♪ ქართული ⵣ \U00013080\ufe0f"
    cues = [Cue(timedelta(), timedelta(seconds=1), text)]
    script = ass_of(cues, frame=LANDSCAPE, style=SUBTITLE_STYLES[style])

    here = screen.frames(script, length=0.1)
    nowhere = screen.frames(script, length=0.1, environment={"FONTCONFIG_FILE": str(empty)})

    assert here[0].ink > 300
    assert here == nowhere
