from __future__ import annotations

import logging
import subprocess
from typing import TYPE_CHECKING

import httpx
import pytest
from moto.server import ThreadedMotoServer

from tests.integration.artifacts.shelves import fal_shelf, folder_shelf, s3_shelf

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from tests.integration.artifacts.shelves import Shelf


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    """A real S3 server in this process, on a port of its own."""
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(params=["fal", "folder", "s3 signed", "s3 public"])
async def shelf(request: pytest.FixtureRequest, tmp_path: Path, s3_endpoint: str) -> AsyncIterator[Shelf]:
    match request.param:
        case "fal":
            opened = fal_shelf(tmp_path)
        case "folder":
            opened = folder_shelf(tmp_path)
        case _:
            opened = s3_shelf(s3_endpoint, public="public" in request.param)
    async with opened as shelf:
        yield shelf


@pytest.fixture
async def web() -> AsyncIterator[httpx.AsyncClient]:
    """A client as callers have one: no keys, no redirects."""
    async with httpx.AsyncClient(trust_env=False, timeout=60) as client:
        yield client


@pytest.fixture(scope="session")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real video of a second, with sound."""
    import imageio_ffmpeg

    path = tmp_path_factory.mktemp("film") / "film.mp4"
    source = ["-f", "lavfi", "-i", "testsrc2=s=320x180:r=24:d=1", "-f", "lavfi", "-i", "sine=d=1"]
    coding = [
        "-c:v",
        "libx264",
        "-preset",
        "ultrafast",
        "-pix_fmt",
        "yuv420p",
        "-c:a",
        "aac",
        "-movflags",
        "+faststart",
    ]
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", *source, *coding, str(path)]
    subprocess.run(command, check=True, timeout=90)
    return path
