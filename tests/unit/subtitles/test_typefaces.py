from __future__ import annotations

import struct

import pytest

from workers.subtitles.breaks import clusters_of
from workers.subtitles.fonts import FONTS
from workers.subtitles.typefaces import language_of, runs_of, typefaces, uncovered, width_of


@pytest.mark.parametrize(
    "text",
    [
        "The quick brown fox, déjà vu, Łódź, “quotes” – €5 … Größe ñ Ø",
        "Ελληνικά, Кириллица, Українська, Tiếng Việt",
        "العربية فارسی اردو ۱۲۳ ٤٥٦ ؟",
        "עברית שָׁלוֹם",
        "हिन्दी क्षत्रिय বাংলা தமிழ் తెలుగు ไทย ที่",
        "人工智能正在改变，臺灣繁體中文、香港。",
        "日本語の字幕「カタカナ」ー々",
        "한국어 똠방각하 뷁 ㅋㅋㅋ",
        "😀🎉❤\ufe0f👍🏽👨\u200d👩\u200d👧🇩🇪1\ufe0f\u20e3 ♪ ♫ → ★ ✓ ™ ©",
        "\u200b\u200c\u200d\u200e\u200f\u061c\u2060\u2066\u2067\u2068\u2069\u00a0",
    ],
)
def test_the_fonts_have_what_people_write(text: str) -> None:
    assert uncovered(text) == frozenset()


def test_characters_that_no_font_has_are_told() -> None:
    assert uncovered("a ქ\nb ગ") == {"ქ", "ગ"}
    assert [run.text for run in runs_of(["ქ"], "")] == ["\ufffd"]


def test_each_run_is_in_a_font_that_has_it() -> None:
    text = "Hello 你好 مرحبا 😀1\ufe0f\u20e3 שלום ქ!"

    for run in runs_of(clusters_of(text), ""):
        assert all(ord(character) in typefaces()[run.family].advances for character in run.text)


@pytest.mark.parametrize(("language", "family"), [("zh", "Segue Sans SC"), ("ja", "Segue Sans JP")])
def test_the_language_chooses_the_forms_of_han_characters(language: str, family: str) -> None:
    assert [run.family for run in runs_of(["直", "“", "a"], language)] == [family, "Segue Sans"]


def test_quotes_are_narrow_where_text_is() -> None:
    assert [run.family for run in runs_of(clusters_of("“a”"), "en")] == ["Segue Sans"]


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [("直", "zh-Hant-TW", "zh"), ("直", "", "zh"), ("直す", "", "ja"), ("직접", "", "ko"), ("hello", "", "")],
)
def test_an_unknown_language_is_told_by_the_characters(text: str, language: str, expected: str) -> None:
    assert language_of(text, language) == expected


def test_widths_are_those_of_the_fonts() -> None:
    assert width_of("i", "Segue Sans") < width_of("m", "Segue Sans")
    assert width_of("字", "Segue Sans SC") == 1.0
    assert width_of("e\u0301", "Segue Sans") == width_of("e", "Segue Sans")


def test_the_folder_for_libass_holds_nothing_but_fonts_of_one_line_height() -> None:
    for path in FONTS.iterdir():
        data = path.read_bytes()
        count = struct.unpack_from(">H", data, 4)[0]
        tables = {data[at : at + 4]: struct.unpack_from(">I", data, at + 8)[0] for at in range(12, 12 + 16 * count, 16)}

        assert struct.unpack_from(">HH", data, tables[b"OS/2"] + 74) == (1000, 300), path.name
        assert struct.unpack_from(">H", data, tables[b"head"] + 18) == (1000,), path.name
