"""Says which frames of a joined video show which clip. Pure arithmetic.

Every boundary is rounded on its own, from the sum of the exact lengths: so a joined video of a hundred clips is as
exact as one of two, and never more than half a frame off.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Final

from workers.media.errors import InputMediaError

if TYPE_CHECKING:
    from collections.abc import Sequence

#: The unit of a timedelta.
_MICROSECOND: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Span:
    """The frames of the joined video in which a clip is seen, also those that it shares with its neighbours."""

    start: int
    end: int

    def __len__(self) -> int:
        return self.end - self.start


def spans_of(lengths: Sequence[timedelta], *, crossfade: timedelta, rate: Fraction) -> list[Span]:
    """Return the span of each clip, in order.

    Args:
        lengths: of the clips.
        crossfade: how long a clip is seen together with the next one.
        rate: frames per second.

    Raises:
        InputMediaError: a clip is too short to be seen at all, or for its cross-fades.
    """
    ends = list(accumulate(_seconds(length) for length in lengths))
    fade = _seconds(crossfade)
    spans = [
        Span(round((start - index * fade) * rate), round((end - index * fade) * rate))
        for index, (start, end) in enumerate(pairwise([Fraction(0), *ends]))
    ]
    for index, span in enumerate(spans):
        shared = overlap(spans, index) + overlap(spans, index + 1)
        if len(span) < max(shared, 1):
            why = f"for cross-fades of {crossfade.total_seconds():.2f} s" if shared else "to be seen"
            raise InputMediaError(f"Clip {index + 1} lasts {lengths[index].total_seconds():.2f} s: too short {why}.")
    return spans


def overlap(spans: Sequence[Span], index: int) -> int:
    """Return how many frames clip number *index* shares with the one before it; 0 if there is none."""
    return spans[index - 1].end - spans[index].start if 0 < index < len(spans) else 0


def _seconds(length: timedelta) -> Fraction:
    return Fraction(length // _MICROSECOND, 1_000_000)
