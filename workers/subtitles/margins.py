"""Where in a picture text may stand: clear of its edges, and of what players and platforms lay over it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workers.media.frame import Frame


@dataclass(frozen=True, slots=True)
class Margins:
    """How far text keeps from the picture's edges, in pixels."""

    side: float
    top: float
    bottom: float


def margins_of(frame: Frame) -> Margins:
    """Return the margins for a picture of that shape.

    Broadcasters keep titles within 90 % of the picture (EBU R 95). Feeds that show tall videos over the whole screen
    (TikTok, Reels, Shorts) lay account, text and buttons over the lowest fifth and the right edge, tabs over the top;
    the sides are kept alike, so that text stays centred.
    """
    if frame.height >= 1.5 * frame.width:
        return Margins(side=0.11 * frame.width, top=0.12 * frame.height, bottom=0.2 * frame.height)
    return Margins(side=0.05 * frame.width, top=0.05 * frame.height, bottom=0.06 * frame.height)
