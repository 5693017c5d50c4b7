"""Finds the files in a model's answer, whatever keys they stand under."""

from __future__ import annotations

from datetime import timedelta
from mimetypes import guess_type
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from segue.v1.job_pb2 import Artifact, ArtifactRole, JobResult

if TYPE_CHECKING:
    from collections.abc import Iterator


def result_of(output: dict[str, Any]) -> JobResult:
    """Return a model's answer with its files as artifacts."""
    result = JobResult(artifacts=artifacts_of(output))
    result.output.update(output)
    return result


def artifacts_of(output: object) -> list[Artifact]:
    """Return the files in a model's answer, in its order.

    A file is an object with a `url` (fal's File, Image and VideoFile), or a text under a key that ends in `_url`.
    """
    return list(_files(output))


def _files(value: object, key: str = "") -> Iterator[Artifact]:
    if isinstance(value, dict):
        if isinstance(value.get("url"), str):
            yield _artifact(value["url"], key, value)
            return
        for name, item in value.items():
            yield from _files(item, str(name))
    elif isinstance(value, list):
        for item in value:
            yield from _files(item, key)
    elif isinstance(value, str) and key.endswith("_url"):
        yield _artifact(value, key, {})


def _artifact(url: str, key: str, file: dict[str, Any]) -> Artifact:
    guessed = guess_type(urlsplit(url).path)[0] if not url.startswith("data:") else url[5:].partition(";")[0]
    content_type = str(file.get("content_type") or guessed or "application/octet-stream")
    artifact = Artifact(role=_role(content_type, key), url=url, content_type=content_type)
    if isinstance(size := file.get("file_size"), int):
        artifact.size_bytes = size
    for side in ("width", "height"):
        if isinstance(pixels := file.get(side), int):
            setattr(artifact, side, pixels)
    if isinstance(seconds := file.get("duration"), int | float):
        artifact.duration.FromTimedelta(timedelta(seconds=seconds))
    return artifact


def _role(content_type: str, key: str) -> ArtifactRole.ValueType:
    if key.startswith("thumbnail"):
        return ArtifactRole.ARTIFACT_ROLE_THUMBNAIL
    return {
        "video": ArtifactRole.ARTIFACT_ROLE_VIDEO,
        "audio": ArtifactRole.ARTIFACT_ROLE_AUDIO,
        "image": ArtifactRole.ARTIFACT_ROLE_IMAGE,
    }.get(content_type.partition("/")[0], ArtifactRole.ARTIFACT_ROLE_OTHER)
