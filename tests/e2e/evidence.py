"""What the tests look at: events, frames of a video."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import imageio_ffmpeg
from PIL import Image, ImageChops, ImageStat

if TYPE_CHECKING:
    from pathlib import Path

    from devstack.stack import Stack
    from segue import aio
    from segue.v1.job_service_pb2 import WatchJobResponse

#: Seconds at fal that no test waits for: it ends them when it has done what it must do before.
FOR_EVER: Final = 600


async def until_followed(stack: Stack, client: aio.Client, job_id: str) -> None:
    """Wait until a generation of a job runs at fal, and its worker has written fal's id of it down.

    A worker that dies between the two leaves it unknown whether fal has it.
    """
    async with asyncio.timeout(60):
        while True:
            requests = (await stack.emulator.ledger()).requests
            running = {request["request_id"] for request in requests if request["status"] == "IN_PROGRESS"}
            if running & {row.provider_request_id for row in (await client.get(job_id)).generations}:
                return
            await asyncio.sleep(0.05)


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
