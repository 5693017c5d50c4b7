"""Checks of script videos."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.catalog.images import IMAGE_MODELS
from core.catalog.platforms import frame_size
from server.limits import IMAGE_STYLE_CHARACTERS, NAME_CHARACTERS, SCRIPT_BYTES, SCRIPT_VIDEO_LENGTHS
from server.translate.enums import PLATFORM_FROM_PROTO
from server.validation.fields import check_duration, check_endpoint, check_known, check_length, check_url
from server.validation.sound import check_music, check_voice
from server.validation.subtitles import check_subtitles

if TYPE_CHECKING:
    from segue.v1 import spec_pb2
    from server.validation.findings import Findings


def check_script_video(found: Findings, path: str, spec: spec_pb2.ScriptVideoSpec) -> None:
    """Check a script video. The template has been laid under it already."""
    check_length(found, f"{path}.script_id", spec.script_id, NAME_CHARACTERS)
    check_length(found, f"{path}.title", spec.title, NAME_CHARACTERS)
    size = len(spec.script_content.encode())
    if size > SCRIPT_BYTES:
        found.add(f"{path}.script_content", f"must be at most {SCRIPT_BYTES} bytes; are {size}")
    elif not spec.script_content.strip():
        found.add(f"{path}.script_content", "is required")
    if spec.HasField("video_length"):
        check_duration(found, f"{path}.video_length", spec.video_length, *SCRIPT_VIDEO_LENGTHS)
    _check_picture(found, path, spec)
    _check_sound(found, path, spec)
    if spec.subtitles.enabled:
        check_subtitles(found, f"{path}.subtitles", spec.subtitles, made_from_script=True)
    if spec.script_model:
        check_endpoint(found, f"{path}.script_model", spec.script_model)


def _check_picture(found: Findings, path: str, spec: spec_pb2.ScriptVideoSpec) -> None:
    check_known(found, f"{path}.platform", spec.platform, PLATFORM_FROM_PROTO)
    if spec.platform in PLATFORM_FROM_PROTO:
        try:
            frame_size(PLATFORM_FROM_PROTO[spec.platform], spec.aspect_ratio)
        except ValueError as fault:
            found.add(f"{path}.aspect_ratio", str(fault))
    if spec.image_model and spec.image_model not in IMAGE_MODELS:
        found.add(f"{path}.image_model", f"must be one of {', '.join(IMAGE_MODELS)}")
    check_length(found, f"{path}.image_style", spec.image_style, IMAGE_STYLE_CHARACTERS)


def _check_sound(found: Findings, path: str, spec: spec_pb2.ScriptVideoSpec) -> None:
    check_voice(
        found,
        {"provider": f"{path}.voice_provider", "language": f"{path}.language", "voice": f"{path}.voice_name"},
        provider=spec.voice_provider,
        language=spec.language,
        voice=spec.voice_name,
    )
    check_url(found, f"{path}.background_music_url", spec.background_music_url, "audio")
    if spec.music.enabled:
        check_music(found, f"{path}.music", spec.music)
        if spec.background_music_url:
            found.add(f"{path}.music", "must not be enabled together with background_music_url")
