"""Running ffmpeg: one process at a time per core, with a time limit, and never touching the network."""

import asyncio
import contextlib
from pathlib import Path
from typing import Final

import imageio_ffmpeg

#: Seconds after which a rendering is given up.
_TIMEOUT: Final = 120.0


class FfmpegError(Exception):
    """ffmpeg did not produce the file; the message is the end of what it said."""


class Ffmpeg:
    """The ffmpeg binary."""

    def __init__(self, binary: str | None = None) -> None:
        self.binary = binary or str(imageio_ffmpeg.get_ffmpeg_exe())

    async def make(self, target: Path, *arguments: str) -> None:
        """Run ffmpeg with *arguments*, the output file *target* last.

        Raises:
            FfmpegError: it failed or took too long.
        """
        command = [self.binary, "-v", "error", "-nostdin", "-y", "-threads", "1", *arguments, str(target)]
        process = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        try:
            async with asyncio.timeout(_TIMEOUT):
                _, said = await process.communicate()
        except TimeoutError as error:
            raise FfmpegError("took too long") from error
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        if process.returncode != 0:
            raise FfmpegError(said.decode(errors="replace")[-500:])
