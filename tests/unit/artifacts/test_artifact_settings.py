from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from server.settings import Settings as ServerSettings
from tests.unit.artifacts.jobs import job_of
from workers.artifacts.factory import open_store
from workers.artifacts.fal import FalStore
from workers.artifacts.folder import FolderStore
from workers.artifacts.s3 import S3Store
from workers.artifacts.settings import ArtifactSettings
from workers.artifacts.store import life_of
from workers.fal.gateway import FalGateway

S3 = {"artifacts": "s3", "s3_bucket": "films", "s3_access_key": "id", "s3_secret_key": "hush-hush"}
FOLDER = {"artifacts": "folder", "artifact_folder": "/var/films", "artifact_url": "http://127.0.0.1:1/files"}


@pytest.mark.parametrize(("values", "kind"), [({}, FalStore), (FOLDER, FolderStore), (S3, S3Store)])
def test_the_settings_name_the_store(values: dict[str, Any], kind: type) -> None:
    uploads = FalGateway(key="key").uploads

    assert type(open_store(ArtifactSettings.model_validate(values), uploads=uploads)) is kind


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"artifacts": "folder", "artifact_folder": "/x"}, "SEGUE_ARTIFACT_URL"),
        ({"artifacts": "folder", "artifact_url": "http://a/"}, "SEGUE_ARTIFACT_FOLDER"),
        ({"artifacts": "s3"}, "SEGUE_S3_BUCKET"),
        ({**S3, "s3_secret_key": ""}, "belong together"),
        ({**S3, "s3_bucket": "a/b"}, "s3_bucket"),
        ({**S3, "s3_prefix": "/x"}, "s3_prefix"),
        ({**S3, "s3_prefix": "../"}, "s3_prefix"),
        ({**S3, "s3_prefix": "no-slash"}, "s3_prefix"),
        ({"artifacts": "ftp"}, "artifacts"),
    ],
)
def test_half_a_store_is_refused(values: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        ArtifactSettings.model_validate(values)


def test_keys_are_not_shown() -> None:
    assert "hush" not in repr(ArtifactSettings.model_validate(S3))


def test_a_missing_package_is_told_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)

    with pytest.raises(ValidationError, match=r"segue\[s3\]"):
        ArtifactSettings.model_validate(S3)
    assert ArtifactSettings.model_validate(FOLDER).artifacts == "folder"


def test_an_artifact_outlives_its_job() -> None:
    job = job_of(retention=timedelta(hours=2))

    assert life_of(job) == timedelta(hours=2) + job.time_limit


def test_a_server_that_serves_files_needs_to_know_which() -> None:
    with pytest.raises(ValidationError, match="SEGUE_ARTIFACT_FOLDER"):
        ServerSettings.model_validate({"files_listen": "127.0.0.1:0"})

    served = ServerSettings.model_validate({"files_listen": "0.0.0.0:80", "artifact_folder": "/x"})
    assert served.artifact_folder == Path("/x")


def test_processes_share_one_port_for_files() -> None:
    values = {"files_listen": "127.0.0.1:0", "artifact_folder": "/x", "processes": 2}

    with pytest.raises(ValidationError, match="port other than 0"):
        ServerSettings.model_validate(values)
