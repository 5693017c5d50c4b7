"""How much of this machine media may use."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

MEBIBYTE: Final = 1024 * 1024
GIBIBYTE: Final = 1024 * MEBIBYTE


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaLimits:
    """The bounds of one run of ffmpeg."""

    time: timedelta = timedelta(minutes=15)
    """From its start to its end, on the clock."""
    memory_bytes: int = 4 * GIBIBYTE
    """Of its address space, which is about twice what it uses. Enforced on Linux."""
    output_bytes: int = 2 * GIBIBYTE
    """Of each file it writes."""
    pixels: int = 100_000_000
    """Of one picture that is decoded: above what cameras make, below what fills the memory."""
    threads: int = 2
    """Of each of its decoders, filters and encoders."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchLimits:
    """The bounds of one download."""

    bytes: int = GIBIBYTE
    time: timedelta = timedelta(minutes=5)
    """Of all tries together, redirects and waits between them included."""
    idle: timedelta = timedelta(seconds=20)
    """The longest silence of the other side."""
    redirects: int = 5
    tries: int = 3
