from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from workers.subtitles.cues import normalised
from workers.subtitles.layout import Layout, Room, laid_out
from workers.subtitles.typefaces import drawable, width_of

ROOM = Room(width=32.0, lines=7.0)


def lines(layout: Layout) -> list[str]:
    return ["".join(line) for line in layout.lines]


def width(line: tuple[str, ...]) -> float:
    return sum(width_of(*drawable(cluster, "")) for cluster in line)


def test_a_short_text_is_one_line_of_full_size() -> None:
    layout = laid_out("Hello there", ROOM, language="en")

    assert lines(layout) == ["Hello there"]
    assert layout.scale == 1.0


def test_lines_are_balanced() -> None:
    text = "Every morning the city wakes up slowly, and nobody notices the light."

    layout = laid_out(text, ROOM, language="en")

    assert lines(layout) == ["Every morning the city wakes up", "slowly, and nobody notices the light."]


def test_the_authors_own_lines_are_kept() -> None:
    assert lines(laid_out("- No!\n- Yes.", ROOM, language="en")) == ["- No!", "- Yes."]


def test_a_long_text_gets_smaller_letters_before_more_lines() -> None:
    layout = laid_out("word " * 44, ROOM, language="en")

    assert len(layout.lines) == 3
    assert 0.7 < layout.scale < 1.0


@pytest.mark.parametrize("text", ["W" * 500, "字" * 500, "！" * 500, "「" * 500, "👨\u200d" * 300, "a" * 20_000])
def test_no_text_is_wider_or_higher_than_its_room(text: str) -> None:
    layout = laid_out(normalised(text), ROOM, language="")

    assert len(layout.lines) * layout.scale <= ROOM.lines
    assert max(width(line) for line in layout.lines) * layout.scale <= ROOM.width * 1.05


@example("\ufdfd", 2.0, 1.0)  # the widest letter there is
@given(st.text(min_size=1).filter(lambda text: bool(normalised(text))), st.floats(2, 60), st.floats(0.5, 12))
def test_any_text_fits_any_room(text: str, wide: float, high: float) -> None:
    layout = laid_out(normalised(text), Room(wide, high), language="")

    assert len(layout.lines) * layout.scale <= high
    assert max(width(line) for line in layout.lines) * layout.scale <= wide * 1.05
    assert "".join(lines(layout)).replace(" ", "") == normalised(text).replace("\n", "").replace(" ", "")
