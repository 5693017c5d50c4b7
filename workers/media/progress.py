"""Tells the progress of work that takes several runs of ffmpeg."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workers.media.ffmpeg import Report


def part_of(report: Report | None, begin: float, end: float) -> Report | None:
    """Return what a part of the work reports to, that is all of it from *begin* to *end*, both from 0 to 1."""
    if report is None:
        return None

    async def tell(fraction: float) -> None:
        await report(begin + (end - begin) * fraction)

    return tell
