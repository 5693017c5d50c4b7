from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from emulator.storage import FileStore, MissingPartError, content_type_of

if TYPE_CHECKING:
    from pathlib import Path


async def test_parts_are_joined_by_number_in_whatever_order_they_are_named(tmp_path: Path) -> None:
    files = FileStore(tmp_path)
    key, upload_id = files.begin_multipart(name="clip.mp4", content_type="video/mp4")
    etags = {number: await files.add_part(upload_id, number, b"%d" % number) for number in (3, 1, 2)}

    parts = {number: etag or "" for number, etag in etags.items()}
    assert await files.complete_multipart(upload_id, key, parts)

    file = files.find(key)
    assert file is not None
    assert file.path.read_bytes() == b"123"
    assert file.content_type == "video/mp4"


async def test_an_upload_is_not_completed_with_a_part_that_never_came(tmp_path: Path) -> None:
    files = FileStore(tmp_path)
    key, upload_id = files.begin_multipart(name="clip.mp4", content_type="video/mp4")

    with pytest.raises(MissingPartError):
        await files.complete_multipart(upload_id, key, {1: '"nothing"'})


async def test_a_file_is_gone_when_its_life_is_over(tmp_path: Path) -> None:
    files = FileStore(tmp_path)
    short = await files.save(b"x", name="a.txt", content_type="text/plain", file_seconds=0.001)
    lasting = await files.save(b"x", name="a.txt", content_type="text/plain")

    await asyncio.sleep(0.005)

    assert files.find(short) is None
    assert files.find(lasting) is not None


async def test_names_of_files_cannot_leave_the_folder(tmp_path: Path) -> None:
    files = FileStore(tmp_path)

    key = await files.save(b"x", name="../../.secret file", content_type="text/plain")

    file = files.find(key)
    assert file is not None
    assert file.path.is_relative_to(tmp_path)
    assert key.endswith("/secret_file")


@pytest.mark.parametrize(
    ("name", "declared", "expected"),
    [
        ("a.png", "image/jpeg", "image/jpeg"),
        ("a.png", "application/octet-stream", "image/png"),
        ("a.wav", None, "audio/wav"),
        ("a", None, "application/octet-stream"),
    ],
)
def test_the_declared_content_type_wins_over_the_name(name: str, declared: str | None, expected: str) -> None:
    assert content_type_of(name, declared) == expected
