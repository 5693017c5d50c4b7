"""Rooms are private, and nothing stays in them after their job, or after their worker."""

from __future__ import annotations

import asyncio
import signal
import stat
import sys
from typing import TYPE_CHECKING

import pytest

from tests.integration.media.samples import names_in
from workers.media.errors import NoRoomError
from workers.media.rooms import Workrooms, default_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "below" / "rooms"


@pytest.fixture
def rooms(folder: Path) -> Iterator[Workrooms]:
    with Workrooms(folder, least_free=0) as opened:
        yield opened


async def test_a_room_is_private_and_gone_at_its_end(rooms: Workrooms, folder: Path) -> None:
    async with rooms.room("job-1") as room:
        (room / "clip.mp4").write_bytes(b"a")
        for path in (room, room.parent, folder):
            assert stat.S_IMODE(path.stat().st_mode) == 0o700

    assert not room.exists()


async def test_two_rooms_of_one_job_are_two(rooms: Workrooms) -> None:
    async with rooms.room("job-1") as first, rooms.room("job-1") as second:
        assert first != second
        assert {first.name[:6], second.name[:6]} == {"job-1-"}


async def test_a_room_is_gone_when_its_job_fails_or_is_cancelled(rooms: Workrooms, folder: Path) -> None:
    inside = asyncio.Event()

    async def work() -> None:
        async with rooms.room("job-1") as room:
            (room / "clip.mp4").write_bytes(b"a")
            inside.set()
            await asyncio.Event().wait()

    with pytest.raises(LookupError):
        async with rooms.room("job-2"):
            raise LookupError
    task = asyncio.create_task(work())
    await inside.wait()
    task.cancel()
    await asyncio.wait([task])

    assert not [name for name in names_in(folder) if not name.startswith("worker-")]


@pytest.mark.parametrize("job", ["../../escaped", "/etc", "a/b", "..", "", "x" * 500, "nul\0l"])
async def test_no_job_chooses_where_its_room_is(rooms: Workrooms, folder: Path, job: str) -> None:
    async with rooms.room(job) as room:
        assert room.parent.parent == folder


async def test_links_in_a_room_are_removed_and_not_followed(rooms: Workrooms, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_text("kept")

    async with rooms.room("job-1") as room:
        (room / "folder").symlink_to(outside)
        (room / "file").symlink_to(outside / "precious")

    assert (outside / "precious").read_text() == "kept"


async def test_there_is_no_room_on_a_full_disk(folder: Path) -> None:
    with Workrooms(folder, least_free=10**18) as rooms, pytest.raises(NoRoomError, match="no room for more media"):
        async with rooms.room("job-1"):
            pass


async def test_the_end_of_a_process_leaves_an_empty_folder(folder: Path) -> None:
    with Workrooms(folder, least_free=0) as rooms:
        async with rooms.room("job-1"):
            assert len(names_in(folder)) == 3

    assert names_in(folder) == set()


async def test_living_processes_are_left_alone(rooms: Workrooms, folder: Path) -> None:
    with Workrooms(folder, least_free=0) as others:
        async with rooms.room("job-1") as ours, others.room("job-2") as theirs:
            assert await rooms.sweep() == 0
            assert await others.sweep() == 0
            assert ours.exists()
            assert theirs.exists()


WORKER = """
import asyncio, sys
from pathlib import Path
from workers.media.rooms import Workrooms

async def work():
    with Workrooms(Path(sys.argv[1]), least_free=0) as rooms:
        async with rooms.room("job-1") as room:
            (room / "deep").mkdir()
            (room / "deep" / "clip.mp4").write_bytes(b"a")
            print(room, flush=True)
            await asyncio.Event().wait()

asyncio.run(work())
"""


async def test_what_a_killed_worker_left_is_swept_once(rooms: Workrooms, folder: Path) -> None:
    worker = await asyncio.create_subprocess_exec(
        sys.executable, "-c", WORKER, str(folder), stdout=asyncio.subprocess.PIPE
    )
    assert worker.stdout is not None
    await worker.stdout.readline()
    async with rooms.room("job-2") as ours:
        assert await rooms.sweep() == 0
        assert "clip.mp4" in names_in(folder)

        worker.send_signal(signal.SIGKILL)
        await worker.communicate()

        assert sum(await asyncio.gather(*(rooms.sweep() for _ in range(4)))) == 1
        assert names_in(folder) == {ours.name, ours.parent.name, f"{ours.parent.name}.lock"}


async def test_files_of_others_in_the_folder_are_left_alone(rooms: Workrooms, folder: Path) -> None:
    (folder / "notes.lock").touch()
    (folder / "notes").mkdir()

    assert await rooms.sweep() == 0

    assert {"notes", "notes.lock"} <= names_in(folder)


def test_a_folder_that_somebody_else_has_prepared_is_refused(tmp_path: Path) -> None:
    open_to_all = tmp_path / "open"
    open_to_all.mkdir()
    open_to_all.chmod(0o777)
    link = tmp_path / "link"
    link.symlink_to(tmp_path)

    for folder in (open_to_all, link):
        with pytest.raises(PermissionError, match="must be a folder that is ours"), Workrooms(folder):
            pass


async def test_rooms_that_are_not_open_give_no_room(folder: Path) -> None:
    with pytest.raises(RuntimeError, match="not open"):
        async with Workrooms(folder).room("job-1"):
            pass


def test_the_default_folder_is_of_this_user() -> None:
    assert default_folder().name.startswith("segue-")
