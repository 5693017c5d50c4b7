from __future__ import annotations

from workers.subtitles.direction import mark_for, runs_right_to_left

LEFT_TO_RIGHT, RIGHT_TO_LEFT = "\u200e", "\u200f"


def test_the_first_letter_tells_the_direction() -> None:
    assert runs_right_to_left("123 (שלום) hello")
    assert not runs_right_to_left("hello שלום")


def test_a_line_that_begins_with_the_other_direction_is_held() -> None:
    assert mark_for("English באמצע", right_to_left=True) == RIGHT_TO_LEFT
    assert mark_for("שלום in the middle", right_to_left=False) == LEFT_TO_RIGHT
    assert mark_for("123!", right_to_left=True) == RIGHT_TO_LEFT


def test_other_lines_need_no_mark() -> None:
    assert mark_for("שלום", right_to_left=True) == ""
    assert mark_for("hello", right_to_left=False) == ""
    assert mark_for("123!", right_to_left=False) == ""
