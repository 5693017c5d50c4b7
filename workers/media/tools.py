"""The tools for media that all jobs of a worker share."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workers.media.addresses import anywhere, public_web
from workers.media.fetch import Fetcher
from workers.media.ffmpeg import Ffmpeg, ffmpeg_binary
from workers.media.rooms import Workrooms, default_folder
from workers.media.routes import fal_files

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workers.media.settings import MediaSettings


@dataclass(frozen=True, slots=True)
class MediaTools:
    """What a recipe needs to work on files."""

    ffmpeg: Ffmpeg
    fetcher: Fetcher
    rooms: Workrooms


@contextmanager
def media_tools(settings: MediaSettings, *, fal_base_url: str | None) -> Iterator[MediaTools]:
    """Make the tools, and remove all files that are left at the end of the block.

    Args:
        settings: of the worker.
        fal_base_url: where an emulator stands in for fal, whose files are fetched from there.

    Raises:
        MediaError: the ffmpeg that is configured is not there.
        PermissionError: the folder for the files is not safe.
        ValueError: the base URL is no plain `http(s)://host[:port]`.
    """
    ffmpeg = Ffmpeg(ffmpeg_binary(settings.ffmpeg), cores=settings.cores, limits=settings.media_limits)
    fetcher = Fetcher(
        limits=settings.fetch_limits,
        allows=anywhere if settings.allow_private_urls else public_web,
        route=fal_files(fal_base_url),
    )
    with Workrooms(settings.media_folder or default_folder(), least_free=settings.media_free_bytes) as rooms:
        yield MediaTools(ffmpeg=ffmpeg, fetcher=fetcher, rooms=rooms)
