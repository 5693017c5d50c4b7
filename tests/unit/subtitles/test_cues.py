from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segue.v1 import spec_pb2
from workers.subtitles.cues import Cue, cues_of, normalised


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


def spec_of(*cues: tuple[float, float, str]) -> spec_pb2.Subtitles:
    spec = spec_pb2.Subtitles(enabled=True)
    for start, end, text in cues:
        cue = spec.cues.add(text=text)
        cue.start.FromTimedelta(seconds(start))
        cue.end.FromTimedelta(seconds(end))
    return spec


def test_cues_are_cut_to_the_video() -> None:
    spec = spec_of((-1, 1, "before"), (1, 2, "inside"), (4, 9, "beyond"))

    cues = cues_of(spec, length=seconds(5))

    assert cues == [
        Cue(seconds(0), seconds(1), "before"),
        Cue(seconds(1), seconds(2), "inside"),
        Cue(seconds(4), seconds(5), "beyond"),
    ]


@pytest.mark.parametrize(
    ("start", "end", "text"),
    [(5, 6, "at the end"), (-2, 0, "over"), (2, 2, "no length"), (3, 2, "backwards"), (1, 2, " \n\u200b\u200f ")],
)
def test_what_a_video_cannot_show_is_left_out(start: float, end: float, text: str) -> None:
    assert cues_of(spec_of((start, end, text)), length=seconds(5)) == []


def test_cues_come_by_their_starts_and_may_overlap() -> None:
    spec = spec_of((2, 4, "second"), (1, 3, "first"))

    assert [cue.text for cue in cues_of(spec, length=seconds(5))] == ["first", "second"]


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("e\u0301", "\u00e9"),
        ("a\r\nb\rc\u2028d\x0be", "a\nb\nc\nd\ne"),
        ("  a \t  b  \n\n \n c ", "a b\nc"),
        ("a\x00b\x1b[31mc\x7f", "ab[31mc"),
        ("pay \u202egnp.exe\u202c now", "pay gnp.exe now"),
        ("\ufeffa\u00adb\ue000c", "abc"),
        ("a\u3000b\u2003c", "a b c"),
        ("10\u00a0000", "10\u00a0000"),
    ],
)
def test_texts_become_plain(text: str, plain: str) -> None:
    assert normalised(text) == plain


@pytest.mark.parametrize(
    "text",
    [
        "می\u200cخواهم",  # Persian parts letters by a non-joiner
        "👨\u200d👩\u200d👧",
        "❤\ufe0f 1\ufe0f\u20e3",
        "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",  # the flag of Scotland
        "עם\u200f!",
        "\u2068name\u2069",
        "ที่นี่",
        "שָׁלוֹם",
    ],
)
def test_characters_that_a_script_needs_are_kept(text: str) -> None:
    assert normalised(text) == text


def test_tags_outside_flags_are_taken_out() -> None:
    assert normalised("a\U000e0041\U000e0042b \U0001f3f4\U000e0067") == "ab \U0001f3f4"


def test_piles_of_marks_are_cut_down() -> None:
    assert len(normalised("x" + "\u0336\u0315" * 500)) <= 5


@given(st.text())
def test_plain_texts_stay_as_they_are(text: str) -> None:
    plain = normalised(text)

    assert normalised(plain) == plain
    assert "\n\n" not in plain
    assert plain == plain.strip()
