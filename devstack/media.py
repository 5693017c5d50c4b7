"""Says what a media file is, by ffmpeg (which comes with a wheel; ffprobe does not)."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import imageio_ffmpeg

from devstack.errors import DevstackError

if TYPE_CHECKING:
    from pathlib import Path

_DURATION: Final = re.compile(r"Duration: (\d+):(\d+):(\d+\.\d+)")
#: Codecs of single pictures; ffmpeg gives those the length of one frame.
_STILLS: Final = frozenset({"mjpeg", "png", "webp"})
_VIDEO: Final = re.compile(r"Stream #.*?: Video: (\w+).*?, (\d{2,})x(\d{2,})")


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaFacts:
    """What a file is."""

    codec: str
    width: int
    height: int
    """In pixels."""
    seconds: float | None
    """How long it plays; None: a still."""
    size_bytes: int

    def __str__(self) -> str:
        length = "" if self.seconds is None else f"{self.seconds:.2f} s, "
        return f"{length}{self.width} x {self.height}, {self.codec}, {self.size_bytes:,} bytes"


async def probe(path: Path) -> MediaFacts:
    """Decode the whole file at *path* and say what it is.

    Raises:
        DevstackError: ffmpeg cannot decode it, or it shows nothing.
    """
    ffmpeg = await asyncio.create_subprocess_exec(
        *(imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-nostdin", "-xerror"),
        *("-protocol_whitelist", "file,pipe", "-i", str(path), "-f", "null", "-"),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    _, output = await ffmpeg.communicate()
    words = output.decode(errors="replace")
    facts = _facts(words, path)
    if ffmpeg.returncode != 0 or facts is None:
        message = f"{path} cannot be played:\n{words[-1000:]}"
        raise DevstackError(message)
    return facts


def _facts(words: str, path: Path) -> MediaFacts | None:
    video = _VIDEO.search(words)
    if video is None:
        return None
    codec, width, height = video.groups()
    return MediaFacts(
        codec=codec,
        width=int(width),
        height=int(height),
        seconds=None if codec in _STILLS else _seconds(words),
        size_bytes=path.stat().st_size,
    )


def _seconds(words: str) -> float | None:
    match = _DURATION.search(words)
    if match is None:
        return None
    hours, minutes, seconds = match.groups()
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
