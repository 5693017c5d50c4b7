"""Checks of compositions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.limits import CLIPS, CROSSFADES, NAME_CHARACTERS
from server.translate.enums import PLATFORM_FROM_PROTO
from server.validation.fields import check_duration, check_id, check_known, check_length, check_url
from server.validation.subtitles import check_subtitles

if TYPE_CHECKING:
    from segue.v1 import spec_pb2
    from server.validation.findings import Findings


def check_composition(found: Findings, path: str, spec: spec_pb2.CompositionSpec) -> None:
    """Check a composition. How long it will be is known only when its clips are."""
    check_length(found, f"{path}.name", spec.name, NAME_CHARACTERS)
    if not spec.clips:
        found.add(f"{path}.clips", "is required: at least one clip")
    elif len(spec.clips) > CLIPS[1]:
        found.add(f"{path}.clips", f"must be at most {CLIPS[1]} clips; are {len(spec.clips)}")
    else:
        for index, clip in enumerate(spec.clips):
            _check_clip(found, f"{path}.clips[{index}]", clip)
    check_url(found, f"{path}.audio_url", spec.audio_url, "audio")
    if spec.HasField("crossfade"):
        check_duration(found, f"{path}.crossfade", spec.crossfade, *CROSSFADES)
    if spec.subtitles.enabled:
        check_subtitles(found, f"{path}.subtitles", spec.subtitles)
    check_known(found, f"{path}.platform", spec.platform, PLATFORM_FROM_PROTO)


def _check_clip(found: Findings, path: str, clip: spec_pb2.Clip) -> None:
    match clip.WhichOneof("source"):
        case "job_id":
            check_id(found, f"{path}.job_id", clip.job_id)
        case "video_url":
            check_url(found, f"{path}.video_url", clip.video_url, "video", required=True)
        case _:
            found.add(path, "is required: set job_id or video_url")
