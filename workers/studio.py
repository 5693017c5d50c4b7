"""What recipes work with beside the provider: media tools, the artifact store, and the results of other jobs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from core.store.jobs import JobStore
    from workers.artifacts.store import ArtifactStore
    from workers.media.tools import MediaTools


@dataclass(frozen=True, slots=True, kw_only=True)
class Studio:
    """The tools that all attempts of a process share."""

    media: MediaTools
    store: ArtifactStore
    download_bytes: int
    """The most that a file may have that is fetched or taken out of the store."""
    jobs: JobStore
    """Where a composition finds what other jobs made."""
