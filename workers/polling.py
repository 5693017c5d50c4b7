"""How often a generation is asked after, and how its progress is guessed."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from core.job import Progress
from workers.fal.statuses import Completed, Queued, Running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import timedelta

    from workers.fal.statuses import Status

#: The pause grows by this factor with each poll.
GROWTH: Final = 1.3
#: Each pause is changed by up to this share of it, so that many generations are not polled in step.
JITTER: Final = 0.2
#: A whole number from 0 to 100 before a percent sign.
PERCENTAGE: Final = re.compile(r"(?<![\d.])(100|\d{1,2})(?:\.\d+)?\s?%")
#: The stage names that watchers see.
QUEUED: Final = "queued at fal"
GENERATING: Final = "generating"
#: Where the fractions of the two stages begin, within a generation.
QUEUED_FRACTION: Final = 0.02
GENERATING_FRACTION: Final = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class PollPolicy:
    """How often a generation is asked after."""

    first: timedelta
    longest: timedelta

    def pauses(self) -> Iterator[float]:
        """Yield the pauses before the polls of one generation, in seconds, for ever."""
        pause, longest = self.first.total_seconds(), max(self.first, self.longest).total_seconds()
        while True:
            yield pause * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - spreads load, guards nothing
            pause = min(longest, pause * GROWTH)


def progress_of(status: Status, *, elapsed: timedelta, usual: timedelta) -> Progress | None:
    """Return what a poll says of a generation's progress, the fraction within the generation; None: nothing new.

    fal tells no percentage, but many models write one into their log: the last one counts. Without one the fraction
    approaches 1 with the time elapsed: half of the way is done after half of what such a generation usually takes,
    three quarters after all of it.
    """
    match status:
        case Queued(position=position):
            ahead = "" if position is None else f", {position} ahead" if position else ", next in line"
            return Progress(
                fraction=QUEUED_FRACTION,
                stage=QUEUED,
                message=f"Waiting in fal's queue{ahead}",
                provider_queue_position=position,
            )
        case Running(logs=logs):
            told = _percentage([line.text for line in logs])
            share = 1 - 0.5 ** (2 * max(0.0, elapsed / usual)) if told is None else told / 100
            fraction = GENERATING_FRACTION + (1 - GENERATING_FRACTION) * share
            return Progress(fraction=round(fraction, 3), stage=GENERATING, message="The model is working")
        case Completed():
            return None


def _percentage(lines: list[str]) -> int | None:
    """Return the last percentage in a model's log, such as a progress bar writes it; None: there is none."""
    for line in reversed(lines):
        if found := PERCENTAGE.findall(line):
            return int(found[-1])
    return None
