from __future__ import annotations

import time
import tracemalloc
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.script.errors import ScriptError
from core.script.language import language_of, speech_length
from core.script.pacing import LONGEST_VIDEO, expected_length
from core.script.scenes import MOST_SCENES, scenes_of, speech_expected

SENTENCE = "The quick brown fox jumps over the lazy dog near the river. "  # a little over four seconds
WORDS = st.text(alphabet="abcdeéßЖह字あ한ท", min_size=1, max_size=12)
MARKS = st.sampled_from(["", "", "", "", ",", ".", "!", "?", "…", "。", "।", ";", '."'])
SPACES = st.sampled_from([" ", " ", " ", "  ", "\n", "\n\n"])


@settings(max_examples=50)
@given(st.lists(st.tuples(WORDS, MARKS, SPACES), min_size=1, max_size=120), st.sampled_from(["en", "de", "zh", "th"]))
def test_every_word_is_in_the_scenes_once_and_in_order(parts: list[tuple[str, str, str]], language: str) -> None:
    script = "".join(word + mark + space for word, mark, space in parts)

    scenes = scenes_of(script, language=language)

    assert "".join("".join(scene.text.split()) for scene in scenes) == "".join(script.split())
    assert [scene.index for scene in scenes] == list(range(len(scenes)))
    assert 1 <= len(scenes) <= MOST_SCENES


def test_paragraphs_that_share_a_scene_stay_apart() -> None:
    (scene,) = scenes_of("The tide\n\ncomes in\n\nGood night", language="en")

    assert scene.text == "The tide comes in Good night"


def test_scenes_have_four_to_nine_seconds_and_whole_sentences() -> None:
    scenes = scenes_of(SENTENCE * 12 + "Now. " * 20, language="en")

    assert all(4 <= scene.expected.total_seconds() <= 9 for scene in scenes)
    assert all(scene.text.endswith(".") for scene in scenes)


def test_a_scene_ends_with_its_paragraph_rather_than_in_the_next() -> None:
    one = "A short one stands here with a few words more. It is followed by this."

    scenes = scenes_of("\n\n".join([one] * 4), language="en")

    assert [scene.text for scene in scenes] == [one] * 4


def test_a_scene_begins_at_a_heading() -> None:
    scenes = scenes_of(f"Waves roll in.\n\n# The sun\n\nThe sun sets. {SENTENCE}", language="en")

    assert [scene.text for scene in scenes] == ["Waves roll in.", f"The sun sets. {SENTENCE.strip()}"]


@pytest.mark.parametrize(
    ("language", "script", "ends"),
    [
        ("en", "we went " * 3 + "along the river, " * 20 + "home.", (",", ".")),
        ("en", "word " * 120, ("word",)),
        ("zh", "我们沿着河边走，" * 12, ("，",)),
        ("zh", "字" * 200, ("字",)),
    ],
)
def test_a_sentence_too_long_for_a_scene_is_cut_at_clauses_else_between_words(
    language: str, script: str, ends: tuple[str, ...]
) -> None:
    scenes = scenes_of(script, language=language)

    assert len(scenes) > 1
    assert all(3 <= scene.expected.total_seconds() <= 15 for scene in scenes)
    assert all(scene.text.endswith(ends) for scene in scenes)


def test_a_sentence_of_up_to_fifteen_seconds_is_whole() -> None:
    sentence = SENTENCE.replace(". ", ", ") * 3 + "and that was it."
    assert 10 < speech_length(sentence, language_of("en")).total_seconds() < 15

    assert [scene.text for scene in scenes_of(sentence, language="en")] == [sentence]


def test_a_cut_leaves_marks_with_their_letters() -> None:
    scenes = scenes_of("ท้" * 400, language="th")

    assert len(scenes) > 1
    assert all(scene.text[0] == "ท" for scene in scenes)


@pytest.mark.parametrize(
    "sentence", [SENTENCE, "Go on. ", "This one takes six seconds or so, as it has more words, see? "]
)
def test_a_script_for_the_longest_video_has_no_more_scenes_than_are_allowed(sentence: str) -> None:
    one = speech_length(sentence, language_of("en"))
    script = sentence * int(LONGEST_VIDEO * 0.92 / one)

    scenes = scenes_of(script, language="en")

    assert len(scenes) <= MOST_SCENES
    assert LONGEST_VIDEO * 0.9 < expected_length(speech_expected(script, "en")) <= LONGEST_VIDEO


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("", "is empty"),
        (" \n\t ", "is empty"),
        ("... — 🎉 !!", "neither letters nor numbers"),
        ("# Title\n\n[Scene 1]\n\n---", "only headings"),
        ("\n" * 1_000_000, r"1,000,000 characters; at most 100,000"),
        (SENTENCE * 150, r"10 min \d+ s to speak, \d+ s more than the longest video of 10 min"),
    ],
)
def test_a_script_without_a_video_in_it_is_refused(script: str, message: str) -> None:
    with pytest.raises(ScriptError, match=message):
        scenes_of(script, language="en")


@pytest.mark.parametrize("unit", ["a ", "a\n", "[a", "<!--", "NAME: a\n", "字", "\u200d", "(", "`"])
@pytest.mark.parametrize("size", [1 << 20, 99_000])
def test_a_megabyte_of_anything_is_refused_at_once(unit: str, size: int) -> None:
    script = unit * (size // len(unit))
    began = time.thread_time()

    with pytest.raises(ScriptError):
        scenes_of(script, language="en")

    assert time.thread_time() - began < 1


def test_a_megabyte_takes_no_more_memory_than_it_has() -> None:
    script = SENTENCE * 3_000
    tracemalloc.start()

    with pytest.raises(ScriptError):
        scenes_of(script, language="en")

    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < len(script)


def test_how_much_too_long_a_script_is_is_said() -> None:
    with pytest.raises(ScriptError, match=r"19 h 6 min to speak, 18 h 56 min more than the longest video of 10 min"):
        scenes_of("This is a sentence number one. " * 33_000, language="en")


def test_a_target_changes_no_scene_and_a_hopeless_one_is_refused() -> None:
    script = SENTENCE * 10

    assert scenes_of(script, language="en", target=timedelta(seconds=40)) == scenes_of(script, language="en")
    for seconds, fault in ((10, "10 s is too short"), (300, "5 min is too long")):
        with pytest.raises(ScriptError, match=rf"{fault} for it. Lengths that work: from \d+ s to"):
            scenes_of(script, language="en", target=timedelta(seconds=seconds))
    with pytest.raises(ScriptError, match="11 min was asked for; the longest is 10 min"):
        scenes_of(script, language="en", target=timedelta(minutes=11))
