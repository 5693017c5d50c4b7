"""Uploads of files to fal: in parts when they are large, again when a step fails, never to a strange host."""

from __future__ import annotations

import gc
import tracemalloc
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import pytest
from fal_client import client as fal_impl

from emulator import app as emulator
from emulator.settings import Settings as EmulatorSettings
from tests.integration.fal.raw_fal import KEY, Exchange, RawFal, raw_fal
from tests.unit.artifacts.jobs import job_of
from workers.artifacts.fal import FalStore
from workers.artifacts.store import StoreError
from workers.fal.gateway import FalGateway
from workers.fal.limits import Timeouts

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import httpx

TOKEN: Final = {"token": "t", "token_type": "Bearer", "base_url": "https://v3.fal.media"}
FILE: Final = "https://v3.fal.media/files/abc/film.mp4"
CHUNK: Final = 1000


class Storage:
    """What fal's storage answers, with some failures first."""

    def __init__(self, *, failures: int = 0, status: int = 503, failing: str = "", address: str = FILE) -> None:
        self.parts: dict[int, bytes] = {}
        self.completed: bytes = b""
        self._failures, self._status, self._failing, self._address = failures, status, failing, address

    async def __call__(self, exchange: Exchange) -> None:
        method, path, _ = exchange.line.split()
        if self._failures and self._failing in path:
            self._failures -= 1
            await exchange.answer(self._status, {"detail": "No"})
        elif "/storage/auth/token" in path:
            await exchange.answer(200, {**TOKEN, "expires_at": "2999-01-01T00:00:00"})
        elif method == "PUT":
            number = int(path.rpartition("/")[2])
            self.parts[number] = exchange.body
            await exchange.answer(200, {}, {"ETag": f'"{number}"'})
        elif path.endswith("/complete"):
            self.completed = exchange.body
            await exchange.answer(200, {})
        else:
            await exchange.answer(200, {"access_url": self._address, "uploadId": "u-1"})


@pytest.fixture
async def fal() -> AsyncIterator[RawFal]:
    async with raw_fal() as server:
        yield server


@pytest.fixture
async def gateway(fal: RawFal) -> AsyncIterator[FalGateway]:
    gateway = FalGateway(key=KEY, base_url=fal.url, timeouts=Timeouts(upload=timedelta(minutes=1)))
    gateway.uploads._pauses = (0.0, 0.0)
    yield gateway
    await gateway.aclose()


@pytest.fixture
def large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of six parts and a bit."""
    monkeypatch.setattr(fal_impl, "MULTIPART_THRESHOLD", CHUNK)
    monkeypatch.setattr(fal_impl, "MULTIPART_CHUNK_SIZE", CHUNK)
    path = tmp_path / "anything"
    path.write_bytes(bytes(range(250)) * 25)
    return path


@pytest.fixture
def small(tmp_path: Path) -> Path:
    path = tmp_path / "small"
    path.write_bytes(b"a few words")
    return path


async def test_a_large_file_goes_in_parts_that_are_named_in_order(
    fal: RawFal, gateway: FalGateway, large: Path
) -> None:
    fal.script = storage = Storage()

    url = await gateway.uploads.file(large, content_type="video/mp4", name="film.mp4", life=timedelta(hours=1))

    assert url == FILE
    assert [len(part) for _, part in sorted(storage.parts.items())] == [CHUNK] * 6 + [250]
    numbers = [int(text.partition(",")[0]) for text in storage.completed.decode().split('"partNumber":')[1:]]
    assert numbers == [1, 2, 3, 4, 5, 6, 7]
    begun = next(request for request in fal.requests if request.line.split()[1].endswith("/multipart"))
    assert begun.header("x-fal-file-name") == "film.mp4"
    assert begun.header("x-fal-object-lifecycle") == '{"expiration_duration_seconds": 3600}'


@pytest.mark.parametrize("failing", ["/token", "/files/upload/multipart", "/u-1/3", "/complete"])
async def test_a_step_that_fails_is_taken_again_alone(
    fal: RawFal, gateway: FalGateway, large: Path, failing: str
) -> None:
    fal.script = storage = Storage(failures=2, failing=failing)

    assert await gateway.uploads.file(large, content_type="video/mp4", name="film.mp4") == FILE

    assert len(storage.parts) == 7
    assert len([request for request in fal.requests if failing in request.line]) == 3
    assert len(fal.requests) == 1 + 1 + 7 + 1 + 2


async def test_a_small_file_is_sent_again_too(fal: RawFal, gateway: FalGateway, small: Path) -> None:
    fal.script = Storage(failures=2, failing="/files/upload")

    assert await gateway.uploads.file(small, content_type="text/plain", name="note.txt") == FILE


@pytest.mark.parametrize("failing", ["/token", "/files/upload", "/u-1/3"])
async def test_a_refusal_is_not_repeated(fal: RawFal, gateway: FalGateway, large: Path, failing: str) -> None:
    fal.script = Storage(failures=99, status=403, failing=failing)

    with pytest.raises(StoreError, match="fal's storage") as caught:
        await FalStore(gateway.uploads).put(large, name="film.mp4", content_type="video/mp4", job=job_of())

    assert not caught.value.retryable
    assert KEY not in str(caught.value)
    assert len([request for request in fal.requests if failing in request.line]) == 1


async def test_it_gives_up_after_a_few_tries(fal: RawFal, gateway: FalGateway, small: Path) -> None:
    fal.script = Storage(failures=99, failing="/files/upload")

    with pytest.raises(StoreError) as caught:
        await FalStore(gateway.uploads).put(small, name="note.txt", content_type="text/plain", job=job_of())

    assert caught.value.retryable
    assert len(fal.requests) == 1 + 3


@pytest.mark.parametrize("address", ["http://127.0.0.1:1/files/a/b", "https://evil.example/files/a/b"])
async def test_no_part_goes_where_the_answer_points_if_that_is_not_fals(
    fal: RawFal, gateway: FalGateway, large: Path, address: str
) -> None:
    fal.script = storage = Storage(address=address)

    with pytest.raises(StoreError):
        await FalStore(gateway.uploads).put(large, name="film.mp4", content_type="video/mp4", job=job_of())

    assert not storage.parts


@pytest.mark.parametrize("address", ["javascript:alert(1)", "", 7, None])
async def test_an_answer_without_an_address_is_a_failure(
    fal: RawFal, gateway: FalGateway, small: Path, address: str
) -> None:
    fal.script = Storage(address=address)

    with pytest.raises(StoreError):
        await FalStore(gateway.uploads).put(small, name="note.txt", content_type="text/plain", job=job_of())


async def test_a_set_life_is_told_to_fal_and_to_the_caller(small: Path, web: httpx.AsyncClient) -> None:
    fal = await emulator.start(EmulatorSettings(port=0))
    gateway = FalGateway(key=KEY, base_url=fal.url)
    store = FalStore(gateway.uploads, life=timedelta(hours=1))

    stored = await store.put(small, name="note.txt", content_type="text/plain", job=job_of())

    (file,) = fal.context.files._files.values()
    assert stored.expire_time is not None
    assert file.expires_at is not None
    assert (await web.get(stored.url)).content == b"a few words"
    await gateway.aclose()
    await fal.close()


async def test_of_a_large_file_only_a_few_parts_are_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fal: RawFal, gateway: FalGateway
) -> None:
    """Measured beside a server in the same process, which keeps no part either."""
    monkeypatch.setattr(fal_impl, "MULTIPART_THRESHOLD", 256 << 10)
    monkeypatch.setattr(fal_impl, "MULTIPART_CHUNK_SIZE", 256 << 10)
    path = tmp_path / "large"
    path.write_bytes(bytes(24 << 20))
    storage = Storage()

    async def forgetful(exchange: Exchange) -> None:
        await storage(exchange)
        storage.parts.clear()
        fal.requests.clear()
        exchange.body = b""

    fal.script = forgetful
    gc.disable()  # nothing must hang on the time at which garbage is collected
    tracemalloc.start()
    try:
        await gateway.uploads.file(path, content_type="video/mp4", name="film.mp4")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        gc.enable()

    assert peak < 8 << 20
