"""Says what a media file is, by looking at all of it in a process that may crash, hang or eat memory for itself."""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

from workers.media.children import confined, tail_text
from workers.media.errors import InputMediaError, MediaError
from workers.media.limits import GIBIBYTE, MediaLimits
from workers.media.sniff import Format, MediaKind, sniff_file

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from asyncio.subprocess import Process

_PROBING: Final = str(Path(__file__).with_name("probing.py"))
_LIMITS: Final = MediaLimits(time=timedelta(seconds=20), memory_bytes=2 * GIBIBYTE)
#: Bytes of an answer; it has a few hundred.
_ANSWER_KEPT: Final = 16 * 1024
#: Looks at once; each takes about 60 MB and, of a short video, 0.3 s of a core.
_AT_ONCE: Final = 4
#: Fields that come as they are.
_PLAIN: Final = ("width", "height", "video_codec", "pix_fmt", "says_colours", "audio_codec", "sample_rate", "channels")
_turns: Final[WeakKeyDictionary[AbstractEventLoop, asyncio.Semaphore]] = WeakKeyDictionary()


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaInfo:
    """What a file is. What it has no use for is None: the width of a sound, the duration of a picture."""

    format: Format
    size_bytes: int
    duration: timedelta | None
    """When the last of its tracks ends."""
    video_duration: timedelta | None = None
    audio_duration: timedelta | None = None
    """How long the track plays."""
    width: int | None = None
    height: int | None = None
    """In pixels as they are stored; see `display_size`."""
    frame_rate: Fraction | None = None
    rotation: int = 0
    """By how many degrees counter-clockwise it is turned when shown."""
    sample_aspect_ratio: Fraction = Fraction(1)
    """How wide a pixel is for its height."""
    video_codec: str | None = None
    pix_fmt: str | None = None
    says_colours: bool = False
    """Whether it says by which matrix its colours are coded; players guess otherwise."""
    audio_codec: str | None = None
    sample_rate: int | None = None
    channels: int | None = None

    @property
    def has_video(self) -> bool:
        """Whether it shows something, moving or not."""
        return self.video_codec is not None

    @property
    def has_audio(self) -> bool:
        """Whether it has a sound track."""
        return self.audio_codec is not None

    @property
    def display_size(self) -> tuple[int, int]:
        """Width and height in square pixels as it is shown; (0, 0) for what shows nothing."""
        width = round((self.width or 0) * self.sample_aspect_ratio)
        height = self.height or 0
        return (height, width) if self.rotation % 180 else (width, height)


async def probe(path: Path) -> MediaInfo:
    """Look at the whole file at *path* and say what it is.

    Raises:
        InputMediaError: it is no media file that is known here, damaged, cut off, or too large to be decoded.
        MediaError: it could not be looked at in time, or not within the memory.
    """
    found, path, size_bytes = await asyncio.to_thread(_file, path)
    async with _turns.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(_AT_ONCE)):
        answer = await _ask(path, found)
    if error := answer.get("error"):
        raise InputMediaError(f"{path.name} cannot be used: {error}.")
    return _info(answer["info"], found, size_bytes=size_bytes)


def _file(path: Path) -> tuple[Format, Path, int]:
    return sniff_file(path), path.absolute(), path.stat().st_size


async def _ask(path: Path, found: Format) -> dict[str, Any]:
    command = [sys.executable, "-I", "-B", _PROBING, found.demuxer, str(_LIMITS.pixels), str(path)]
    child = confined(command, memory_bytes=_LIMITS.memory_bytes, file_bytes=1)  # it writes no file
    try:
        async with asyncio.timeout(_LIMITS.time.total_seconds()), child as process:
            text, stderr = await _said(process)
    except TimeoutError as error:
        raise MediaError(f"{path.name} could not be looked at within {_LIMITS.time}.") from error
    try:
        answer: dict[str, Any] = json.loads(text)
    except ValueError as error:
        raise MediaError(f"{path.name} could not be looked at.", stderr=stderr) from error
    return answer


async def _said(process: Process) -> tuple[str, str]:
    async with asyncio.TaskGroup() as group:
        text = group.create_task(tail_text(process.stdout, keep=_ANSWER_KEPT))
        stderr = group.create_task(tail_text(process.stderr, keep=_ANSWER_KEPT))
    await process.wait()
    return text.result(), stderr.result()


def _info(seen: dict[str, Any], found: Format, *, size_bytes: int) -> MediaInfo:
    is_still = found.kinds == {MediaKind.IMAGE}

    def span(key: str) -> timedelta | None:
        seconds = seen.get(key)
        return None if seconds is None or is_still else timedelta(seconds=seconds)

    rate = seen.get("frame_rate")
    return MediaInfo(
        format=found,
        size_bytes=size_bytes,
        duration=span("duration"),
        video_duration=span("video_duration"),
        audio_duration=span("audio_duration"),
        frame_rate=None if rate is None or is_still else Fraction(rate),
        rotation=seen.get("rotation", 0),
        sample_aspect_ratio=Fraction(seen.get("sample_aspect_ratio", 1)),
        **{name: seen[name] for name in _PLAIN if name in seen},
    )
