"""What is asked for beside a transition's video, compositions and script videos: each fault has its path."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from google.protobuf.json_format import ParseDict

from core.errors import InvalidRequestError
from segue.v1 import spec_pb2
from server.validation.findings import Findings
from server.validation.specs import check_spec
from tests.unit.server.asked import composition, script_video, transition

if TYPE_CHECKING:
    from google.protobuf.message import Message

CUE = {"start": "1s", "end": "2.5s", "text": "Home"}
VIDEO = "https://videos.example/a.mp4"


def faults_of(spec: Message, **fields: Any) -> dict[str, str]:
    """Check a spec with some fields laid over it; what is not served yet is no fault."""
    ParseDict(fields, spec)
    names = {
        spec_pb2.TransitionSpec: "transition",
        spec_pb2.CompositionSpec: "composition",
        spec_pb2.ScriptVideoSpec: "script_video",
    }
    found = Findings()
    check_spec(found, "spec", spec_pb2.JobSpec(**{names[type(spec)]: spec}))  # type: ignore[arg-type]  # by its type
    error = found.error()
    return (
        {violation.path: violation.message for violation in error.violations}
        if isinstance(error, InvalidRequestError)
        else {}
    )


def subtitled(*cues: dict[str, str], **fields: Any) -> dict[str, Any]:
    return {"subtitles": {"enabled": True, "cues": list(cues), **fields}}


@pytest.mark.parametrize(
    "fields",
    [
        subtitled(CUE),
        subtitled(CUE, {**CUE, "start": "1s"}, style="boxed", position="SUBTITLE_POSITION_TOP", language="zh-Hant-TW"),
        subtitled({"start": "4.9s", "end": "9s", "text": "cut at the end"}),
        subtitled({"end": "0.001s", "text": "{\\b1}%{pts}:'[x]\n"}),
        {"audioUrl": "https://sounds.example/a.mp3", "thumbnail": True, "probe": True},
        {"music": {"enabled": True, "type": "upbeat", "model": "fal-ai/lyria2"}},
        {"voiceover": {"enabled": True, "text": "Hello", "voice": "Rachel"}},
        {"voiceover": {"enabled": True, "text": "Olá", "provider": "kokoro", "language": "pt", "voice": "pm_alex"}},
        {"voiceover": {"enabled": True, "text": "Xin chào", "provider": "google", "language": "vi-VN"}},
    ],
)
def test_extras_that_are_right_are_accepted(fields: dict[str, Any]) -> None:
    assert faults_of(transition(), **fields) == {}


@pytest.mark.parametrize(
    ("fields", "field", "message"),
    [
        (subtitled(), "subtitles.cues", "is required"),
        (subtitled(*[CUE] * 501), "subtitles.cues", "at most 500 cues; are 501"),
        (subtitled(CUE, style="neon"), "subtitles.style", "must be one of clean, bold"),
        (subtitled(CUE, position=9), "subtitles.position", "is not a known value: 9"),
        (subtitled(CUE, language="english!"), "subtitles.language", "BCP 47"),
        (subtitled(CUE, {**CUE, "end": "1s"}), "subtitles.cues[1].end", "must be after start, which is 1 s; is 1 s"),
        (subtitled({**CUE, "end": "0.5s"}), "subtitles.cues[0].end", "must be after start"),
        (subtitled({"start": "1s", "text": "x"}), "subtitles.cues[0].end", "is required"),
        (subtitled({**CUE, "start": "-1s"}), "subtitles.cues[0].start", "must be 0 s to"),
        (subtitled({**CUE, "text": " \n"}), "subtitles.cues[0].text", "is required"),
        (subtitled({**CUE, "text": "x" * 501}), "subtitles.cues[0].text", "at most 500"),
        (subtitled({**CUE, "start": "5s", "end": "6s"}), "subtitles.cues[0].start", "before the end of the video, 5 s"),
        (subtitled(CUE, {**CUE, "start": "0s"}), "subtitles.cues[1].start", "the cue before it"),
        ({"audioUrl": "file:///etc/passwd"}, "audio_url", "must be an https, http or data: URL"),
        ({"audioUrl": "data:image/png;base64,AAAA"}, "audio_url", "audio/*"),
        ({"audioUrl": "https://h/a.mp3", "music": {"enabled": True}}, "music", "together with audio_url"),
        ({"music": {"enabled": True, "model": "fal-ai/flux/dev"}}, "music.model", "fal-ai/stable-audio-25"),
        ({"music": {"enabled": True, "prompt": "x" * 2001}}, "music.prompt", "at most 2000"),
        ({"music": {"enabled": True, "type": "x" * 201}}, "music.type", "at most 200"),
        ({"voiceover": {"enabled": True}}, "voiceover.text", "is required"),
        ({"voiceover": {"enabled": True, "text": "x" * 5001}}, "voiceover.text", "at most 5000"),
        (
            {"voiceover": {"enabled": True, "text": "x", "provider": "azure"}},
            "voiceover.provider",
            "elevenlabs, google",
        ),
        ({"voiceover": {"enabled": True, "text": "x", "provider": "me"}}, "voiceover.provider", "must be one of"),
        ({"voiceover": {"enabled": True, "text": "x", "language": "!"}}, "voiceover.language", "BCP 47"),
        ({"voiceover": {"enabled": True, "text": "x", "language": "vi"}}, "voiceover.language", "google, minimax"),
        (
            {"voiceover": {"enabled": True, "text": "x", "provider": "kokoro", "voice": "Rachel"}},
            "voiceover.voice",
            "af_heart",
        ),
    ],
)
def test_a_wrong_extra_is_named_with_its_path(fields: dict[str, Any], field: str, message: str) -> None:
    faults = faults_of(transition(), **fields)

    assert list(faults) == [f"spec.transition.{field}"]
    assert message in faults[f"spec.transition.{field}"]


def test_extras_that_are_switched_off_are_not_looked_at() -> None:
    off = {"subtitles": {"style": "neon", "cues": [{}]}, "music": {"model": "x"}, "voiceover": {"provider": "azure"}}

    assert faults_of(transition(), **off) == {}


def test_a_cue_is_measured_by_the_length_that_the_model_makes_by_itself() -> None:
    late = subtitled({"start": "5s", "end": "6s", "text": "late"})

    assert faults_of(transition(), model="fal-ai/veo3.1/first-last-frame-to-video", **late) == {}
    assert faults_of(transition(), model="fal-ai/vidu/start-end-to-video", **late) == {}  # nobody knows
    assert faults_of(transition(), videoLength="10s", **late) == {}


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"crossfade": "0s"},
        {"crossfade": "2s", "audioUrl": "data:audio/mpeg;base64,AAAA", "platform": "PLATFORM_TIKTOK"},
        {"clips": [{"jobId": "job"}] * 48, **subtitled(CUE)},
    ],
)
def test_a_right_composition_is_accepted(fields: dict[str, Any]) -> None:
    assert faults_of(composition(), **fields) == {}


@pytest.mark.parametrize(
    ("fields", "field", "message"),
    [
        ({"clips": []}, "clips", "is required"),
        ({"clips": [{"jobId": "job"}] * 51}, "clips", "at most 50 clips; are 51"),
        ({"clips": [{"jobId": "job"}, {}]}, "clips[1]", "is required: set job_id or video_url"),
        ({"clips": [{"jobId": ""}]}, "clips[0].job_id", "is required"),
        ({"clips": [{"jobId": "j" * 65}]}, "clips[0].job_id", "at most 64"),
        ({"clips": [{"videoUrl": ""}]}, "clips[0].video_url", "is required"),
        ({"clips": [{"videoUrl": "concat:/etc/passwd"}]}, "clips[0].video_url", "must be an https, http or data: URL"),
        ({"clips": [{"videoUrl": VIDEO}], "crossfade": "2.1s"}, "crossfade", "must be 0 s to 2 s; is 2.1 s"),
        ({"clips": [{"videoUrl": VIDEO}], "crossfade": "-1s"}, "crossfade", "must be 0 s to 2 s"),
        ({"clips": [{"videoUrl": VIDEO}], "platform": 9}, "platform", "is not a known value"),
        ({"clips": [{"videoUrl": VIDEO}], "name": "n" * 201}, "name", "at most 200"),
        ({"clips": [{"videoUrl": VIDEO}], **subtitled()}, "subtitles.cues", "is required"),
        ({"clips": [{"videoUrl": VIDEO}], "audioUrl": "x"}, "audio_url", "must be an https, http or data: URL"),
    ],
)
def test_a_wrong_field_of_a_composition_is_named_with_its_path(
    fields: dict[str, Any], field: str, message: str
) -> None:
    faults = faults_of(spec_pb2.CompositionSpec(), **fields)

    assert list(faults) == [f"spec.composition.{field}"]
    assert message in faults[f"spec.composition.{field}"]


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"videoLength": "5s", "platform": "PLATFORM_INSTAGRAM", "aspectRatio": "9:16"},
        {"videoLength": "600s", "platform": "PLATFORM_TIKTOK", "language": "ja", "voiceProvider": "kokoro"},
        {"subtitles": {"enabled": True}, "music": {"enabled": True}, "imageModel": "fal-ai/flux/dev"},
        {"backgroundMusicUrl": "https://h/a.mp3", "imageStyle": "watercolour", "scriptModel": "fal-ai/any-llm"},
    ],
)
def test_a_right_script_video_is_accepted(fields: dict[str, Any]) -> None:
    assert faults_of(script_video(), **fields) == {}


@pytest.mark.parametrize(
    ("fields", "field", "message"),
    [
        ({"scriptContent": " \n"}, "script_content", "is required"),
        ({"scriptContent": "é" * (1 << 19) + "."}, "script_content", "must be at most 1048576 bytes; are 1048577"),
        ({"scriptId": "s" * 201}, "script_id", "at most 200"),
        ({"title": "t" * 201}, "title", "at most 200"),
        ({"videoLength": "4s"}, "video_length", "must be 5 s to 600 s; is 4 s"),
        ({"videoLength": "601s"}, "video_length", "must be 5 s to 600 s"),
        ({"platform": 9}, "platform", "is not a known value"),
        ({"aspectRatio": "21:9"}, "aspect_ratio", "YOUTUBE takes 16:9, 9:16, 4:5, 1:1; not 21:9"),
        ({"aspectRatio": "16:9", "platform": "PLATFORM_INSTAGRAM"}, "aspect_ratio", "INSTAGRAM takes 4:5, 9:16"),
        ({"voiceProvider": "azure"}, "voice_provider", "azure is not offered"),
        ({"language": "de", "voiceProvider": "kokoro"}, "language", "elevenlabs, google, minimax"),
        ({"voiceName": "Nobody", "voiceProvider": "google"}, "voice_name", "must be one of Kore"),
        ({"backgroundMusicUrl": "https://h/a", "music": {"enabled": True}}, "music", "with background_music_url"),
        ({"backgroundMusicUrl": "gopher://h"}, "background_music_url", "must be an https, http or data: URL"),
        ({"imageModel": "fal-ai/other"}, "image_model", "fal-ai/flux/schnell, fal-ai/flux/dev"),
        ({"imageStyle": "s" * 501}, "image_style", "at most 500"),
        ({"scriptModel": "gpt"}, "script_model", "must be owner/app"),
        ({"music": {"enabled": True, "model": "x"}}, "music.model", "must be one of"),
        (subtitled({**CUE, "end": "1s"}), "subtitles.cues[0].end", "must be after start"),
    ],
)
def test_a_wrong_field_of_a_script_video_is_named_with_its_path(
    fields: dict[str, Any], field: str, message: str
) -> None:
    faults = faults_of(script_video(), **fields)

    assert list(faults) == [f"spec.script_video.{field}"]
    assert message in faults[f"spec.script_video.{field}"]
