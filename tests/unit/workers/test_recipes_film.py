"""Subtitles that are burned in scene by scene."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from core.script.pacing import Pacing, ScenePace
from workers.recipes.film import by_scene
from workers.subtitles.cues import Cue

SECOND: Final = timedelta(seconds=1)


def paced(*lengths: float) -> Pacing:
    scenes, start = [], timedelta()
    for length in lengths:
        lasts = length * SECOND
        scenes.append(ScenePace(start, lasts, start, lasts, 1.0))
        start += lasts
    return Pacing(tuple(scenes))


def cue(start: float, end: float) -> Cue:
    return Cue(start * SECOND, end * SECOND, f"{start}")


def test_cues_are_told_in_the_time_of_their_scenes() -> None:
    parts = by_scene([cue(0, 1), cue(1.5, 2), cue(2, 3), cue(4.5, 5)], paced(2, 2, 1))

    assert parts == [
        [cue(0, 1), cue(1.5, 2)],
        [Cue(timedelta(), SECOND, "2")],
        [Cue(SECOND / 2, SECOND, "4.5")],
    ]


def test_a_scene_may_have_no_cue() -> None:
    assert by_scene([cue(3, 4)], paced(2, 2, 2)) == [[], [Cue(SECOND, 2 * SECOND, "3")], []]


def test_a_cue_that_lasts_into_the_next_scene_cannot_be_burned_in_by_scene() -> None:
    assert by_scene([cue(0, 1), cue(1, 2.5)], paced(2, 2)) is None
