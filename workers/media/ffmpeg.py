"""Runs ffmpeg: few at once, each a confined process that reads only the files it was given, with progress."""

from __future__ import annotations

import asyncio
import re
import shutil
import signal
from typing import TYPE_CHECKING, Final, TypeAlias

import imageio_ffmpeg

from core.tasks import ended
from workers.media.arguments import spell
from workers.media.children import confined, tail_text
from workers.media.errors import MediaError

if TYPE_CHECKING:
    from asyncio import StreamReader
    from asyncio.subprocess import Process
    from collections.abc import Awaitable, Callable
    from datetime import timedelta
    from pathlib import Path

    from workers.media.limits import MediaLimits

Report: TypeAlias = "Callable[[float], Awaitable[None]]"
"""Told how much of a run is done, from 0 to 1, about four times a second."""

#: Bytes of ffmpeg's own words that are kept: what filters measure stands at their end.
_STDERR_KEPT: Final = 64 * 1024

#: How FFmpeg, x264 and the libraries in C++ say it.
_OUT_OF_MEMORY: Final = re.compile(r"Cannot allocate memory|malloc of size \d+ failed|bad_alloc")

_MICROSECONDS: Final = 1_000_000


def ffmpeg_binary(configured: str | None) -> str:
    """Return the absolute path of the ffmpeg that is configured, by name or path, or of the one in the wheel.

    Raises:
        MediaError: it is not there.
    """
    if configured is None:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    found = shutil.which(configured)
    if found is None:
        raise MediaError(f"There is no program {configured}.")
    return found


class Ffmpeg:
    """Makes media files of media files."""

    def __init__(self, binary: str, *, cores: int, limits: MediaLimits) -> None:
        """Use the ffmpeg at *binary*, an absolute path.

        Args:
            cores: of the processor, that all runs together may use; those beyond wait for their turn, in order.
            limits: of each run.
        """
        self._binary = binary
        self._limits = limits
        self._turns = asyncio.Semaphore(max(1, cores // limits.threads))

    async def run(self, *arguments: str | Path, length: timedelta | None = None, report: Report | None = None) -> str:
        """Run ffmpeg once, as soon as there are cores for it, and return what it wrote to stderr.

        Inputs are files, sniffed, or made up by `-f lavfi`; see `arguments`. Cancelled, it kills the run and waits
        for its end.

        Args:
            arguments: without the program; the last is the output.
            length: how long the output plays; without it no progress is told.
            report: awaited with each progress; what it raises ends the run.

        Raises:
            InputMediaError: an input is no media file that is known here.
            MediaError: ffmpeg failed, took too long, wrote too much or needed too much memory.
        """
        spelt = await asyncio.to_thread(spell, arguments, limits=self._limits)
        limits = self._limits
        async with self._turns:
            child = confined([self._binary, *spelt], memory_bytes=limits.memory_bytes, file_bytes=limits.output_bytes)
            try:
                async with asyncio.timeout(limits.time.total_seconds()) as clock, child as process:
                    return await self._finished(process, length, report)
            except TimeoutError as error:
                if not clock.expired():
                    raise  # the report's own
                raise MediaError(f"The work on the media took longer than {limits.time}.") from error

    async def _finished(self, process: Process, length: timedelta | None, report: Report | None) -> str:
        words = asyncio.create_task(tail_text(process.stderr, keep=_STDERR_KEPT))
        try:
            await _follow(process.stdout, length, report)
            stderr = await words
        finally:
            await ended(words)
        code = await process.wait()
        if code != 0:
            raise MediaError(self._verdict(code, stderr), stderr=stderr)
        return stderr

    def _verdict(self, code: int, stderr: str) -> str:
        """Say for people why ffmpeg ended with *code*."""
        if code == -signal.SIGXFSZ:
            return f"The media would be larger than {self._limits.output_bytes} bytes."
        if _OUT_OF_MEMORY.search(stderr):
            return f"The work on the media needs more than {self._limits.memory_bytes} bytes of memory."
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"failed with exit code {code}"
        return f"ffmpeg {how}."


async def _follow(stdout: StreamReader | None, length: timedelta | None, report: Report | None) -> None:
    """Read ffmpeg's `-progress` to its end and tell what is done; the end of a run is told by its return."""
    told = 0.0
    while stdout is not None and (line := await stdout.readline()):
        key, _, value = line.decode(errors="replace").strip().partition("=")
        if key != "out_time_us" or not value.isdecimal() or report is None or not length:
            continue
        fraction = min(int(value) / _MICROSECONDS / length.total_seconds(), 1.0)
        if fraction > told:
            told = fraction
            await report(fraction)
