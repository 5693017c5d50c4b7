"""The files in a model's answer are found in every shape that fal's models use, and none costs a paid job its end."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict

from segue.v1.job_pb2 import ArtifactRole, JobResult
from workers.recipes.artifacts import artifacts_of, result_of

VIDEO = ArtifactRole.ARTIFACT_ROLE_VIDEO
IMAGE = ArtifactRole.ARTIFACT_ROLE_IMAGE
AUDIO = ArtifactRole.ARTIFACT_ROLE_AUDIO
THUMBNAIL = ArtifactRole.ARTIFACT_ROLE_THUMBNAIL
OTHER = ArtifactRole.ARTIFACT_ROLE_OTHER


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ({"video": {"url": "https://h/a.mp4"}}, [(VIDEO, "https://h/a.mp4", "video/mp4")]),
        ({"video": {"url": "https://h/a"}, "seed": 7}, [(VIDEO, "https://h/a", "application/octet-stream")]),
        (
            {"images": [{"url": "https://h/1.png"}, {"url": "https://h/2", "content_type": "image/jpeg"}]},
            [(IMAGE, "https://h/1.png", "image/png"), (IMAGE, "https://h/2", "image/jpeg")],
        ),
        ({"audio": {"url": "https://h/a.mp3?x=1.png"}}, [(AUDIO, "https://h/a.mp3?x=1.png", "audio/mpeg")]),
        ({"audio_file": {"url": "https://h/f"}}, [(AUDIO, "https://h/f", "application/octet-stream")]),
        (
            {"video_url": "https://h/v", "thumbnail_url": "https://h/t.jpg"},
            [(VIDEO, "https://h/v", "application/octet-stream"), (THUMBNAIL, "https://h/t.jpg", "image/jpeg")],
        ),
        ({"images": [{"url": "data:image/png;base64,AAAA"}]}, [(IMAGE, "data:image/png;base64,AAAA", "image/png")]),
        ({"note": {"url": "data:,hello"}}, [(OTHER, "data:,hello", "application/octet-stream")]),
        ({"text": "no file", "has_nsfw_concepts": [False], "timings": {"inference": 0.1}}, []),
    ],
)
def test_files_are_found_under_whatever_key(output: dict[str, Any], expected: list[tuple[int, str, str]]) -> None:
    found = [(file.role, file.url, file.content_type) for file in artifacts_of(output)]

    assert found == expected


def test_what_is_known_of_a_file_is_kept() -> None:
    (video,) = artifacts_of(
        {"video": {"url": "https://h/a.mp4", "file_size": 1000, "width": 640, "height": 360, "duration": 5.5}}
    )

    assert (video.size_bytes, video.width, video.height) == (1000, 640, 360)
    assert video.duration.ToTimedelta() == timedelta(seconds=5.5)


@pytest.mark.parametrize(
    "odd",
    [
        {"duration": float("nan")},
        {"duration": float("inf")},
        {"duration": 1e300},
        {"duration": -1},
        {"file_size": 1 << 70},
        {"file_size": -1},
        {"width": 1 << 40},
        {"height": True},
        {"content_type": None},
        {"url": "http://[broken"},
    ],
)
def test_an_odd_answer_does_not_cost_a_paid_job_its_result(odd: dict[str, Any]) -> None:
    (video,) = artifacts_of({"video": {"url": "https://h/a.mp4", **odd}})

    assert not video.HasField("duration")
    assert not any(video.HasField(name) for name in ("size_bytes", "width", "height"))


def test_the_models_own_answer_is_kept_beside_its_files() -> None:
    output = {"video": {"url": "https://h/a.mp4"}, "seed": 7, "words": [{"text": "a", "start": 0.5}], "none": None}

    result = JobResult.FromString(result_of(output).SerializeToString())

    assert MessageToDict(result.output) == output
    assert len(result.artifacts) == 1
