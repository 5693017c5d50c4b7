"""Finds the files in a model's answer, whatever keys they stand under."""

from __future__ import annotations

import re
from datetime import timedelta
from mimetypes import guess_type
from typing import TYPE_CHECKING, Any, Final, TypeGuard

from segue.v1.job_pb2 import Artifact, ArtifactRole, JobResult

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: The type of a file that nothing tells.
UNKNOWN_TYPE: Final = "application/octet-stream"
#: A longer playing time is none: a year.
LONGEST_SECONDS: Final = 366 * 86_400
#: How the types of files begin, and the keys of fal's models for them.
ROLES: Final[Mapping[str, ArtifactRole.ValueType]] = {
    "video": ArtifactRole.ARTIFACT_ROLE_VIDEO,
    "audio": ArtifactRole.ARTIFACT_ROLE_AUDIO,
    "image": ArtifactRole.ARTIFACT_ROLE_IMAGE,
}


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
    content_type = file.get("content_type")
    if not isinstance(content_type, str) or not content_type:
        content_type = _guessed_type(url)
    artifact = Artifact(role=_role(content_type, key), url=url, content_type=content_type)
    # The result is paid: what a model says of its file may be odd, and is then left out.
    if _is_whole(size := file.get("file_size"), below=2**63):
        artifact.size_bytes = size
    for side in ("width", "height"):
        if _is_whole(pixels := file.get(side), below=2**31):
            setattr(artifact, side, pixels)
    seconds = file.get("duration")
    if isinstance(seconds, int | float) and 0 <= seconds <= LONGEST_SECONDS:
        artifact.duration.FromTimedelta(timedelta(seconds=seconds))
    return artifact


def _is_whole(value: object, *, below: int) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < below


def _guessed_type(url: str) -> str:
    if url.startswith("data:"):
        return re.split("[;,]", url[5:200], maxsplit=1)[0] or UNKNOWN_TYPE
    return guess_type(re.split("[?#]", url, maxsplit=1)[0])[0] or UNKNOWN_TYPE


def _role(content_type: str, key: str) -> ArtifactRole.ValueType:
    if key.startswith("thumbnail"):
        return ArtifactRole.ARTIFACT_ROLE_THUMBNAIL
    # By its type, else by the key that the model has put it under.
    for name in (content_type, key):
        for beginning, role in ROLES.items():
            if name.startswith(beginning):
                return role
    return ArtifactRole.ARTIFACT_ROLE_OTHER
