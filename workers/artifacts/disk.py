"""Files in a folder that several processes share: written whole or not at all, forced to disk, under one lock."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: Where files are written before they are renamed: on the same file system, and hidden.
INCOMING: Final = ".incoming"
#: Held for the moment in which a file comes or goes.
LOCK: Final = ".lock"
#: A file there that nobody has written to for so long was left by a process that died.
ABANDONED: Final = timedelta(days=1)
#: Files are for us and our group (a server under another user), and for nobody else.
FILE_MODE: Final = 0o640
FOLDER_MODE: Final = 0o750
#: Bytes that are copied at once.
CHUNK: Final = 1 << 20


class Disk:
    """A folder and how it is written to. Every method blocks: call them in a thread."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def prepare(self) -> None:
        """Make the folder if it is not there."""
        (self.root / INCOMING).mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep all other processes out, for as short as can be."""
        with (self.root / LOCK).open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # let go when it is closed
            yield

    @contextmanager
    def written(self, write: Callable[[BinaryIO], object]) -> Iterator[Path]:
        """Give a new file with what *write* wrote, safe on disk; it is gone at the end unless it was renamed."""
        handle, name = tempfile.mkstemp(dir=self.root / INCOMING)
        try:
            with os.fdopen(handle, "wb") as file:
                write(file)
                file.flush()
                os.fchmod(file.fileno(), FILE_MODE)
                os.fsync(file.fileno())
            yield Path(name)
        finally:
            Path(name).unlink(missing_ok=True)

    def remove_abandoned(self) -> None:
        """Remove what dead processes left half-written."""
        for path in (self.root / INCOMING).iterdir():
            with suppress(FileNotFoundError):  # another process was faster
                if path.stat().st_mtime < (datetime.now(UTC) - ABANDONED).timestamp():
                    path.unlink()


def copied(source: Path) -> Callable[[BinaryIO], None]:
    """Return what writes a copy of *source*."""

    def write(target: BinaryIO) -> None:
        with source.open("rb") as file:
            shutil.copyfileobj(file, target, CHUNK)

    return write


def opened_plainly(path: str, flags: int) -> int:
    """Open a file for `open(opener=)` that is no link, and do not wait for one that is a pipe."""
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)


def subfolders(folder: Path) -> list[Path]:
    """Return the folders in a folder that are neither hidden nor links."""
    with os.scandir(folder) as entries:
        return [Path(entry) for entry in entries if entry.is_dir(follow_symlinks=False) and entry.name[0] != "."]


def sync(*folders: Path) -> None:
    """Force the names in folders to disk."""
    for folder in folders:
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
