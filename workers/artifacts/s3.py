"""Artifacts in a bucket of S3, or of anything that speaks its protocol (MinIO, R2, Ceph ...).

boto3 blocks: every call runs in a thread. It repeats failed requests by itself, and sends large files in parts. Who
fetches is given either a public address, where the bucket (or something before it) is open, or one that is signed for a
time. Objects are removed by a lifecycle rule of the bucket, not by us.
"""

from __future__ import annotations

import asyncio
from contextlib import closing, contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, Protocol

import boto3  # type: ignore[import-untyped]  # it ships no types
from boto3.exceptions import Boto3Error  # type: ignore[import-untyped]
from boto3.s3.transfer import TransferConfig  # type: ignore[import-untyped]
from botocore.config import Config  # type: ignore[import-untyped]
from botocore.exceptions import BotoCoreError, ClientError  # type: ignore[import-untyped]

from core.artifacts import disposition_of, key_of, plain_type
from workers.artifacts.store import TRANSFERS, Stored, StoreError, digest_of, expiry, life_of, own_key

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from core.job import Job, Tenant
    from workers.artifacts.settings import ArtifactSettings

#: From this size on files go in parts of this size, in bytes. S3 takes no smaller parts than 5 MiB.
PART_BYTES: Final = 16 << 20
#: Parts of one file that are under way at once.
PARTS_AT_ONCE: Final = 3
#: The longest that a signed address works (AWS, "Authenticating Requests: Using Query Parameters", X-Amz-Expires).
LONGEST_URL: Final = timedelta(days=7)
#: Seconds to connect, and to wait for a piece of an answer.
CONNECT_SECONDS: Final = 5
READ_SECONDS: Final = 60
#: Tries of one request.
TRIES: Final = 4
#: Bytes that are written at once.
_CHUNK: Final = 1 << 20
#: The answers for an object that is not there; 403 where the keys may not list the bucket.
_ABSENT: Final = frozenset({403, 404})
#: Error codes that no repetition changes.
_FINAL: Final = frozenset(
    {"AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "NoSuchBucket", "NoSuchKey", "EntityTooLarge"}
)


def open_s3(settings: ArtifactSettings) -> S3Store:
    """Return the store that the settings name; nothing is connected yet."""
    config = Config(
        signature_version="s3v4",
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        retries={"mode": "standard", "total_max_attempts": TRIES},
        # Stores of our own seldom have a name for each bucket.
        s3={"addressing_style": "path" if settings.s3_endpoint else "auto"},
    )
    client: Client = boto3.session.Session().client(
        "s3",
        endpoint_url=str(settings.s3_endpoint) if settings.s3_endpoint else None,
        region_name=settings.s3_region,
        # Without keys of ours boto3 looks for the machine's role and the like.
        aws_access_key_id=settings.s3_access_key.get_secret_value() or None,
        aws_secret_access_key=settings.s3_secret_key.get_secret_value() or None,
        config=config,
    )
    return S3Store(
        client,
        bucket=settings.s3_bucket,
        prefix=settings.s3_prefix,
        base_url=str(settings.artifact_url) if settings.artifact_url else None,
        life=settings.artifact_life,
    )


class Client(Protocol):
    """What is used of boto3's client."""

    def head_object(self, **arguments: Any) -> dict[str, Any]:
        """Return what is known of an object."""

    def get_object(self, **arguments: Any) -> dict[str, Any]:
        """Return an object, its `Body` still to be read."""

    def upload_file(self, **arguments: Any) -> None:
        """Upload a file, in parts if it is large."""

    def generate_presigned_url(self, operation: str, **arguments: Any) -> str:
        """Return an address that allows one operation for a time; it is made here, nobody is asked."""


class S3Store:
    """Keeps artifacts in a bucket."""

    def __init__(
        self,
        client: Client,
        *,
        bucket: str,
        prefix: str = "",
        base_url: str | None = None,
        life: timedelta | None = None,
        part_bytes: int = PART_BYTES,
    ) -> None:
        """Prepare the store.

        Args:
            prefix: before every key; ends in a slash if it is a folder.
            base_url: under which address anybody can fetch the objects, each at prefix and key; None: their addresses
                are signed.
            life: how long a signed address works; None: as long as the job is kept at the longest. Never longer than
                `LONGEST_URL`.
            part_bytes: from this size on files go in parts of this size.
        """
        self._client = client
        self._bucket = bucket
        self._prefix = prefix
        self._base = base_url.rstrip("/") if base_url else None
        self._life = life
        self._transfer = TransferConfig(
            multipart_threshold=part_bytes, multipart_chunksize=part_bytes, max_concurrency=PARTS_AT_ONCE
        )
        self._turns = asyncio.Semaphore(TRANSFERS)

    async def put(self, path: Path, *, name: str, content_type: str, job: Job) -> Stored:
        """Upload the file unless it is there; see `ArtifactStore.put`. A signed address is signed anew."""
        async with self._turns:
            return await asyncio.to_thread(self._put, path, name, plain_type(content_type), job)

    async def take(self, url: str, into: Path, *, tenant: Tenant, max_bytes: int) -> bool:
        """Download an object by its key; see `ArtifactStore.take`. The signature in the URL is not used."""
        key = own_key(url, tenant=tenant, address=self._address)
        if key is None:
            return False
        async with self._turns:
            await asyncio.to_thread(self._take, key, into, max_bytes)
        return True

    async def sweep(self) -> int:
        """Return 0: a lifecycle rule of the bucket removes what has expired."""
        return 0

    def _put(self, path: Path, name: str, content_type: str, job: Job) -> Stored:
        sha256, size = digest_of(path)
        key = key_of(job.tenant, job.id, name=name, sha256=sha256)
        with _failures("did not take the file"):
            if not self._has(key, sha256, size):
                self._upload(path, key, content_type, sha256)
            if self._base is not None:
                return Stored(url=self._address(key), expire_time=None, sha256=sha256, size_bytes=size)
            life = min(self._life or life_of(job), LONGEST_URL)
            expire_time = expiry(life)  # not counted from the signature on, which is later
            url = self._signed(key, life)
        return Stored(url=url, expire_time=expire_time, sha256=sha256, size_bytes=size)

    def _has(self, key: str, sha256: str, size: int) -> bool:
        try:
            found = self._client.head_object(Bucket=self._bucket, Key=self._prefix + key)
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] in _ABSENT:
                return False
            raise
        return (found["ContentLength"], found["Metadata"].get("sha256")) == (size, sha256)

    def _upload(self, path: Path, key: str, content_type: str, sha256: str) -> None:
        extra = {
            "ContentType": content_type,
            "ContentDisposition": disposition_of(key, content_type),
            "Metadata": {"sha256": sha256},
            "ChecksumAlgorithm": "SHA256",  # checked there, of each part
        }
        self._client.upload_file(
            Filename=str(path), Bucket=self._bucket, Key=self._prefix + key, ExtraArgs=extra, Config=self._transfer
        )

    def _take(self, key: str, into: Path, max_bytes: int) -> None:
        with _failures("did not give the artifact"):
            found = self._client.get_object(Bucket=self._bucket, Key=self._prefix + key)
            with closing(found["Body"]) as body:
                if found["ContentLength"] > max_bytes:
                    raise StoreError("The artifact is too large to be taken as an input.", retryable=False)
                with into.open("wb") as target:
                    for piece in body.iter_chunks(_CHUNK):
                        target.write(piece)

    def _address(self, key: str) -> str:
        if self._base is not None:
            return f"{self._base}/{self._prefix}{key}"
        return self._signed(key, LONGEST_URL).partition("?")[0]

    def _signed(self, key: str, life: timedelta) -> str:
        return self._client.generate_presigned_url(
            "get_object",
            Params={"Bucket": self._bucket, "Key": self._prefix + key},
            ExpiresIn=int(life.total_seconds()),
        )


@contextmanager
def _failures(what: str) -> Iterator[None]:
    """Turn whatever can go wrong in boto3 into one error, which names no bucket and no key."""
    try:
        yield
    except (ClientError, Boto3Error, BotoCoreError) as error:
        # upload_file puts an error of its own around the store's answer.
        answer = error if isinstance(error, ClientError) else error.__context__
        code = answer.response["Error"].get("Code", "") if isinstance(answer, ClientError) else type(error).__name__
        raise StoreError(f"The S3 store {what}: {code}.", retryable=code not in _FINAL) from error
    except OSError as error:
        raise StoreError(f"A file cannot be read or written: {error.strerror}.") from error
