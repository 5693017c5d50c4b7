"""What pictures are made to fit: a `Frame` whose rate may be that of any video."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from workers.media.encoding import SAMPLE_RATE

if TYPE_CHECKING:
    from workers.media.frame import Frame
    from workers.media.probe import MediaInfo

#: Rates of videos, in frames per second. What is measured is off by a little, above all in short clips.
_RATES: Final = tuple(map(Fraction, ("24000/1001", "24", "25", "30000/1001", "30", "48", "50", "60000/1001", "60")))
#: The share by which.
_RATE_SLACK: Final = Fraction(1, 2000)
#: The rate of videos that tell none.
_USUAL_RATE: Final = Fraction(30)
#: Nobody sees more.
_HIGHEST_RATE: Final = Fraction(60)


@dataclass(frozen=True, slots=True)
class Canvas:
    """The shape and the rate of pictures that are made."""

    width: int
    height: int
    """In square pixels; even, as H.264 wants them."""
    rate: Fraction

    def length(self, frames: int) -> timedelta:
        """Return how long so many frames play."""
        return timedelta(seconds=float(frames / self.rate))

    def frames(self, length: timedelta) -> int:
        """Return how many frames play as long as *length*; at least one."""
        return max(1, round(length.total_seconds() * self.rate))

    def samples(self, frames: int) -> int:
        """Return how many samples of sound lie before frame number *frames*."""
        return round(frames * SAMPLE_RATE / self.rate)

    def seconds(self, frames: int) -> str:
        """Return when frame number *frames* is shown, as ffmpeg reads times; rounded down to its microseconds."""
        return f"{int(frames * 1_000_000 / self.rate) / 1_000_000:.6f}"


def canvas_of(frame: Frame | None, first: MediaInfo) -> Canvas:
    """Return the canvas of *frame*, or without one that of the video *first*, as it is shown."""
    if frame is not None:
        return Canvas(frame.width, frame.height, Fraction(frame.rate))
    width, height = first.display_size
    return Canvas(max(width // 2, 1) * 2, max(height // 2, 1) * 2, rate_of(first))


def rate_of(info: MediaInfo) -> Fraction:
    """Return how many frames a video has in a second."""
    rate = min(info.frame_rate or _USUAL_RATE, _HIGHEST_RATE)
    near = (usual for usual in _RATES if abs(rate - usual) <= usual * _RATE_SLACK)
    return next(near, rate.limit_denominator(1001))
