"""Small media files, made by ffmpeg itself, and the programs that run meanwhile."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

import psutil

from workers.media.ffmpeg import Ffmpeg, ffmpeg_binary
from workers.media.limits import MediaLimits

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

#: One second of a test picture, and of a tone.
PICTURE = ("-f", "lavfi", "-i", "testsrc=duration=1:size=320x180:rate=25")
TONE = ("-f", "lavfi", "-i", "sine=duration=1")
#: A picture that never ends.
ENDLESS = ("-f", "lavfi", "-i", "testsrc=size=320x180:rate=25")


def runner(*, cores: int = 2, limits: MediaLimits | None = None) -> Ffmpeg:
    """Return the ffmpeg of the wheel."""
    return Ffmpeg(ffmpeg_binary(None), cores=cores, limits=limits or MediaLimits())


async def sample(path: Path, *options: str, picture: bool = True, tone: bool = True) -> Path:
    """Make a file of one second at *path*."""
    await runner().run(*(PICTURE if picture else ()), *(TONE if tone else ()), *options, path)
    return path


def _is_ours(child: psutil.Process) -> bool:
    """Whether the media room has started it: other tests of the session have children of their own."""
    with suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
        command = child.cmdline()
        return any(word.endswith(("confine.py", "probing.py")) for word in command) or any(
            "ffmpeg" in word for word in command[:1]
        )
    return False


def children() -> list[psutil.Process]:
    """Return the programs of the media room that this process has running, those that have ended left out."""
    return [child for child in psutil.Process().children(recursive=True) if _is_ours(child)]


def ffmpegs() -> list[psutil.Process]:
    """Return the running ffmpegs of this process; one that is only asked for its version is none."""
    found = []
    for child in children():
        try:
            if "ffmpeg" in child.name() and "-progress" in child.cmdline():
                found.append(child)
        except psutil.NoSuchProcess:
            continue
    return found


async def until(condition: Callable[[], bool], *, seconds: float = 60) -> None:
    """Wait for *condition* to hold."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.02)


def names_in(folder: Path) -> set[str]:
    """Return the names of all files and folders in *folder*, at any depth."""
    return {path.name for path in folder.rglob("*")}
