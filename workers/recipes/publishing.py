"""The artifacts of a finished video: itself, a still picture of it, and its subtitles as files."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from segue.v1.job_pb2 import Artifact, ArtifactRole
from workers.media.frames import thumbnail
from workers.subtitles.files import srt_of, vtt_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from workers.media.probe import MediaInfo
    from workers.recipes.bench import Bench
    from workers.subtitles.cues import Cue


async def published_video(bench: Bench, video: Path, *, info: MediaInfo) -> Artifact:
    """Keep the finished video."""
    return await bench.publish(
        video, role=ArtifactRole.ARTIFACT_ROLE_VIDEO, name="video.mp4", content_type="video/mp4", info=info
    )


async def published_thumbnail(bench: Bench, video: Path) -> Artifact:
    """Take a still picture of a video, and keep it."""
    still = bench.path("thumbnail.jpg")
    await thumbnail(bench.ffmpeg, video, still)
    info = await bench.probe(still)
    return await bench.publish(
        still, role=ArtifactRole.ARTIFACT_ROLE_THUMBNAIL, name=still.name, content_type="image/jpeg", info=info
    )


async def published_subtitles(bench: Bench, cues: Sequence[Cue]) -> list[Artifact]:
    """Keep cues as files of both common formats."""
    artifacts = []
    for name, text, content_type in (
        ("subtitles.srt", srt_of(cues), "application/x-subrip"),
        ("subtitles.vtt", vtt_of(cues), "text/vtt"),
    ):
        path = bench.path(name)
        await asyncio.to_thread(path.write_text, text, encoding="utf-8")
        artifacts.append(
            await bench.publish(path, role=ArtifactRole.ARTIFACT_ROLE_SUBTITLES, name=name, content_type=content_type)
        )
    return artifacts
