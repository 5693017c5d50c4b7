"""Opens the store that the settings name, and keeps it swept."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Final

import structlog

from workers.artifacts.fal import FalStore
from workers.artifacts.folder import FolderStore
from workers.artifacts.store import StoreError

if TYPE_CHECKING:
    from workers.artifacts.settings import ArtifactSettings
    from workers.artifacts.store import ArtifactStore
    from workers.fal.uploads import Uploads

log = structlog.get_logger(__name__)

#: Pause between two sweeps, in seconds, on average. Expired files are no longer served, so nothing hurries.
PAUSE: Final = 600.0


def open_store(settings: ArtifactSettings, *, uploads: Uploads) -> ArtifactStore:
    """Return the store that the settings name; nothing is written or connected yet.

    Args:
        uploads: of the gateway, for fal's storage.
    """
    match settings.artifacts:
        case "s3":
            from workers.artifacts.s3 import open_s3  # noqa: PLC0415 - boto3 is an extra, and slow to import

            return open_s3(settings)
        case "folder":
            assert settings.artifact_folder, "settings are checked"  # noqa: S101 - for mypy
            return FolderStore(
                settings.artifact_folder, base_url=str(settings.artifact_url), life=settings.artifact_life
            )
        case "fal":
            return FalStore(uploads, life=settings.artifact_life)


async def keep_swept(store: ArtifactStore, *, pause: float = PAUSE) -> None:
    """Remove expired artifacts again and again, for ever. Every worker does it, and one is enough.

    Args:
        pause: between two sweeps, in seconds, on average.
    """
    while True:
        try:
            if removed := await store.sweep():
                log.info("artifacts.swept", removed=removed)
        except StoreError as error:
            log.warning("artifacts.sweep_failed", error=str(error))
        await asyncio.sleep(pause * random.uniform(0.7, 1.3))  # noqa: S311 - spreads load, guards nothing
