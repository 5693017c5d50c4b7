"""Fal's file storage: uploaded inputs and produced outputs, each under an unguessable path."""

import asyncio
import hashlib
import mimetypes
import re
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

_UNSAFE: Final = re.compile(r"[^A-Za-z0-9._-]+")
_GENERIC: Final = "application/octet-stream"


@dataclass(frozen=True, kw_only=True)
class StoredFile:
    """One file as it can be downloaded."""

    path: Path
    """Where its bytes are on disk; several stored files may share them."""
    name: str
    content_type: str
    expires_at: float | None
    """When it is gone, by the event loop's clock."""


@dataclass(kw_only=True)
class _Multipart:
    folder: Path
    content_type: str
    file_seconds: float | None
    parts: dict[int, str] = field(default_factory=dict)
    """ETags of the parts that arrived, by number."""


@dataclass(frozen=True, kw_only=True)
class _Announcement:
    content_type: str
    file_seconds: float | None


class MissingPartError(Exception):
    """A multipart upload was to be completed with parts that never arrived."""


class FileStore:
    """Keeps files under keys of the form `<folder>/<name>`, which are their URLs' paths after `/files/`."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._files: dict[str, StoredFile] = {}
        self._multiparts: dict[str, _Multipart] = {}
        self._announced: dict[str, _Announcement] = {}

    def new_path(self, name: str) -> Path:
        """Return a path of its own for a file yet to be written."""
        folder = self._root / secrets.token_hex(8)
        folder.mkdir(parents=True)
        return folder / _safe(name)

    def reserve(self, name: str) -> str:
        """Return a new key for a file named *name*."""
        return f"{secrets.token_urlsafe(12)}/{_safe(name)}"

    def publish(
        self, path: Path, *, content_type: str, file_seconds: float | None = None, key: str | None = None
    ) -> str:
        """Make the file at *path* downloadable, under *key* if one was reserved, and return the key.

        It lives for *file_seconds* from now on; None means for ever.
        """
        key = key or self.reserve(path.name)
        expires_at = None if file_seconds is None else asyncio.get_running_loop().time() + file_seconds
        name = key.rpartition("/")[2]
        self._files[key] = StoredFile(path=path, name=name, content_type=content_type, expires_at=expires_at)
        return key

    async def save(
        self,
        data: bytes,
        *,
        name: str,
        content_type: str,
        file_seconds: float | None = None,
        key: str | None = None,
    ) -> str:
        """Store *data* as a new file and return its key."""
        path = self.new_path(name)
        await asyncio.to_thread(path.write_bytes, data)
        return self.publish(path, content_type=content_type, file_seconds=file_seconds, key=key)

    def find(self, key: str) -> StoredFile | None:
        """Return the file of *key* unless there is none or its life is over."""
        file = self._files.get(key)
        if file is None or file.expires_at is None:
            return file
        return file if asyncio.get_running_loop().time() < file.expires_at else None

    def announce(self, *, name: str, content_type: str, file_seconds: float | None) -> str:
        """Return the key under which a file may be sent later, once."""
        key = self.reserve(name)
        self._announced[key] = _Announcement(content_type=content_type, file_seconds=file_seconds)
        return key

    async def receive(self, key: str, data: bytes) -> bool:
        """Store an announced file; False when *key* was not announced."""
        announcement = self._announced.pop(key, None)
        if announcement is None:
            return False
        await self.save(
            data,
            name=key.rpartition("/")[2],
            content_type=announcement.content_type,
            file_seconds=announcement.file_seconds,
            key=key,
        )
        return True

    def begin_multipart(self, *, name: str, content_type: str, file_seconds: float | None = None) -> tuple[str, str]:
        """Open an upload in parts and return its future key and its upload id."""
        key, upload_id = self.reserve(name), secrets.token_hex(16)
        folder = self._root / f"parts-{upload_id}"
        folder.mkdir(parents=True)
        self._multiparts[upload_id] = _Multipart(folder=folder, content_type=content_type, file_seconds=file_seconds)
        return key, upload_id

    async def add_part(self, upload_id: str, number: int, data: bytes) -> str | None:
        """Keep one part and return its ETag, or None when there is no such upload."""
        upload = self._multiparts.get(upload_id)
        if upload is None:
            return None
        await asyncio.to_thread((upload.folder / f"{number}").write_bytes, data)
        upload.parts[number] = f'"{hashlib.md5(data, usedforsecurity=False).hexdigest()}"'
        return upload.parts[number]

    async def complete_multipart(self, upload_id: str, key: str, parts: dict[int, str]) -> bool:
        """Join the named parts (number and ETag) in the order of their numbers.

        Returns False when there is no such upload.

        Raises:
            MissingPartError: a part is missing or has another ETag.
        """
        upload = self._multiparts.get(upload_id)
        if upload is None:
            return False
        if not parts or any(upload.parts.get(number) != etag for number, etag in parts.items()):
            raise MissingPartError
        path = self.new_path(key.rpartition("/")[2])
        await asyncio.to_thread(_join, [upload.folder / f"{number}" for number in sorted(parts)], path)
        del self._multiparts[upload_id]
        self.publish(path, content_type=upload.content_type, file_seconds=upload.file_seconds, key=key)
        return True


def content_type_of(name: str, declared: str | None) -> str:
    """Choose the content type of an upload: the declared one, or else by its name."""
    if declared and declared != _GENERIC:
        return declared
    guessed = mimetypes.guess_type(name)[0] or _GENERIC
    return "audio/wav" if guessed == "audio/x-wav" else guessed


def _safe(name: str) -> str:
    return _UNSAFE.sub("_", Path(name).name).lstrip(".")[-100:] or "file"


def _join(parts: list[Path], target: Path) -> None:
    with target.open("wb") as joined:
        for part in parts:
            joined.write(part.read_bytes())
            part.unlink()
