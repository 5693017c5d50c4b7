"""Uploads to fal's storage: in one request, or in parts where fal_client would do so.

Uploading costs nothing, and fal gives each upload an address of its own: it may be repeated, unlike a submit.
"""

from __future__ import annotations

import asyncio
import math
import re
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar

import fal_client
import httpx
from fal_client import client as fal_impl

from workers.fal.errors import ProviderError, UploadFailedError
from workers.fal.lanes import AnswerTooLargeError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
    from datetime import timedelta
    from pathlib import Path

    from workers.fal.client import FalClient

#: Parts of one file that are under way at once; each is in memory, 10 MiB of it.
PARTS_AT_ONCE: Final = 4
#: Pauses before a step of a file's upload is tried again, in seconds. One lost part must not lose all others.
PAUSES: Final = (0.5, 2.0, 5.0)

#: Answers of the storage that a repetition may change, beside its own failures (5xx).
_PASSING: Final = frozenset({408, 409, 425, 429})
#: How an upload breaks without an answer that says why, an answer that says nothing among them.
_BROKEN: Final = (
    httpx.HTTPError,
    AnswerTooLargeError,
    fal_client.FalClientError,
    TimeoutError,
    KeyError,
    TypeError,
    ValueError,
)
_T = TypeVar("_T")
_UNSAFE_NAME: Final = re.compile(r"[^A-Za-z0-9._-]+")
_CONTENT_TYPE: Final = re.compile(r"[\x20-\x7e]+")


class Uploads:
    """Puts bytes and files into fal's storage."""

    def __init__(self, client: FalClient, *, deadline: timedelta, pauses: Sequence[float] = PAUSES) -> None:
        """Prepare for uploads.

        Args:
            deadline: how long one try of an upload may take in whole; of one in parts, of each step.
            pauses: between the tries of a file's upload, in seconds.
        """
        self._client = client
        self._deadline = deadline.total_seconds()
        self._pauses = pauses

    async def data(self, data: bytes, *, content_type: str, name: str, life: timedelta | None = None) -> str:
        """Store bytes and return their URL.

        Args:
            life: after which fal may remove them; None: what the account has set, by default never.

        Raises:
            UploadFailedError: they are not stored, or not known to be.
        """
        _check_type(content_type)
        lifecycle = None if life is None else fal_client.StorageSettings(expires_in=math.ceil(life.total_seconds()))
        async with self._trying():
            # No fallback: the older storage would be sent the key at an address it names itself.
            return _checked(
                await self._client.upload(data, content_type, _plain(name), fallback_repository=[], lifecycle=lifecycle)
            )

    async def file(self, path: Path, *, content_type: str, name: str, life: timedelta | None = None) -> str:
        """Store a file and return its URL; of a large one no more than a few parts are in memory at once.

        Each step is tried again when it fails.

        Args:
            name: what it is called there.
            life: as of `data`.

        Raises:
            UploadFailedError: it is not stored, or not known to be.
            OSError: it cannot be read.
        """
        size = (await asyncio.to_thread(path.stat)).st_size
        if size > fal_impl.MULTIPART_THRESHOLD:
            return await self._in_parts(path, size, content_type=content_type, name=name, life=life)
        data = await asyncio.to_thread(path.read_bytes)
        return await self._again(partial(self.data, data, content_type=content_type, name=name, life=life))

    async def _in_parts(
        self, path: Path, size: int, *, content_type: str, name: str, life: timedelta | None = None
    ) -> str:
        _check_type(content_type)
        lifecycle = None if life is None else {"expiration_duration_seconds": math.ceil(life.total_seconds())}
        async with self._client._cdn_client() as storage:
            upload = fal_impl.AsyncMultipartUpload(
                file_name=_plain(name),
                client=storage,
                token_manager=await self._client._token_manager,
                content_type=content_type,
            )
            await self._again(partial(upload.create, lifecycle))
            await self._send_parts(upload, path, math.ceil(size / upload.chunk_size))
            # They ended in any order; what is behind fal's storage may want the file's.
            upload._parts.sort(key=_number)
            return _checked(await self._again(upload.complete))

    async def _send_parts(self, upload: fal_impl.AsyncMultipartUpload, path: Path, count: int) -> None:
        turns = asyncio.Semaphore(PARTS_AT_ONCE)

        async def send(number: int) -> None:
            async with turns:
                data = await asyncio.to_thread(_slice, path, (number - 1) * upload.chunk_size, upload.chunk_size)
                await self._again(partial(upload.upload_part, number, data))

        try:
            async with asyncio.TaskGroup() as group:
                for number in range(1, count + 1):
                    group.create_task(send(number))
        except* (ProviderError, OSError) as failures:
            raise failures.exceptions[0] from None  # the others are of its kind, or its consequence

    async def _again(self, step: Callable[[], Awaitable[_T]]) -> _T:
        """Take a step, again after each pause while it fails in a way that may pass."""
        for pause in self._pauses:
            try:
                async with self._trying():
                    return await step()
            except UploadFailedError as error:
                if not error.retryable:
                    raise
            await asyncio.sleep(pause)
        async with self._trying():
            return await step()

    @asynccontextmanager
    async def _trying(self) -> AsyncIterator[None]:
        """Bound a step in time, and turn whatever can go wrong in it into one error."""
        try:
            async with asyncio.timeout(self._deadline):
                yield
        except (fal_client.FalClientHTTPError, httpx.HTTPStatusError) as error:
            status = error.response.status_code
            passes = status >= 500 or status in _PASSING
            raise UploadFailedError(metadata={"http_status": str(status)}, retryable=passes) from error
        except _BROKEN as error:
            raise UploadFailedError(metadata={"type": type(error).__name__}) from error


def _check_type(content_type: str) -> None:
    if not _CONTENT_TYPE.fullmatch(content_type):
        raise UploadFailedError("The content type is invalid.", retryable=False)


def _plain(name: str) -> str:
    return _UNSAFE_NAME.sub("_", name)[-100:] or "file"


def _checked(url: object) -> str:
    if not isinstance(url, str) or not url.startswith(("https://", "http://")):
        raise ValueError("not an address")
    return url


def _number(part: dict[str, int]) -> int:
    return part["partNumber"]


def _slice(path: Path, start: int, length: int) -> bytes:
    with path.open("rb") as file:
        file.seek(start)
        return file.read(length)
