"""The progress of steps that run side by side, as one."""

from __future__ import annotations

import random

import pytest

from core.errors import FencedError
from core.job import ErrorReason, JobError, Progress
from workers.errors import JobFailedError, most_telling
from workers.progress import Board, Stage


def audio_on(board: Board) -> Stage:
    return board.add(Stage(low=0.1, high=0.4, name="generating audio", part="scene", parts=3))


def images_on(board: Board) -> Stage:
    return board.add(Stage(low=0.4, high=0.8, name="generating images", part="scene", parts=3))


def told(board: Board) -> tuple[float | None, str]:
    """Return what is news, and tell it."""
    news = board.news()
    assert news is not None
    board.told = news
    return news.fraction, news.message


def test_one_step_tells_its_models_own_stages_within_its_span() -> None:
    board = Board()
    stage = board.unnamed((0.5, 1.0))
    stage.begin("video")
    stage.update("video", Progress(fraction=0.2, stage="queued at fal", message="m", provider_queue_position=3))

    news = board.news()

    assert news == Progress(fraction=0.6, stage="queued at fal", message="m", provider_queue_position=3)


def test_a_named_stage_counts_its_parts() -> None:
    board = Board()
    stage = audio_on(board)
    seen = []
    for step in "abc":
        stage.begin(step)
        if step == "a":
            seen.append(told(board))
        stage.end(step)
        seen.append(told(board))

    assert seen == [
        (0.1, "Generating audio (scene 1/3)"),
        (0.2, "Generating audio (scene 2/3)"),
        (0.3, "Generating audio (scene 3/3)"),
        (0.4, "Generating audio (scene 3/3)"),
    ]


def test_a_stage_of_one_part_counts_nothing() -> None:
    board = Board()
    board.add(Stage(low=0, high=1, name="writing prompts")).begin("prompts")

    assert told(board) == (0.0, "Writing prompts")


def test_what_a_later_stage_has_done_counts_when_its_turn_comes() -> None:
    board = Board()
    audio, images = audio_on(board), images_on(board)
    audio.begin("a")
    for step in "abc":
        images.begin(step)
    images.end("a")
    images.end("b")
    assert told(board) == (0.1, "Generating audio (scene 1/3)")

    for step in "abc":
        audio.end(step)

    assert told(board) == (0.667, "Generating images (scene 3/3)")


def test_the_fraction_stays_within_the_stage_that_is_told() -> None:
    board = Board()
    audio, images = audio_on(board), images_on(board)
    for step in "abc":
        images.end(step)
    for step in "ab":
        audio.end(step)
    audio.update("c", Progress(fraction=0.99))

    fraction, message = told(board)

    assert message == "Generating audio (scene 3/3)"
    assert fraction is not None
    assert fraction <= 0.4


def test_what_lies_before_the_first_open_stage_counts_as_done() -> None:
    board = Board()
    images_on(board).begin("a")

    assert told(board)[0] == 0.4


def test_what_was_told_is_no_news() -> None:
    board = Board()
    stage = audio_on(board)
    stage.begin("a")
    told(board)
    stage.update("a", Progress(fraction=0.0, stage="queued at fal"))

    assert board.news() is None


def test_nothing_is_told_without_a_stage() -> None:
    assert Board().news() is None


@pytest.mark.parametrize("seed", range(20))
def test_the_fraction_of_stages_side_by_side_never_falls(seed: int) -> None:
    dice = random.Random(seed)  # noqa: S311 - repeatable on purpose
    board = Board()
    stages = [audio_on(board), images_on(board)]
    steps = [(stage, step) for stage in stages for step in "abc"]
    dice.shuffle(steps)
    last = 0.0
    while steps:
        stage, step = dice.choice(steps)
        if dice.random() < 0.3:
            stage.end(step)
            steps.remove((stage, step))
        else:
            stage.update(step, Progress(fraction=dice.random()))  # a model may say less than before
        news = board.news()
        if news is not None:
            assert news.fraction is not None
            assert last <= news.fraction <= 1
            last = news.fraction

    assert last == 0.8


def failed(*, retryable: bool) -> JobFailedError:
    return JobFailedError(JobError(reason=ErrorReason.PROVIDER_ERROR, message="m", retryable=retryable))


def test_of_several_errors_the_loss_of_the_job_tells_most_then_faults_then_what_no_retry_mends() -> None:
    lost, fault, final, passing = FencedError(), ValueError(), failed(retryable=False), failed(retryable=True)

    def first(*errors: Exception) -> Exception:
        return most_telling(ExceptionGroup("", [ExceptionGroup("", errors[:1]), *errors[1:]]))

    assert first(passing, final, fault, lost) is lost
    assert first(passing, final, fault) is fault
    assert first(passing, final) is final
    assert first(passing) is passing
    assert most_telling(fault) is fault
