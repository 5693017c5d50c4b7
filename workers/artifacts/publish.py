"""From a file to an artifact of a job's result: kept in the store, and described."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from core.artifacts import plain_type
from segue.v1.job_pb2 import Artifact, ArtifactRole
from workers.artifacts.store import digest_of

if TYPE_CHECKING:
    from pathlib import Path

    from core.job import Job
    from workers.artifacts.store import ArtifactStore
    from workers.media.probe import MediaInfo


async def publish(
    store: ArtifactStore,
    path: Path,
    *,
    role: ArtifactRole.ValueType,
    name: str,
    content_type: str,
    job: Job,
    info: MediaInfo | None = None,
) -> Artifact:
    """Keep a file as an artifact of a job, and return what its callers are told of it.

    Args:
        name: what people call the file, with its extension; the same in every attempt.
        info: what a probe has found in it; None: it is no media, or nobody looked.

    Raises:
        StoreError: it is not kept, or not known to be. Publishing it again does no harm.
    """
    stored = await store.put(path, name=name, content_type=content_type, job=job)
    artifact = Artifact(
        role=role,
        url=stored.url,
        content_type=plain_type(content_type),
        size_bytes=stored.size_bytes,
        sha256=stored.sha256,
    )
    if stored.expire_time is not None:
        artifact.expire_time.FromDatetime(stored.expire_time)
    if info is not None:
        _describe(artifact, info)
    return artifact


async def described(artifact: Artifact, path: Path, *, info: MediaInfo) -> Artifact:
    """Return an artifact that is kept elsewhere (at the provider) with all that a copy of it tells.

    Raises:
        StoreError: the copy cannot be read.
    """
    whole = Artifact()
    whole.CopyFrom(artifact)
    whole.sha256, whole.size_bytes = await asyncio.to_thread(digest_of, path)
    _describe(whole, info)
    return whole


def _describe(artifact: Artifact, info: MediaInfo) -> None:
    """Fill in what the probe has found; the rest stays unset."""
    if info.has_video:
        artifact.width, artifact.height = info.display_size
    if info.duration is not None:
        artifact.duration.FromTimedelta(info.duration)
    if info.frame_rate is not None:
        artifact.frame_rate = float(info.frame_rate)
    artifact.video_codec = info.video_codec or ""
    artifact.audio_codec = info.audio_codec or ""
