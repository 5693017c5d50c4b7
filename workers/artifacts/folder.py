"""Artifacts in a folder: `<key>` for each file and a hidden note beside it; servers serve it (`server/files`).

The folder may be shared by many processes of several machines. The lock orders putting and sweeping, or a sweep could
remove a file whose life was prolonged in the same moment.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from core.artifacts import Note, is_key, key_of, note_beside, plain_type
from workers.artifacts.disk import CHUNK, FOLDER_MODE, Disk, copied, opened_plainly, subfolders, sync
from workers.artifacts.store import TRANSFERS, Stored, StoreError, digest_of, expiry, life_of, own_key

if TYPE_CHECKING:
    from datetime import timedelta
    from pathlib import Path

    from core.job import Job, Tenant


class FolderStore:
    """Keeps artifacts in a folder, as long as their jobs are kept or for a set time."""

    def __init__(self, root: Path, *, base_url: str, life: timedelta | None = None) -> None:
        """Prepare the store; the folder is made when it is first needed.

        Args:
            root: the folder. What it holds beside artifacts is left alone.
            base_url: under which address its files are served, each at its key.
            life: how long an artifact is kept; None: as long as its job at the longest.
        """
        self._root = root
        self._disk = Disk(root)
        self._base = base_url.rstrip("/")
        self._life = life
        self._turns = asyncio.Semaphore(TRANSFERS)

    async def put(self, path: Path, *, name: str, content_type: str, job: Job) -> Stored:
        """Keep a copy of the file; see `ArtifactStore.put`."""
        async with self._turns:
            return await asyncio.to_thread(self._put, path, name, plain_type(content_type), job)

    async def take(self, url: str, into: Path, *, tenant: Tenant, max_bytes: int) -> bool:
        """Copy an artifact from the folder; see `ArtifactStore.take`."""
        key = own_key(url, tenant=tenant, address=self._address)
        if key is None:
            return False
        async with self._turns:
            await asyncio.to_thread(self._take, self._root / key, into, max_bytes)
        return True

    async def sweep(self) -> int:
        """Remove expired files, and what dead processes left half-written; return how many artifacts were removed.

        Raises:
            StoreError: the folder cannot be read or written to.
        """
        return await asyncio.to_thread(self._sweep)

    def _address(self, key: str) -> str:
        return f"{self._base}/{key}"

    def _put(self, path: Path, name: str, content_type: str, job: Job) -> Stored:
        sha256, size = digest_of(path)
        key = key_of(job.tenant, job.id, name=name, sha256=sha256)
        note = Note(content_type=content_type, expire_time=expiry(self._life or life_of(job)), sha256=sha256)
        try:
            self._disk.prepare()
            if not self._prolong(self._root / key, note, size):
                self._keep(path, self._root / key, note)
        except OSError as error:
            raise StoreError(f"The artifact folder cannot be written to: {error.strerror}.") from error
        return Stored(url=self._address(key), expire_time=note.expire_time, sha256=sha256, size_bytes=size)

    def _prolong(self, file: Path, note: Note, size: int) -> bool:
        """Let the file live on if it is there; whether it is."""
        with self._disk.locked():
            if not file.is_file() or file.stat().st_size != size:
                return False
            self._write_note(file, note)
            return True

    def _keep(self, path: Path, file: Path, note: Note) -> None:
        """Copy the file, then let it appear as a whole; its note comes before it, as without one nothing is served."""
        with self._disk.written(copied(path)) as copy, self._disk.locked():
            for folder in (file.parent.parent, file.parent):
                folder.mkdir(mode=FOLDER_MODE, exist_ok=True)
            self._write_note(file, note)
            copy.rename(file)
            sync(file.parent, file.parent.parent, self._root)

    def _write_note(self, file: Path, note: Note) -> None:
        with self._disk.written(lambda target: target.write(note.to_json().encode())) as written:
            written.rename(note_beside(file))

    def _take(self, file: Path, into: Path, max_bytes: int) -> None:
        gone = StoreError("The artifact is no longer kept.", retryable=False)
        try:
            if _has_expired(note_beside(file)):
                raise gone
            with open(file, "rb", opener=opened_plainly) as source:
                if os.fstat(source.fileno()).st_size > max_bytes:
                    raise StoreError("The artifact is too large to be taken as an input.", retryable=False)
                with into.open("wb") as target:
                    shutil.copyfileobj(source, target, CHUNK)
        except FileNotFoundError as error:
            raise gone from error
        except OSError as error:
            raise StoreError(f"The artifact cannot be read: {error.strerror}.") from error

    def _sweep(self) -> int:
        removed = 0
        try:
            for tenant in subfolders(self._root):
                for job in subfolders(tenant):
                    removed += sum(self._remove_expired(note) for note in list(job.glob(".*.json")))
                    self._remove_if_empty(job)
                self._remove_if_empty(tenant)
            self._disk.remove_abandoned()
        except FileNotFoundError:
            pass  # nothing was put yet, or another process sweeps as well
        except OSError as error:
            raise StoreError(f"The artifact folder cannot be swept: {error.strerror}.") from error
        return removed

    def _remove_expired(self, note: Path) -> bool:
        file = note.with_name(note.name.removeprefix(".").removesuffix(".json"))
        if not is_key("/".join(file.parts[-3:])) or not _has_expired(note):
            return False
        with self._disk.locked():
            if not _has_expired(note):  # prolonged meanwhile, or removed by another process
                return False
            file.unlink(missing_ok=True)
            note.unlink()
            return True

    def _remove_if_empty(self, folder: Path) -> None:
        if not any(folder.iterdir()):
            with self._disk.locked(), suppress(OSError):  # no longer empty, or no longer there
                folder.rmdir()


def _has_expired(note: Path) -> bool:
    """Whether the file of a note may be removed. One without a note may not: nobody knows what it is."""
    try:
        return Note.from_json(note.read_bytes()).expire_time <= datetime.now(UTC)
    except (FileNotFoundError, ValueError):
        return False
