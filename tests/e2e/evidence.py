"""What the tests look at: events, frames of a video."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import imageio_ffmpeg
from PIL import Image, ImageChops, ImageStat

if TYPE_CHECKING:
    from pathlib import Path

    from segue.v1.job_service_pb2 import WatchJobResponse


def assert_gap_free(events: list[WatchJobResponse]) -> None:
    """The first event is a snapshot; those after it count up by one from its sequence, and the last one is final."""
    first, *others = events
    assert first.WhichOneof("event") == "snapshot"
    assert [event.sequence for event in others] == list(range(first.sequence + 1, first.sequence + 1 + len(others)))


async def frame(video: Path, into: Path, *, last: bool = False) -> Image.Image:
    """Return the first or the last frame of a video."""
    where = ["-sseof", "-0.2"] if last else []
    keep = ["-update", "1"] if last else ["-frames:v", "1"]
    process = await asyncio.create_subprocess_exec(
        imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", *where, "-i", str(video), *keep, str(into)
    )
    assert await process.wait() == 0
    return Image.open(into).convert("RGB")


def difference(one: Image.Image, other: Image.Image) -> float:
    """Return how far two pictures are apart: the mean difference of a colour value, 0 to 255."""
    other = other.convert("RGB").resize(one.size)
    return sum(ImageStat.Stat(ImageChops.difference(one, other)).mean) / 3
