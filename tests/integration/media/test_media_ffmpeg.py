"""ffmpeg runs bounded, tells how far it is, and is never left behind."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from datetime import timedelta
from typing import TYPE_CHECKING

import psutil
import pytest

from tests.integration.media.samples import ENDLESS, children, ffmpegs, names_in, runner, sample, until
from workers.media.errors import MediaError
from workers.media.ffmpeg import ffmpeg_binary
from workers.media.limits import MEBIBYTE, MediaLimits
from workers.media.probe import probe

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NULL = ("-f", "null", "-")


async def test_a_run_makes_a_file_and_tells_its_progress(tmp_path: Path) -> None:
    told: list[float] = []

    async def report(fraction: float) -> None:
        told.append(fraction)

    # It gets a quarter of its pictures, and the next when it has told how far it is.
    clip, source = tmp_path / "clip.mp4", tmp_path / "source"
    os.mkfifo(source)
    pictures = ("-f", "rawvideo", "-video_size", "64x36", "-framerate", "25", "-fpsprobesize", "0", "-i", source)
    with open(os.open(source, os.O_RDWR), "wb", buffering=0) as pipe:  # noqa: ASYNC230 - it holds a quarter
        run = asyncio.create_task(
            runner().run(*pictures, "-c:v", "mpeg4", clip, length=timedelta(seconds=2), report=report)
        )

        def more_is_told_than(heard: int) -> Callable[[], bool]:
            return lambda: run.done() or len(told) > heard

        for count in (13, 12, 13, 12):
            if not run.done():
                heard = len(told)
                pipe.write(bytes(64 * 36 * 3 // 2 * count))
                await until(more_is_told_than(heard))
    await run

    assert (await probe(clip)).duration == timedelta(seconds=2)
    assert 4 <= len(told) <= 12
    assert told == sorted(set(told))
    assert 0 < told[0] <= 0.26
    assert told[-1] > 0.9


async def test_what_filters_measure_is_returned(tmp_path: Path) -> None:
    clip = await sample(tmp_path / "clip.wav", picture=False)

    words = await runner().run("-i", clip, "-af", "volumedetect", *NULL)

    assert "max_volume" in words


async def test_a_failure_tells_why_but_not_where(tmp_path: Path) -> None:
    clip = await sample(tmp_path / "clip.mp4")

    with pytest.raises(MediaError, match="ffmpeg failed with exit code") as failed:
        await runner().run("-i", clip, "-vf", "nonsense", tmp_path / "out.mp4")

    assert "No such filter: 'nonsense'" in failed.value.stderr
    assert "clip.mp4" in failed.value.stderr
    assert str(tmp_path) not in failed.value.stderr


async def test_a_run_that_takes_too_long_is_killed() -> None:
    with pytest.raises(MediaError, match=r"took longer than 0:00:00\.500000"):
        await runner(limits=MediaLimits(time=timedelta(seconds=0.5))).run("-re", *ENDLESS, *NULL)

    assert ffmpegs() == []


async def test_a_run_that_writes_too_much_is_killed(tmp_path: Path) -> None:
    limits = MediaLimits(output_bytes=MEBIBYTE, time=timedelta(seconds=90))

    with pytest.raises(MediaError, match="would be larger than 1048576 bytes"):
        await runner(limits=limits).run(*ENDLESS, "-c:v", "rawvideo", tmp_path / "out.avi")

    assert (tmp_path / "out.avi").stat().st_size <= MEBIBYTE


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere memory has no bound")
async def test_a_run_that_needs_too_much_memory_fails(tmp_path: Path) -> None:
    limits = MediaLimits(memory_bytes=600 * MEBIBYTE, time=timedelta(seconds=90))

    with pytest.raises(MediaError, match="needs more than 629145600 bytes of memory"):
        await runner(limits=limits).run(
            *("-f", "lavfi", "-i", "color=s=7680x4320:d=5"), "-c:v", "libx264", tmp_path / "out.mp4"
        )


async def test_a_cancelled_run_is_killed_and_waited_for() -> None:
    task = asyncio.create_task(runner().run("-re", *ENDLESS, *NULL))
    await until(lambda: len(ffmpegs()) == 1)

    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert children() == []


async def test_a_report_that_fails_ends_the_run() -> None:
    async def report(fraction: float) -> None:
        raise LookupError("fenced")

    with pytest.raises(LookupError, match="fenced"):
        await runner().run("-re", *ENDLESS, *NULL, length=timedelta(seconds=1), report=report)

    assert children() == []


async def test_runs_beyond_the_cores_wait_for_their_turn() -> None:
    ffmpeg = runner(cores=4, limits=MediaLimits(threads=2))
    runs = [asyncio.create_task(ffmpeg.run("-re", *ENDLESS, *NULL)) for _ in range(3)]
    try:
        await until(lambda: len(ffmpegs()) == 2)
        first = {process.pid for process in children()}
        await asyncio.wait(runs, timeout=0.5)
        assert len(first) == 2
        assert {process.pid for process in children()} == first

        runs[0].cancel()

        await until(lambda: len(ffmpegs()) == 2 and {process.pid for process in children()} != first)
    finally:
        for run in runs:
            run.cancel()
        await asyncio.wait(runs)


async def test_ffmpeg_learns_no_key_and_takes_no_orders_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAL_KEY", "secret")
    monkeypatch.setenv("FFREPORT", f"file={tmp_path / 'report.log'}")
    run = asyncio.create_task(runner().run("-re", *ENDLESS, *NULL))
    await until(lambda: len(ffmpegs()) == 1)

    environment = ffmpegs()[0].environ()
    run.cancel()
    await asyncio.wait([run])

    assert set(environment) == {"LC_ALL", "AV_LOG_FORCE_NOCOLOR"}
    assert names_in(tmp_path) == set()


WORKER = """
import uvloop
from workers.media.ffmpeg import Ffmpeg, ffmpeg_binary
from workers.media.limits import MediaLimits

ffmpeg = Ffmpeg(ffmpeg_binary(None), cores=2, limits=MediaLimits())
uvloop.run(ffmpeg.run("-re", "-f", "lavfi", "-i", "testsrc=s=64x64", "-f", "null", "-"))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere it ends at its own end")
async def test_ffmpeg_dies_with_its_worker_even_by_sigkill() -> None:
    worker = await asyncio.create_subprocess_exec(sys.executable, "-c", WORKER)
    await until(lambda: len(ffmpegs()) == 1)
    (ffmpeg,) = ffmpegs()
    ffmpeg.suspend()  # so that it cannot find out by itself

    worker.send_signal(signal.SIGKILL)
    await worker.wait()

    await until(lambda: not _lives(ffmpeg))


def _lives(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def test_the_ffmpeg_of_the_wheel_is_used_unless_another_is_named() -> None:
    assert "imageio_ffmpeg" in ffmpeg_binary(None)
    assert ffmpeg_binary(sys.executable) == sys.executable
    with pytest.raises(MediaError, match="There is no program nonesuch"):
        ffmpeg_binary("nonesuch")
