"""Where the bytes of a download go: into a file, counted, and looked at as soon as they can be told."""

from __future__ import annotations

import asyncio
import errno
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from workers.media.errors import InputMediaError, NoRoomError
from workers.media.limits import MEBIBYTE
from workers.media.sniff import HEAD, Format, MediaKind, sniff

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path
    from typing import BinaryIO

#: Bytes that are written at once, in a thread.
_PIECE: Final = MEBIBYTE

_ARTICLES: Final = {MediaKind.VIDEO: "a video", MediaKind.AUDIO: "sound", MediaKind.IMAGE: "an image"}


class Sink:
    """Takes the bytes of one file; what it is not wanted for it refuses from its first bytes."""

    def __init__(self, file: BinaryIO, *, name: str, wanted: MediaKind, most: int) -> None:
        """Write to *file*.

        Args:
            name: what messages call it.
            wanted: what it has to be.
            most: bytes of it.
        """
        self._file = file
        self._name = name
        self._wanted = wanted
        self._most = most
        self._size = 0
        self._buffer = bytearray()
        self._format: Format | None = None

    def expect(self, size: int) -> None:
        """Hear how many bytes are to come.

        Raises:
            InputMediaError: they are too many.
        """
        if size > self._most:
            raise InputMediaError(f"{self._name} is larger than {self._most} bytes.")

    async def add(self, data: bytes) -> None:
        """Take more bytes.

        Raises:
            InputMediaError: there are too many, or they are no file of the wanted kind.
            NoRoomError: the disk is full.
        """
        self._size += len(data)
        self.expect(self._size)
        self._buffer += data
        if self._format is None and len(self._buffer) >= HEAD:
            self._format = self._recognised()
        if len(self._buffer) >= _PIECE:
            await self._flush()

    async def finish(self) -> Format:
        """Write what is left, and return what the file is.

        Raises:
            InputMediaError: it is not of the wanted kind.
            NoRoomError: the disk is full.
        """
        found = self._format or self._recognised()
        await self._flush()
        return found

    def _recognised(self) -> Format:
        found = sniff(bytes(self._buffer[:HEAD]))
        if found is None or self._wanted not in found.kinds:
            what = "not a media file that is known here" if found is None else f"a file of the kind {found.name}"
            raise InputMediaError(f"{self._name} is {what}; {_ARTICLES[self._wanted]} is wanted.")
        return found

    async def _flush(self) -> None:
        data, self._buffer = self._buffer, bytearray()
        try:
            await asyncio.to_thread(self._write, data)
        except OSError as error:
            if error.errno in {errno.ENOSPC, errno.EDQUOT}:
                raise NoRoomError(f"There is no room on this machine for {self._name}.") from error
            raise

    def _write(self, data: bytearray) -> None:
        self._file.write(data)
        self._file.flush()


@asynccontextmanager
async def new_file(path: Path) -> AsyncIterator[BinaryIO]:
    """Create the file at *path*, in the place of any that stands there; a link is replaced, not followed."""
    file = _created(path)  # not in a thread: cancelled meanwhile, it would stay open
    try:
        yield file
    finally:
        file.close()


def _created(path: Path) -> BinaryIO:
    path.unlink(missing_ok=True)
    return path.open("xb")
