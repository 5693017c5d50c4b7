"""The folder store's own promises: what is in place is whole, what has expired goes, what is not ours stays."""

from __future__ import annotations

import asyncio
import hashlib
import os
import subprocess
import sys
import textwrap
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from core.artifacts import Note, note_beside
from core.job import Tenant
from tests.unit.artifacts.jobs import job_of
from workers.artifacts.disk import ABANDONED, INCOMING, LOCK
from workers.artifacts.factory import keep_swept
from workers.artifacts.folder import FolderStore
from workers.artifacts.store import Stored, StoreError

if TYPE_CHECKING:
    from collections.abc import Iterable

BASE = "http://127.0.0.1:1/files"
REPOSITORY = Path(__file__).parents[3]
SECOND = timedelta(seconds=1)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "artifacts"


@pytest.fixture
def store(root: Path) -> FolderStore:
    return FolderStore(root, base_url=BASE)


@pytest.fixture
def note(tmp_path: Path) -> Path:
    path = tmp_path / "note.txt"
    path.write_bytes(b"a few words")
    return path


async def kept(store: FolderStore, path: Path, tenant: str = "acme") -> Stored:
    return await store.put(path, name="note.txt", content_type="text/plain", job=job_of(Tenant(tenant)))


def file_of(root: Path, stored: Stored) -> Path:
    return root / stored.url.removeprefix(f"{BASE}/")


def let_expire(file: Path) -> None:
    beside = note_beside(file)
    old = Note.from_json(beside.read_bytes())
    past = Note(content_type=old.content_type, expire_time=datetime.now(UTC) - SECOND, sha256=old.sha256)
    beside.write_text(past.to_json())


def files_in(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file() and path.name != LOCK}


async def test_files_are_for_us_and_our_group_alone(root: Path, store: FolderStore, note: Path) -> None:
    before = os.umask(0)
    try:
        file = file_of(root, await kept(store, note))
    finally:
        os.umask(before)

    def mode(path: Path) -> int:
        return path.stat().st_mode & 0o777

    assert [mode(path) for path in (file, note_beside(file))] == [0o640, 0o640]
    assert [mode(path) for path in (file.parent, file.parent.parent)] == [0o750, 0o750]


async def test_nothing_is_left_beside_a_file_and_its_note(root: Path, store: FolderStore, note: Path) -> None:
    for _ in range(2):
        file = file_of(root, await kept(store, note))

    assert {root / name for name in files_in(root)} == {file, note_beside(file)}


async def test_what_has_expired_is_swept_with_all_that_was_around_it(
    root: Path, store: FolderStore, note: Path
) -> None:
    gone, stays = await kept(store, note, "acme"), await kept(store, note, "other")
    let_expire(file_of(root, gone))

    assert await store.sweep() == 1

    left = file_of(root, stays)
    assert {root / name for name in files_in(root)} == {left, note_beside(left)}
    assert not (root / "acme").exists()
    assert await store.sweep() == 0


async def test_what_has_expired_is_not_taken(root: Path, store: FolderStore, note: Path, tmp_path: Path) -> None:
    stored = await kept(store, note)
    let_expire(file_of(root, stored))

    with pytest.raises(StoreError, match="no longer kept") as caught:
        await store.take(stored.url, tmp_path / "taken", tenant=Tenant("acme"), max_bytes=100)

    assert not caught.value.retryable


async def test_putting_it_again_prolongs_its_life(root: Path, store: FolderStore, note: Path) -> None:
    stored = await kept(store, note)
    file = file_of(root, stored)
    written = file.stat().st_mtime_ns
    let_expire(file)

    await kept(store, note)

    assert await store.sweep() == 0
    assert file.stat().st_mtime_ns == written
    assert Note.from_json(note_beside(file).read_bytes()).expire_time > datetime.now(UTC) + timedelta(hours=23)


async def test_a_file_that_was_cut_short_is_replaced(root: Path, store: FolderStore, note: Path) -> None:
    file = file_of(root, await kept(store, note))
    file.chmod(0o640)
    file.write_bytes(b"a f")

    await kept(store, note)

    assert file.read_bytes() == b"a few words"


async def test_a_set_life_counts_instead_of_the_jobs(root: Path, note: Path) -> None:
    store = FolderStore(root, base_url=BASE, life=timedelta(minutes=5))

    stored = await kept(store, note)

    assert stored.expire_time is not None
    assert abs(stored.expire_time - datetime.now(UTC) - timedelta(minutes=5)) < timedelta(minutes=1)


async def test_a_sweep_and_a_put_at_once_never_lose_the_file(root: Path, store: FolderStore, note: Path) -> None:
    file = file_of(root, await kept(store, note))
    for _ in range(40):
        let_expire(file)

        await asyncio.gather(store.sweep(), kept(store, note), store.sweep())

        assert file.read_bytes() == b"a few words"
        assert note_beside(file).exists()


async def test_a_sweep_leaves_alone_what_is_not_ours(
    root: Path, store: FolderStore, note: Path, tmp_path: Path
) -> None:
    file = file_of(root, await kept(store, note))
    past = Note(content_type="text/plain", expire_time=datetime.now(UTC) - SECOND, sha256="").to_json()
    elsewhere = tmp_path / "elsewhere" / "j-1"
    elsewhere.mkdir(parents=True)
    strange = [root / "README", file.parent / "README", elsewhere / ".0123456789abcdef-a.txt.json"]
    strange += [file.parent / ".README.json", elsewhere / "0123456789abcdef-a.txt"]
    for path in strange:
        path.write_text(past)
    (root / "linked").symlink_to(elsewhere.parent)

    assert await store.sweep() == 0

    assert all(path.read_text() == past for path in strange)


async def test_what_a_dead_process_left_half_written_goes_after_a_day(
    root: Path, store: FolderStore, note: Path
) -> None:
    await kept(store, note)
    old, young = root / INCOMING / "old", root / INCOMING / "young"
    for path in (old, young):
        path.touch()
    long_ago = (datetime.now(UTC) - ABANDONED - SECOND).timestamp()
    os.utime(old, (long_ago, long_ago))

    await store.sweep()

    assert not old.exists()
    assert young.exists()


async def test_a_folder_that_was_never_written_to_is_swept_in_vain(root: Path, store: FolderStore) -> None:
    assert await store.sweep() == 0
    assert not files_in(root)


async def test_sweeping_goes_on_after_a_failure(note: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(link)
    store = FolderStore(link, base_url=BASE)
    sweeping = asyncio.create_task(keep_swept(store, pause=0.01))
    with pytest.raises(StoreError, match="swept"):
        await store.sweep()

    link.unlink()
    let_expire(file := file_of(link, await kept(store, note)))
    async with asyncio.timeout(30):
        while file.exists():
            await asyncio.sleep(0.01)
    sweeping.cancel()


#: Puts ever new files, and says of each that it is kept.
PUTTING = """
    import asyncio, sys
    from pathlib import Path
    from tests.unit.artifacts.jobs import job_of
    from workers.artifacts.folder import FolderStore

    async def main():
        store, source = FolderStore(Path(sys.argv[1]), base_url="http://h"), Path(sys.argv[2])
        for number in range(10_000):
            source.write_bytes(number.to_bytes(4, "big") * 200_000)
            print((await store.put(source, name="a.bin", content_type="a/b", job=job_of())).url, flush=True)

    asyncio.run(main())
"""


def whole(files: Iterable[Path]) -> list[bool]:
    return [hashlib.sha256(path.read_bytes()).hexdigest()[:16] == path.name[:16] for path in files]


def test_a_process_killed_while_it_puts_leaves_whole_files_only(root: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-c", textwrap.dedent(PUTTING), str(root), str(tmp_path / "source")]
    for count in (1, 4, 9):
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY) as process:
            assert process.stdout is not None
            told = [process.stdout.readline().strip() for _ in range(count)]
            process.kill()
            told += process.stdout.read().split()

        promised = [root / url.removeprefix("http://h/") for url in told if url.endswith("a.bin")]
        assert len(promised) >= count
        assert all(whole(promised))
    files = [path for path in root.glob("*/*/*") if not path.name.startswith(".")]
    assert all(whole(files))
    assert all(Note.from_json(note_beside(path).read_bytes()) for path in files)
