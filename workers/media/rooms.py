"""Private folders for the files of one job each, gone when its work ends, and when its worker does.

<folder>/                     0700, ours alone
    worker-<random>.lock      held locked by a process as long as it lives: the kernel lets go, also after SIGKILL
    worker-<random>/          that process's rooms
        <job>-<random>/       0700

Whoever gets the lock knows that its process is gone, and sweeps up after it. One folder serves all processes of a host.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import re
import shutil
import stat
import tempfile
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self
from uuid import uuid4

import structlog

from workers.media.errors import NoRoomError
from workers.media.limits import GIBIBYTE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from types import TracebackType

log = structlog.get_logger(__name__)

#: Bytes that must be free before a job gets a room, if nobody says otherwise.
LEAST_FREE: Final = GIBIBYTE

#: Between two sweeps. What a killed worker left only takes room.
_SWEEP_SECONDS: Final = 300.0

_OWNER: Final = "worker-"
_LOCK: Final = ".lock"
#: What may stand in the name of a folder.
_UNFIT: Final = re.compile(r"[^A-Za-z0-9_-]")


def default_folder() -> Path:
    """Return the folder in which rooms are made if nobody names another."""
    return Path(tempfile.gettempdir()) / f"segue-{os.getuid()}"


class Workrooms:
    """Makes rooms for the jobs of one process; open while the process works.

    `with Workrooms(folder) as rooms:` removes at its end what this process has made.
    """

    def __init__(self, folder: Path, *, least_free: int = LEAST_FREE) -> None:
        """Prepare; nothing is made yet.

        Args:
            folder: of all rooms on this host; made if it is not there.
            least_free: bytes on its disk without which no room is given.
        """
        self._folder = folder
        self._least_free = least_free
        self._owned: Path | None = None
        self._lock = -1

    def __enter__(self) -> Self:
        """Take a place of our own.

        Raises:
            PermissionError: the folder belongs to somebody else, or others may write to it.
        """
        _make_private(self._folder)
        while self._owned is None:
            place = self._folder / f"{_OWNER}{uuid4().hex}"
            lock = _lock_of(place)
            self._lock = os.open(lock, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
            if _locked(self._lock, lock):
                self._owned = place
            else:
                os.close(self._lock)  # a sweeper came between; again
        self._owned.mkdir(mode=0o700)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove everything that is left, and give the place up."""
        if self._owned is not None:
            _remove(self._owned)
            _lock_of(self._owned).unlink(missing_ok=True)
            os.close(self._lock)
            self._owned = None

    @asynccontextmanager
    async def room(self, job: str) -> AsyncIterator[Path]:
        """Give a job a folder of its own until the end of the block.

        Raises:
            NoRoomError: too little of the disk is free.
        """
        path = await asyncio.to_thread(self._new_room, job)
        try:
            yield path
        finally:
            # It is removed also when the job is being cancelled, and again.
            await asyncio.shield(asyncio.to_thread(_remove, path))

    async def sweep(self) -> int:
        """Remove the rooms of all processes on this host that are gone, and return of how many."""
        return await asyncio.to_thread(self._sweep)

    async def keep_swept(self) -> None:
        """Sweep now and then, until cancelled."""
        while True:
            await self.sweep()
            await asyncio.sleep(_SWEEP_SECONDS)

    def _new_room(self, job: str) -> Path:
        if self._owned is None:
            raise RuntimeError("The workrooms are not open.")
        if shutil.disk_usage(self._folder).free < self._least_free:
            raise NoRoomError
        return Path(tempfile.mkdtemp(prefix=f"{_UNFIT.sub('_', job)[:64]}-", dir=self._owned))

    def _sweep(self) -> int:
        swept = 0
        for lock in self._folder.glob(f"{_OWNER}*{_LOCK}"):
            with _taken(lock) as is_taken:
                if is_taken:
                    _remove(lock.with_suffix(""))
                    lock.unlink(missing_ok=True)
                    swept += 1
        if swept:
            log.info("media.rooms_swept", processes=swept)
        return swept


def _make_private(folder: Path) -> None:
    """Make *folder*, or make sure that nobody else has prepared it for us, as anybody may under /tmp."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o022:
        message = f"{folder} must be a folder that is ours and that nobody else may write to."
        raise PermissionError(message)


def _lock_of(place: Path) -> Path:
    return place.with_name(f"{place.name}{_LOCK}")


@contextlib.contextmanager
def _taken(lock: Path) -> Iterator[bool]:
    """Yield whether the lock is ours: its process is gone."""
    try:
        descriptor = os.open(lock, os.O_RDWR | os.O_NOFOLLOW)
    except OSError:
        yield False  # somebody else was faster
        return
    try:
        yield _locked(descriptor, lock)
    finally:
        os.close(descriptor)


def _locked(descriptor: int, path: Path) -> bool:
    """Take the lock, and return whether it is held now and the file still stands at *path*."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return path.stat().st_ino == os.fstat(descriptor).st_ino
    except OSError:  # held, or swept away between its making and its locking
        return False


def _remove(path: Path) -> None:
    """Remove a folder with all in it; links in it are removed, not followed."""
    shutil.rmtree(path, ignore_errors=True)
    if path.exists():
        log.warning("media.room_left", path=str(path))
