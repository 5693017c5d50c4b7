"""Takes single pictures out of videos."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from workers.media.errors import InputMediaError, MediaError
from workers.media.probe import probe

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import timedelta
    from pathlib import Path

    from workers.media.ffmpeg import Ffmpeg

#: Seconds of the video, after its first tenth, among whose pictures one is chosen: beginnings are often like no other.
_WINDOW: Final = 10
_SKIPPED: Final = 0.1
#: How many pictures are compared; all of them are in memory.
_COMPARED: Final = 12

#: A picture is black when this share of it is: in percent, and darker than so much of 255.
_BLACK: Final = "blackframe=amount=0:threshold=32,metadata=select:key=lavfi.blackframe.pblack:value=95:function=less"

#: JPEG has its own way to code colours: JFIF §7. Pixels are made square.
_AS_JPEG: Final = "scale=w=iw*sar:h=ih:out_color_matrix=bt601:out_range=full,setsar=1,format=yuvj420p"


async def thumbnail(ffmpeg: Ffmpeg, video: Path, into: Path) -> None:
    """Make a JPEG of a picture that is typical of *video*, as large as it; a black one only if all are black.

    Raises:
        InputMediaError: the file is no video.
        MediaError: ffmpeg failed.
    """
    info = await probe(video)
    if info.video_duration is None:
        raise InputMediaError(f"{video.name} is no video.")
    await asyncio.to_thread(into.unlink, missing_ok=True)
    for inputs, choice in _tries(video, info.video_duration):
        graph = f"{choice},{_AS_JPEG}"
        output = ("-frames:v", "1", "-q:v", "3", "-map_metadata", "-1", "-update", "1", "-f", "image2", into)
        await ffmpeg.run(*inputs, "-map", "0:V:0", "-vf", graph, *output)
        if await asyncio.to_thread(into.exists):
            return
    raise MediaError(f"There is no picture in {video.name}.")


def _tries(video: Path, length: timedelta) -> Iterator[tuple[list[str | Path], str]]:
    """Yield ways to choose a picture, the best first; each as ffmpeg's input and filters."""
    seconds = length.total_seconds()
    rate = _COMPARED / min(_WINDOW, seconds)
    chosen = f"fps={rate:.6f},{_BLACK},thumbnail=n={_COMPARED}"
    yield ["-ss", f"{seconds * _SKIPPED:.6f}", "-t", str(_WINDOW), "-i", video], chosen
    # All of that was black: look everywhere, at key frames only, which are quick to decode ...
    yield ["-skip_frame", "nokey", "-i", video], f"{_BLACK},thumbnail=n={_COMPARED}"
    # ... then at every picture ...
    yield ["-i", video], _BLACK
    # ... and take what there is.
    yield ["-i", video], "null"
