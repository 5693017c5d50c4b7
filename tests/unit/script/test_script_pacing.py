from __future__ import annotations

import re
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.script.errors import ScriptError
from core.script.pacing import TOLERANCE, check_target, expected_length, pace
from core.script.scenes import speech_expected

VOICES = st.lists(st.timedeltas(timedelta(milliseconds=200), timedelta(seconds=16)), min_size=1, max_size=60)
TARGETS = st.none() | st.timedeltas(timedelta(seconds=1), timedelta(minutes=12))
FRAME = timedelta(seconds=1 / 30)
SENTENCE = "The quick brown fox jumps over the lazy dog near the river. "


@given(VOICES, TARGETS, st.sampled_from([24, 25, 30, 60]))
def test_voices_do_not_overlap_and_pictures_follow_one_another(
    spoken: list[timedelta], target: timedelta | None, rate: int
) -> None:
    try:
        pacing = pace(spoken, target=target, frame_rate=rate)
    except ScriptError:
        assert target is not None
        return

    assert len(pacing.scenes) == len(spoken)
    assert pacing.scenes[0].start == timedelta()
    for scene, voice in zip(pacing.scenes, spoken, strict=True):
        assert scene.start <= scene.voice_start
        assert scene.voice_start + scene.voice_length <= scene.start + scene.length
        assert scene.voice_length == voice / scene.tempo
        assert 0.85 <= scene.tempo <= 1.25
        frames = scene.length.total_seconds() * rate
        assert frames == pytest.approx(round(frames), abs=1e-3)
    for scene, following in pairwise(pacing.scenes):
        assert following.start == scene.start + scene.length
        assert following.voice_start > scene.voice_start + scene.voice_length


@given(VOICES, st.timedeltas(timedelta(seconds=1), timedelta(minutes=12)))
def test_a_target_is_met_within_a_tenth_or_refused(spoken: list[timedelta], target: timedelta) -> None:
    speech, scenes = sum(spoken, timedelta()), len(spoken)
    shortest = speech / 1.25 + timedelta(seconds=0.15) * scenes
    longest = speech / 0.85 + timedelta(seconds=2) * scenes

    if shortest <= target * 1.1 and target * 0.9 <= longest:
        assert abs(pace(spoken, target=target).length - target) <= target * TOLERANCE + FRAME
    else:
        with pytest.raises(ScriptError, match=r"is too (short|long) for it"):
            pace(spoken, target=target)


@pytest.mark.parametrize("seconds", [40.0, 45.0, 51.0, 55.0, 58.0, 62.5, 70.0])
def test_a_target_within_reach_is_met_to_the_frame(seconds: float) -> None:
    spoken = [timedelta(seconds=part) for part in (6.1, 4.7, 8.2, 5.5, 7.3, 6.6, 4.9, 5.2)]

    assert pace(spoken, target=timedelta(seconds=seconds)).length.total_seconds() == pytest.approx(seconds, abs=1 / 60)


def test_without_a_target_speech_is_as_spoken_with_short_pauses() -> None:
    pacing = pace([timedelta(seconds=4), timedelta(seconds=6)])

    first, second = pacing.scenes
    pause = second.voice_start - first.voice_start - first.voice_length
    assert first.tempo == second.tempo == 1
    assert timedelta(seconds=0.3) <= pause <= timedelta(seconds=0.6)
    assert timedelta(seconds=10.6) <= pacing.length <= timedelta(seconds=11.2)


def test_pauses_change_before_the_tempo_does() -> None:
    spoken = [timedelta(seconds=6)] * 5

    assert pace(spoken, target=timedelta(seconds=31.5)).scenes[0].tempo == 1
    assert pace(spoken, target=timedelta(seconds=33)).scenes[0].tempo == 1
    assert pace(spoken, target=timedelta(seconds=27)).scenes[0].tempo > 1
    assert pace(spoken, target=timedelta(seconds=40)).scenes[0].tempo < 1


def test_lengths_that_are_said_to_work_do_work() -> None:
    spoken = [timedelta(seconds=6)] * 10
    with pytest.raises(ScriptError, match="1 min to speak") as caught:
        pace(spoken, target=timedelta(seconds=20))

    low, high = re.findall(r"(?:(\d+) min ?)?(?:(\d+) s)?(?: to |\.$)", str(caught.value))[-2:]

    for minutes, seconds in (low, high):
        pace(spoken, target=timedelta(minutes=int(minutes or 0), seconds=int(seconds or 0)))


def test_an_empty_voice_is_refused() -> None:
    with pytest.raises(ScriptError, match="scene 2 is empty"):
        pace([timedelta(seconds=4), timedelta()])


@pytest.mark.parametrize("deviation", [0.87, 1.0, 1.14])
def test_what_passes_the_check_is_reached_also_by_voices_that_are_faster_or_slower(deviation: float) -> None:
    speech = speech_expected(SENTENCE * 10, "en")
    reached = []
    for seconds in range(10, 120):
        target = timedelta(seconds=seconds)
        try:
            check_target(speech, target)
        except ScriptError:
            continue
        length = pace([voice * deviation for voice in speech], target=target).length
        assert abs(length - target) <= target * 0.1 + FRAME
        reached.append(target)

    assert min(reached) < expected_length(speech) * 0.9
    assert max(reached) > expected_length(speech) * 1.15
