from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.subtitles.breaks import clusters_of, pieces_of


def pieces(text: str) -> list[str]:
    return ["".join(piece) for piece in pieces_of(clusters_of(text))]


@pytest.mark.parametrize(
    "cluster",
    ["e\u0301", "👨\u200d👩\u200d👧\u200d👦", "👍🏽", "🇩🇪", "❤\ufe0f", "1\ufe0f\u20e3", "ที่", "क्ष", "뷁"],
)
def test_what_readers_take_for_one_character_stays_whole(cluster: str) -> None:
    assert clusters_of(f"a{cluster}b") == ["a", cluster, "b"]


def test_flags_are_pairs() -> None:
    assert clusters_of("🇩🇪🇫🇷🇯") == ["🇩🇪", "🇫🇷", "🇯"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("one two  three", ["one ", "two  ", "three"]),
        ("a well-known -5 man", ["a ", "well-", "known ", "-5 ", "man"]),
        ("Ah ! Oui ?", ["Ah ! ", "Oui ?"]),
        ("字幕は、大切。", ["字", "幕", "は、", "大", "切。"]),
        ("「はい」と言う", ["「は", "い」", "と", "言", "う"]),
        ("ちょっと", ["ちょっ", "と"]),
        ("价格$100元", ["价", "格", "$100", "元"]),
        ("한국어 자막", ["한국어 ", "자막"]),
        ("10\u00a0000 km", ["10\u00a0000 ", "km"]),
        ("a\u200bb", ["a\u200b", "b"]),
    ],
)
def test_lines_end_only_where_the_script_lets_them(text: str, expected: list[str]) -> None:
    assert pieces(text) == expected


@given(st.text())
def test_nothing_is_lost_between_pieces(text: str) -> None:
    assert "".join(clusters_of(text)) == text
    assert "".join(pieces(text)) == text
