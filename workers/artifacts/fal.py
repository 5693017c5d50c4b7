"""Artifacts in fal's own storage: nothing to run, and as public as what fal's models make.

Each upload gets an address of its own, so an artifact that is put again is kept twice; both cost nothing.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from core.artifacts import plain_name, plain_type
from workers.artifacts.store import TRANSFERS, Stored, StoreError, digest_of, expiry
from workers.fal.errors import ProviderError

if TYPE_CHECKING:
    from datetime import timedelta
    from pathlib import Path

    from core.job import Job, Tenant
    from workers.fal.uploads import Uploads


class FalStore:
    """Keeps artifacts at fal, as long as the account says or for a set time."""

    def __init__(self, uploads: Uploads, *, life: timedelta | None = None) -> None:
        """Prepare the store.

        Args:
            life: after which fal may remove an artifact; None: what the account has set, by default never.
        """
        self._uploads = uploads
        self._life = life
        self._turns = asyncio.Semaphore(TRANSFERS)

    async def put(self, path: Path, *, name: str, content_type: str, job: Job) -> Stored:
        """Upload the file; see `ArtifactStore.put`."""
        async with self._turns:
            sha256, size = await asyncio.to_thread(digest_of, path)
            expire_time = None if self._life is None else expiry(self._life)  # not counted from the end of the upload
            try:
                url = await self._uploads.file(
                    path, content_type=plain_type(content_type), name=plain_name(name), life=self._life
                )
            except ProviderError as error:
                raise StoreError(f"fal's storage did not take the file: {error}", retryable=error.retryable) from error
            except OSError as error:
                raise StoreError(f"The file to keep cannot be read: {error.strerror}.") from error
        return Stored(url=url, expire_time=expire_time, sha256=sha256, size_bytes=size)

    async def take(self, url: str, into: Path, *, tenant: Tenant, max_bytes: int) -> bool:
        """Return False: what fal keeps stands under public addresses, and is fetched like anything else."""
        return False

    async def sweep(self) -> int:
        """Return 0: fal removes what has expired."""
        return 0
