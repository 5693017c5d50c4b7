"""The settings of the artifact store."""

from __future__ import annotations

from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, HttpUrl, SecretStr, model_validator

from core.settings import ProcessSettings


class ArtifactSettings(ProcessSettings):
    """Where the files that jobs make are kept."""

    artifacts: Literal["fal", "folder", "s3"] = "fal"
    """Where the files that jobs make are kept: in fal's storage, in a folder, or in a bucket of S3 or the like."""
    artifact_folder: Path | None = None
    """The folder for them, the same for all workers and for the servers that serve it."""
    artifact_url: HttpUrl | None = None
    """The public address under which they are found: of the folder, as http://127.0.0.1:50080/files; of the bucket,
    when anybody may read it. Without one, addresses in a bucket are signed."""
    artifact_seconds: float | None = Field(default=None, ge=60)
    """How long each of them is kept; in a bucket, how long its signed address works (7 days at most). Unset: longer
    than its job, but at fal as long as the account says."""
    s3_bucket: str = Field(default="", pattern=r"^([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])?$")
    """The bucket for them (SEGUE_ARTIFACTS=s3)."""
    s3_endpoint: HttpUrl | None = None
    """Where the bucket is, unless it is at AWS."""
    s3_region: str = "us-east-1"
    """Its region; other stores than AWS mostly take any."""
    s3_prefix: str = Field(default="", pattern=r"^([A-Za-z0-9_-][A-Za-z0-9._-]*/)*$")
    """The folder in the bucket, with a slash at its end."""
    s3_access_key: SecretStr = SecretStr("")
    """The id of the key to it; without one, the role of the machine and the like are used."""
    s3_secret_key: SecretStr = SecretStr("")
    """The secret of that key."""

    @model_validator(mode="after")
    def _store_is_whole(self) -> Self:
        if self.artifacts == "folder" and (self.artifact_folder is None or self.artifact_url is None):
            raise ValueError("SEGUE_ARTIFACTS=folder needs SEGUE_ARTIFACT_FOLDER and SEGUE_ARTIFACT_URL")
        if self.artifacts == "s3" and not self.s3_bucket:
            raise ValueError("SEGUE_ARTIFACTS=s3 needs SEGUE_S3_BUCKET")
        if self.artifacts == "s3" and find_spec("boto3") is None:
            raise ValueError("SEGUE_ARTIFACTS=s3 needs boto3: pip install 'segue[s3]'")
        if bool(self.s3_access_key.get_secret_value()) != bool(self.s3_secret_key.get_secret_value()):
            raise ValueError("SEGUE_S3_ACCESS_KEY and SEGUE_S3_SECRET_KEY belong together")
        return self

    @property
    def artifact_life(self) -> timedelta | None:
        """How long each artifact is kept; None: it is not said."""
        return None if self.artifact_seconds is None else timedelta(seconds=self.artifact_seconds)
