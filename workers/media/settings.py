"""The settings of work on media."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

from pydantic import Field

from core.settings import ProcessSettings
from workers.media.limits import GIBIBYTE, MEBIBYTE, FetchLimits, MediaLimits


class MediaSettings(ProcessSettings):
    """How much of its machine a worker gives to media, and what it fetches."""

    ffmpeg: str | None = Field(default=None, min_length=1)
    """The ffmpeg to use, by its name or path; unset: the one that comes with Segue."""
    media_cores: int | None = Field(default=None, ge=1, le=1024)
    """Cores that all runs of ffmpeg of this process share, two each; unset: all there are."""
    media_seconds: float = Field(default=900, gt=0)
    """How long one run of ffmpeg may take."""
    media_memory_bytes: int = Field(default=4 * GIBIBYTE, ge=512 * MEBIBYTE)
    """Address space of one run, about twice what it uses."""
    media_output_bytes: int = Field(default=2 * GIBIBYTE, ge=MEBIBYTE)
    """The largest file that one run may write."""
    media_folder: Path | None = None
    """The folder for files while they are worked on, private, and the same for all workers of a host; unset: one in the
    system's for temporary files."""
    media_free_bytes: int = Field(default=GIBIBYTE, ge=0)
    """What must be free on its disk before work on media begins; with less, the job is tried again later."""
    download_bytes: int = Field(default=GIBIBYTE, ge=1)
    """The largest file that is fetched for a job."""
    download_seconds: float = Field(default=300, gt=0)
    """How long fetching one file may take, with all redirects and tries."""
    allow_private_urls: bool = False
    """Whether jobs may name files on private addresses and other ports than 80 and 443. Never where others submit jobs:
    they could read what only this machine can."""

    @property
    def cores(self) -> int:
        """How many cores media may use."""
        return self.media_cores or os.cpu_count() or 1

    @property
    def media_limits(self) -> MediaLimits:
        """The bounds of one run of ffmpeg."""
        return MediaLimits(
            time=timedelta(seconds=self.media_seconds),
            memory_bytes=self.media_memory_bytes,
            output_bytes=self.media_output_bytes,
        )

    @property
    def fetch_limits(self) -> FetchLimits:
        """The bounds of one download."""
        return FetchLimits(bytes=self.download_bytes, time=timedelta(seconds=self.download_seconds))
