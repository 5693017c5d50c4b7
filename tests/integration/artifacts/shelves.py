"""The stores as the conformance tests see them: opened on something real, with a way to look behind them."""

from __future__ import annotations

import asyncio
import functools
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit
from uuid import uuid4

from emulator import app as emulator
from emulator.settings import Settings as EmulatorSettings
from server.files.serving import serving_files
from server.settings import Settings as ServerSettings
from workers.artifacts.fal import FalStore
from workers.artifacts.folder import FolderStore
from workers.artifacts.s3 import S3Store, open_s3
from workers.artifacts.settings import ArtifactSettings
from workers.fal.gateway import FalGateway

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from workers.artifacts.store import ArtifactStore

#: What only S3 is told, and must never be told to anybody else.
SECRET: Final = "secret-0123456789"
PREFIX: Final = "segue/"


@dataclass(frozen=True, kw_only=True)
class Shelf:
    """A store, and what a test knows of it."""

    name: str
    store: ArtifactStore
    keeps_once: bool
    """Whether the same artifact, put again, is kept once."""
    url_is_stable: bool
    """Whether it then has the same URL."""
    takes_own: bool
    """Whether it knows its own artifacts by their URL."""
    expires: bool
    """Whether it tells until when an artifact is kept."""
    copies: Callable[[], int]
    """How many files it keeps."""
    breaks: Callable[[], Any]
    """Takes away what it keeps its files in."""


@asynccontextmanager
async def fal_shelf(_: Path) -> AsyncIterator[Shelf]:
    """Open fal's storage at an emulator."""
    fal = await emulator.start(EmulatorSettings(port=0))
    gateway = FalGateway(key="key-0123456789", base_url=fal.url)
    gateway.uploads._pauses = (0.0,)
    yield Shelf(
        name="fal",
        store=FalStore(gateway.uploads),
        keeps_once=False,
        url_is_stable=False,
        takes_own=False,
        expires=False,
        copies=lambda: len(fal.context.files._files),
        breaks=fal.close,
    )
    await gateway.aclose()
    await fal.close()


@asynccontextmanager
async def folder_shelf(tmp_path: Path) -> AsyncIterator[Shelf]:
    """Open a folder, served by a server's file server."""
    root = tmp_path / "artifacts"
    settings = ServerSettings.model_validate(
        {"files_listen": "127.0.0.1:0", "artifact_folder": str(root), "grace_seconds": 2}
    )

    async def break_it() -> None:
        await asyncio.to_thread(root.write_text, "a file where the folder would be")

    async with serving_files(settings) as address:
        yield Shelf(
            name="folder",
            store=FolderStore(root, base_url=f"http://{address}/files/"),
            keeps_once=True,
            url_is_stable=True,
            takes_own=True,
            expires=True,
            copies=lambda: len([path for path in root.glob("*/*/*") if not path.name.startswith(".")]),
            breaks=break_it,
        )


def s3_settings(endpoint: str, bucket: str, **values: Any) -> ArtifactSettings:
    """Return what a worker is told of a bucket."""
    return ArtifactSettings.model_validate(
        {
            "artifacts": "s3",
            "s3_bucket": bucket,
            "s3_endpoint": endpoint,
            "s3_prefix": PREFIX,
            "s3_access_key": "id-0123456789",
            "s3_secret_key": SECRET,
            **values,
        }
    )


@functools.cache
def s3_client(endpoint: str) -> Any:
    """Return a worker's own client; one for all tests, as making it takes half a second."""
    return open_s3(s3_settings(endpoint, "any"))._client


@asynccontextmanager
async def s3_shelf(endpoint: str, *, public: bool) -> AsyncIterator[Shelf]:
    """Open a new bucket of a real S3 server; anybody may read a public one."""
    bucket = f"films-{uuid4().hex[:8]}"
    client = s3_client(endpoint)
    store = S3Store(client, bucket=bucket, prefix=PREFIX, base_url=f"{endpoint}/{bucket}" if public else None)
    await asyncio.to_thread(client.create_bucket, Bucket=bucket, **({"ACL": "public-read"} if public else {}))

    def objects() -> list[str]:
        return [item["Key"] for item in client.list_objects_v2(Bucket=bucket).get("Contents", [])]

    async def break_it() -> None:
        for key in await asyncio.to_thread(objects):
            await asyncio.to_thread(client.delete_object, Bucket=bucket, Key=key)
        await asyncio.to_thread(client.delete_bucket, Bucket=bucket)

    yield Shelf(
        name="s3",
        store=store,
        keeps_once=True,
        url_is_stable=public,
        takes_own=True,
        expires=not public,
        copies=lambda: len(objects()),
        breaks=break_it,
    )


def without_signature(url: str) -> str:
    """Return the address of an object without what signs it."""
    return urlsplit(url)._replace(query="").geturl()
