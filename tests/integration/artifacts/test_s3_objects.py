"""What S3 is told of an artifact, and what its refusals become."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest

from tests.integration.artifacts.shelves import PREFIX, SECRET, s3_client, s3_settings
from tests.kept_port import kept_port
from tests.unit.artifacts.jobs import job_of
from workers.artifacts.s3 import S3Store, open_s3
from workers.artifacts.store import StoreError

if TYPE_CHECKING:
    from pathlib import Path

MIB = 1 << 20


class Bucket:
    """A bucket, looked at without the store."""

    def __init__(self, endpoint: str) -> None:
        self.name = f"films-{uuid4().hex[:8]}"
        self.client = s3_client(endpoint)
        self.client.create_bucket(Bucket=self.name)

    def object(self) -> dict[str, Any]:
        (found,) = self.client.list_objects_v2(Bucket=self.name)["Contents"]
        head: dict[str, Any] = self.client.head_object(Bucket=self.name, Key=found["Key"], ChecksumMode="ENABLED")
        return {**head, "Key": found["Key"]}


@pytest.fixture
def bucket(s3_endpoint: str) -> Bucket:
    return Bucket(s3_endpoint)


@pytest.fixture
def note(tmp_path: Path) -> Path:
    path = tmp_path / "note.txt"
    path.write_bytes(b"a few words")
    return path


async def test_an_object_says_what_it_is(bucket: Bucket, note: Path) -> None:
    store = S3Store(bucket.client, bucket=bucket.name, prefix=PREFIX)

    stored = await store.put(note, name="note.svg", content_type="image/svg+xml", job=job_of())

    found = bucket.object()
    digest = hashlib.sha256(b"a few words")
    assert found["Key"].startswith(f"{PREFIX}default/")
    assert found["ContentType"] == "image/svg+xml"
    assert found["ContentDisposition"] == 'attachment; filename="note.svg"'
    assert found["Metadata"] == {"sha256": digest.hexdigest()}
    assert found["ChecksumSHA256"] == b64encode(digest.digest()).decode()
    assert stored.sha256 == digest.hexdigest()


async def test_a_large_file_goes_in_parts(bucket: Bucket, tmp_path: Path) -> None:
    data = b"".join(number.to_bytes(4, "big") for number in range(11 * MIB // 4))
    path = tmp_path / "film.mp4"
    path.write_bytes(data)
    store = S3Store(bucket.client, bucket=bucket.name, part_bytes=5 * MIB)

    stored = await store.put(path, name="film.mp4", content_type="video/mp4", job=job_of())

    found = bucket.object()
    assert found["ETag"].strip('"').endswith("-3")  # three parts
    assert bucket.client.get_object(Bucket=bucket.name, Key=found["Key"])["Body"].read() == data
    assert stored.sha256 == found["Metadata"]["sha256"] == hashlib.sha256(data).hexdigest()


async def test_what_is_there_is_not_sent_again(bucket: Bucket, note: Path) -> None:
    sent: list[str] = []
    bucket.client.meta.events.register("before-call.s3.PutObject", lambda **_: sent.append("put"), unique_id="count")
    store = S3Store(bucket.client, bucket=bucket.name)

    for _ in range(3):
        await store.put(note, name="note.txt", content_type="text/plain", job=job_of())

    bucket.client.meta.events.unregister("before-call.s3.PutObject", unique_id="count")
    assert sent == ["put"]


async def test_what_was_tampered_with_is_replaced(bucket: Bucket, note: Path) -> None:
    store = S3Store(bucket.client, bucket=bucket.name)
    await store.put(note, name="note.txt", content_type="text/plain", job=job_of())
    bucket.client.put_object(Bucket=bucket.name, Key=bucket.object()["Key"], Body=b"b few words")

    await store.put(note, name="note.txt", content_type="text/plain", job=job_of())

    assert bucket.client.get_object(Bucket=bucket.name, Key=bucket.object()["Key"])["Body"].read() == b"a few words"


@pytest.mark.parametrize(
    ("life", "retention", "seconds"),
    [
        (timedelta(minutes=10), timedelta(days=1), 600),
        (None, timedelta(hours=1), 3600 + 25 * 60),
        (None, timedelta(days=30), 7 * 86_400),
        (timedelta(days=60), timedelta(days=1), 7 * 86_400),
    ],
)
async def test_a_signed_address_works_as_long_as_it_says(
    bucket: Bucket, note: Path, life: timedelta | None, retention: timedelta, seconds: int
) -> None:
    store = S3Store(bucket.client, bucket=bucket.name, life=life)

    stored = await store.put(note, name="note.txt", content_type="text/plain", job=job_of(retention=retention))

    signature = parse_qs(urlsplit(stored.url).query)
    assert signature["X-Amz-Expires"] == [str(seconds)]
    assert stored.expire_time is not None
    signed = datetime.strptime(signature["X-Amz-Date"][0], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    # It works until then, and not for long afterwards: signing comes a little later.
    assert timedelta(0) <= signed + timedelta(seconds=seconds) - stored.expire_time <= timedelta(minutes=1)
    assert SECRET not in stored.url


async def test_the_settings_open_the_bucket(bucket: Bucket, s3_endpoint: str, note: Path) -> None:
    store = open_s3(s3_settings(s3_endpoint, bucket.name, artifact_url="https://films.example/x/"))

    stored = await store.put(note, name="note.txt", content_type="text/plain", job=job_of())

    assert stored.url == f"https://films.example/x/{bucket.object()['Key']}"
    assert stored.expire_time is None


async def test_a_bucket_that_is_not_there_is_final(s3_endpoint: str, note: Path) -> None:
    store = S3Store(s3_client(s3_endpoint), bucket="nowhere-at-all")

    with pytest.raises(StoreError, match="NoSuchBucket") as caught:
        await store.put(note, name="note.txt", content_type="text/plain", job=job_of())

    assert not caught.value.retryable


async def test_a_store_that_is_away_may_come_back(note: Path) -> None:
    with kept_port() as nobodys:
        store = open_s3(s3_settings(f"http://127.0.0.1:{nobodys}", "films"))

        with pytest.raises(StoreError, match="EndpointConnectionError") as caught:
            await store.put(note, name="note.txt", content_type="text/plain", job=job_of())

    assert caught.value.retryable


async def test_what_was_removed_cannot_be_taken(bucket: Bucket, note: Path, tmp_path: Path) -> None:
    store = S3Store(bucket.client, bucket=bucket.name)
    job = job_of()
    stored = await store.put(note, name="note.txt", content_type="text/plain", job=job)
    bucket.client.delete_object(Bucket=bucket.name, Key=bucket.object()["Key"])

    with pytest.raises(StoreError, match="NoSuchKey") as caught:
        await store.take(stored.url, tmp_path / "taken", tenant=job.tenant, max_bytes=100)

    assert not caught.value.retryable
