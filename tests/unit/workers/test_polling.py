"""How often fal is asked, what is made of its answers, and how long a job waits after a failure."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from itertools import islice

import pytest

from core.tasks import ended
from workers.attempts import RetryPolicy
from workers.fal.statuses import Completed, Queued, Running
from workers.polling import GENERATING_FRACTION, JITTER, QUEUED_FRACTION, PollPolicy, progress_of

MINUTE = timedelta(minutes=1)


def test_the_pauses_between_polls_grow_up_to_the_longest() -> None:
    policy = PollPolicy(first=timedelta(seconds=1), longest=timedelta(seconds=5))

    pauses = list(islice(policy.pauses(), 200))

    assert 1 - JITTER <= pauses[0] <= 1 + JITTER
    assert all(5 * (1 - JITTER) <= pause <= 5 * (1 + JITTER) for pause in pauses[10:])
    assert len(set(pauses)) > 190  # many generations are not polled in step


def test_the_longest_pause_is_never_shorter_than_the_first() -> None:
    policy = PollPolicy(first=timedelta(seconds=10), longest=timedelta(seconds=1))

    assert all(pause >= 10 * (1 - JITTER) for pause in islice(policy.pauses(), 20))


@pytest.mark.parametrize(
    ("position", "message"),
    [
        (3, "Waiting in fal's queue, 3 ahead"),
        (0, "Waiting in fal's queue, next in line"),
        (None, "Waiting in fal's queue"),
    ],
)
def test_a_queued_generation_says_how_many_are_ahead(position: int | None, message: str) -> None:
    progress = progress_of(Queued(position), elapsed=MINUTE, usual=MINUTE)

    assert progress is not None
    assert (progress.message, progress.provider_queue_position) == (message, position)
    assert progress.fraction == QUEUED_FRACTION


def test_progress_grows_with_the_time_a_model_works_and_never_reaches_the_end() -> None:
    fractions = []
    for seconds in (-5, 0, 10, 30, 60, 120, 600):
        progress = progress_of(Running(), elapsed=timedelta(seconds=seconds), usual=MINUTE)
        assert progress is not None
        assert progress.fraction is not None
        fractions.append(progress.fraction)

    assert fractions == sorted(fractions)
    assert fractions[0] == GENERATING_FRACTION
    assert fractions[3] == pytest.approx(GENERATING_FRACTION + (1 - GENERATING_FRACTION) / 2)
    assert fractions[4] == pytest.approx(GENERATING_FRACTION + (1 - GENERATING_FRACTION) * 0.75)
    assert fractions[-1] <= 1


def test_the_end_is_no_news_of_progress() -> None:
    assert progress_of(Completed(), elapsed=MINUTE, usual=MINUTE) is None


@pytest.mark.parametrize(("tries", "minutes"), [(0, 1), (1, 1), (2, 2), (3, 4), (4, 5), (100, 5)])
def test_the_wait_doubles_with_each_try_up_to_the_longest(tries: int, minutes: int) -> None:
    policy = RetryPolicy(first=MINUTE, longest=5 * MINUTE)

    assert policy.delay(tries, None) == minutes * MINUTE


def test_the_wait_is_as_long_as_the_provider_asks_if_that_is_longer() -> None:
    policy = RetryPolicy(first=MINUTE, longest=5 * MINUTE)

    assert policy.delay(1, timedelta(seconds=5)) == MINUTE
    assert policy.delay(1, timedelta(hours=1)) == timedelta(hours=1)


async def test_a_task_that_drops_a_cancellation_is_ended_all_the_same() -> None:
    dropped = 0

    async def stubborn() -> None:
        nonlocal dropped
        while dropped < 2:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                dropped += 1
        await asyncio.sleep(60)

    task = asyncio.create_task(stubborn())
    await asyncio.sleep(0)

    await ended(task)

    assert (task.cancelled(), dropped) == (True, 2)
