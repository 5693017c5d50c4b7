"""What every artifact store promises, asked of each of them on something real."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from core.job import JobId, Tenant
from segue.v1.job_pb2 import ArtifactRole
from tests.integration.artifacts.shelves import SECRET, without_signature
from tests.unit.artifacts.jobs import job_of
from workers.artifacts.publish import publish
from workers.artifacts.store import StoreError, life_of
from workers.media.probe import probe

if TYPE_CHECKING:
    from pathlib import Path

    import httpx

    from tests.integration.artifacts.shelves import Shelf

ACME, OTHER = Tenant("acme"), Tenant("other")
LARGE = 1 << 30
WORDS, OTHER_WORDS = b"a few words", b"other words"


@pytest.fixture
def note(tmp_path: Path) -> Path:
    path = tmp_path / "note.txt"
    path.write_bytes(WORDS)
    return path


@pytest.fixture
def corrected(tmp_path: Path) -> Path:
    path = tmp_path / "corrected.txt"
    path.write_bytes(OTHER_WORDS)
    return path


@pytest.fixture
def film_bytes(film: Path) -> bytes:
    return film.read_bytes()


async def test_a_published_video_can_be_fetched_and_is_described(
    shelf: Shelf, film: Path, film_bytes: bytes, web: httpx.AsyncClient
) -> None:
    artifact = await publish(
        shelf.store,
        film,
        role=ArtifactRole.ARTIFACT_ROLE_VIDEO,
        name="video.mp4",
        content_type="video/mp4",
        job=job_of(),
        info=await probe(film),
    )

    answer = await web.get(artifact.url)
    assert (answer.status_code, answer.content == film_bytes) == (200, True)
    assert answer.headers["content-type"] == "video/mp4"
    assert artifact.url.partition("?")[0].endswith("video.mp4")
    assert (artifact.content_type, artifact.role) == ("video/mp4", ArtifactRole.ARTIFACT_ROLE_VIDEO)
    assert (artifact.size_bytes, artifact.sha256) == (len(film_bytes), hashlib.sha256(film_bytes).hexdigest())
    assert (artifact.width, artifact.height, artifact.frame_rate) == (320, 180, 24)
    assert (artifact.video_codec, artifact.audio_codec) == ("h264", "aac")
    assert abs(artifact.duration.ToTimedelta() - timedelta(seconds=1)) < timedelta(seconds=0.1)


async def test_a_part_of_a_file_can_be_fetched(
    shelf: Shelf, film: Path, film_bytes: bytes, web: httpx.AsyncClient
) -> None:
    stored = await shelf.store.put(film, name="video.mp4", content_type="video/mp4", job=job_of())

    answer = await web.get(stored.url, headers={"Range": "bytes=100-1099"})

    assert (answer.status_code, answer.content) == (206, film_bytes[100:1100])
    assert answer.headers["content-range"] == f"bytes 100-1099/{len(film_bytes)}"


async def test_the_same_artifact_put_again_is_kept_once(shelf: Shelf, note: Path, web: httpx.AsyncClient) -> None:
    first = await shelf.store.put(note, name="note.txt", content_type="text/plain", job=job_of())
    again = await shelf.store.put(note, name="note.txt", content_type="text/plain", job=job_of())

    assert shelf.copies() == (1 if shelf.keeps_once else 2)
    assert (without_signature(first.url) == without_signature(again.url)) == shelf.keeps_once
    assert (first.url == again.url) or not shelf.url_is_stable
    assert (await web.get(again.url)).content == (await web.get(first.url)).content == WORDS


async def test_the_same_artifact_put_at_once_is_whole(
    shelf: Shelf, film: Path, film_bytes: bytes, web: httpx.AsyncClient
) -> None:
    puts = (shelf.store.put(film, name="video.mp4", content_type="video/mp4", job=job_of()) for _ in range(6))

    stored = await asyncio.gather(*puts)

    assert {(await web.get(each.url)).content == film_bytes for each in stored} == {True}


async def test_other_bytes_under_the_same_name_leave_the_first_alone(
    shelf: Shelf, note: Path, corrected: Path, web: httpx.AsyncClient
) -> None:
    first = await shelf.store.put(note, name="note.txt", content_type="text/plain", job=job_of())

    second = await shelf.store.put(corrected, name="note.txt", content_type="text/plain", job=job_of())

    assert (await web.get(first.url)).content == WORDS
    assert (await web.get(second.url)).content == OTHER_WORDS


async def test_jobs_and_tenants_share_nothing(shelf: Shelf, note: Path) -> None:
    jobs = [job_of(tenant, JobId(job)) for tenant in (ACME, OTHER) for job in ("j-1", "j-2")]

    stored = [await shelf.store.put(note, name="note.txt", content_type="text/plain", job=job) for job in jobs]

    assert len({without_signature(each.url) for each in stored}) == shelf.copies() == 4


async def test_an_address_holds_what_nobody_can_guess(shelf: Shelf, note: Path) -> None:
    stored = await shelf.store.put(note, name="note.txt", content_type="text/plain", job=job_of())

    path = without_signature(stored.url).partition("://")[2]
    assert max(len(part) for part in path.replace("-note.txt", "").split("/")) >= 16


async def test_the_end_of_its_life_is_told_where_it_is_known(shelf: Shelf, note: Path) -> None:
    job = job_of()
    stored = await shelf.store.put(note, name="note.txt", content_type="text/plain", job=job)

    if not shelf.expires:
        assert stored.expire_time is None
        return
    assert stored.expire_time is not None
    assert abs(stored.expire_time - datetime.now(UTC) - life_of(job)) < timedelta(minutes=1)


async def test_an_odd_name_and_type_do_no_harm(shelf: Shelf, note: Path, web: httpx.AsyncClient) -> None:
    name, content_type = '../../x\r\nY: "1"?#%2e 影.txt', "text/html\r\nSet-Cookie: a=b"

    stored = await shelf.store.put(note, name=name, content_type=content_type, job=job_of())

    answer = await web.get(stored.url)
    assert (answer.status_code, answer.content) == (200, WORDS)
    assert answer.headers["content-type"] in {"application/octet-stream", "text/plain"}  # fal looks at the name
    assert "set-cookie" not in answer.headers


async def test_an_empty_file_is_a_file(shelf: Shelf, tmp_path: Path, web: httpx.AsyncClient) -> None:
    empty = tmp_path / "empty"
    empty.touch()

    stored = await shelf.store.put(empty, name="empty.txt", content_type="text/plain", job=job_of())

    answer = await web.get(stored.url)
    assert (answer.status_code, answer.content, stored.size_bytes) == (200, b"", 0)


async def test_own_artifacts_are_taken_back(shelf: Shelf, film: Path, film_bytes: bytes, tmp_path: Path) -> None:
    stored = await shelf.store.put(film, name="video.mp4", content_type="video/mp4", job=job_of(ACME))
    into = tmp_path / "taken.mp4"

    taken = await shelf.store.take(stored.url, into, tenant=ACME, max_bytes=LARGE)

    assert taken == into.exists() == shelf.takes_own
    assert not taken or into.read_bytes() == film_bytes


async def test_nobody_takes_what_is_another_tenants(shelf: Shelf, note: Path, tmp_path: Path) -> None:
    stored = await shelf.store.put(note, name="note.txt", content_type="text/plain", job=job_of(OTHER))
    into = tmp_path / "taken"

    assert not await shelf.store.take(stored.url, into, tenant=ACME, max_bytes=LARGE)
    assert not into.exists()


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/files/a", "file:///etc/passwd", "data:,x", "/etc/passwd", ""])
async def test_what_is_not_ours_is_left_to_others(shelf: Shelf, url: str, tmp_path: Path) -> None:
    assert not await shelf.store.take(url, tmp_path / "taken", tenant=ACME, max_bytes=LARGE)


async def test_what_is_too_large_is_not_taken(shelf: Shelf, film: Path, film_bytes: bytes, tmp_path: Path) -> None:
    stored = await shelf.store.put(film, name="video.mp4", content_type="video/mp4", job=job_of(ACME))
    into = tmp_path / "taken.mp4"
    if not shelf.takes_own:
        assert not await shelf.store.take(stored.url, into, tenant=ACME, max_bytes=1)
        return

    with pytest.raises(StoreError, match="too large") as caught:
        await shelf.store.take(stored.url, into, tenant=ACME, max_bytes=len(film_bytes) - 1)

    assert not caught.value.retryable
    assert not into.exists()


async def test_a_file_that_is_not_there_cannot_be_put(shelf: Shelf, tmp_path: Path) -> None:
    with pytest.raises(StoreError) as caught:
        await shelf.store.put(tmp_path / "nowhere", name="a", content_type="text/plain", job=job_of())

    assert str(tmp_path) not in str(caught.value)


async def test_a_broken_store_says_so_and_tells_no_secret(
    shelf: Shelf, note: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    await shelf.breaks()

    with pytest.raises(StoreError) as caught:
        await shelf.store.put(note, name="note.txt", content_type="text/plain", job=job_of())

    for text in (str(caught.value), caplog.text):
        assert SECRET not in text
        assert str(note.parent) not in text


async def test_a_sweep_removes_nothing_that_lives(shelf: Shelf, note: Path, web: httpx.AsyncClient) -> None:
    stored = await shelf.store.put(note, name="note.txt", content_type="text/plain", job=job_of())

    assert await shelf.store.sweep() == 0
    assert (await web.get(stored.url)).status_code == 200
