from __future__ import annotations

import asyncio
import contextlib
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import imageio_ffmpeg
import psutil
import pytest
from PIL import Image, ImageChops, ImageStat

from devstack import photos
from devstack.emulator import EmulatorControl
from devstack.process import ChildProcess
from devstack.settings import Settings, child_environment
from devstack.stack import Stack

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ROOT = Path(__file__).parents[3]
BASH = shutil.which("bash") or "sh"


@contextlib.asynccontextmanager
async def command(module: str, folder: Path, **environment: str) -> AsyncIterator[ChildProcess]:
    """A command of the dev stack with its data in *folder*, and nothing of it left behind."""
    process = ChildProcess(
        module,
        [sys.executable, "-m", module],
        log_path=folder / "command.log",
        environment=child_environment({"SEGUE_DEV_DIR": str(folder), **environment}),
    )
    process.spawn()
    try:
        yield process
    finally:
        await process.kill()


async def wrote(process: ChildProcess, pattern: str, *, timeout: float = 90) -> re.Match[str]:
    """The first match of *pattern* in what the process has written, at once or soon."""
    async with asyncio.timeout(timeout):
        while (match := process.matched(pattern)) is None:
            assert process.is_running, process.tail()
            await asyncio.sleep(0.05)
    return match


async def all_gone(processes: list[psutil.Process], *, timeout: float = 30) -> bool:
    _, alive = await asyncio.to_thread(psutil.wait_procs, processes, timeout)
    return not alive


def frame(video: Path, target: Path, *place: str) -> Image.Image:
    subprocess.run(
        [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", *place, "-i", str(video), "-update", "1", str(target)],
        check=True,
    )
    return Image.open(target)


def difference(one: Image.Image, other: Path) -> float:
    """The mean difference per channel, 0 to 255."""
    with Image.open(other) as picture:
        channels = ImageStat.Stat(ImageChops.difference(one.convert("RGB"), picture.convert("RGB"))).mean
    return sum(channels) / len(channels)


def left_by_runs(folder: Path) -> list[Path]:
    return list(folder.glob("demo-*"))


async def test_the_demo_makes_a_video_from_the_first_photograph_to_the_second(tmp_path: Path) -> None:
    async with command("devstack.demo", tmp_path) as demo:
        assert await asyncio.wait_for(demo.wait(), 90) == 0, demo.tail()

    shown = demo.output()
    video = tmp_path / "demo" / "transition.mp4"
    assert "local emulator" in shown
    assert re.search(r"\d+%  processing  generating", shown)
    assert re.search(rf"{re.escape(str(video))}\n  5\.\d\d s, 640 x 360, h264, [\d,]+ bytes", shown)
    assert difference(frame(video, tmp_path / "first.png", "-to", "0.01"), photos.COFFEE) < 8
    assert difference(frame(video, tmp_path / "last.png", "-sseof", "-0.2"), photos.ROCKET) < 8
    assert left_by_runs(tmp_path) == [], "the folder of a run that went well is removed"


async def test_ctrl_c_ends_the_demo_with_all_its_processes(tmp_path: Path) -> None:
    async with command("devstack.demo", tmp_path, SEGUE_EMULATOR_RUN_SECONDS="600") as demo:
        await wrote(demo, r"^Job \S+ \(transition\) is accepted")
        children = psutil.Process(demo.pid).children(recursive=True)
        assert len(children) >= 4

        demo.send_signal(signal.SIGINT)

        assert await asyncio.wait_for(demo.wait(), 60) == 128 + signal.SIGINT
        assert await all_gone(children)


async def test_ctrl_c_takes_the_job_back_from_fal(tmp_path: Path) -> None:
    async with Stack(Settings(dev_dir=tmp_path / "others"), appendfsync=None) as others:
        await others.emulator.settings(run_seconds=600)
        places = {"SEGUE_REDIS_URL": others.redis_url, "SEGUE_FAL_BASE_URL": others.emulator.url}
        async with command("devstack.demo", tmp_path, **places) as demo:
            await wrote(demo, r"generating")

            demo.send_signal(signal.SIGINT)
            await asyncio.wait_for(demo.wait(), 60)

        ledger = await others.emulator.ledger()

    assert (ledger.submits, ledger.billed) == (1, 0)


async def test_a_demo_without_fal_ends_with_the_reason(tmp_path: Path) -> None:
    async with command("devstack.demo", tmp_path, SEGUE_FAL_BASE_URL="http://127.0.0.1:9") as demo:
        assert await asyncio.wait_for(demo.wait(), 90) == 1

    assert "The photographs could not be uploaded" in demo.output()
    assert "Traceback" not in demo.output()


async def test_the_printed_calls_work_when_pasted_and_ctrl_c_is_the_ordinary_end(tmp_path: Path) -> None:
    if shutil.which("buf", path=str(ROOT / ".venv" / "bin")) is None:
        pytest.fail("make install puts buf into .venv/bin")
    environment = {"SEGUE_LISTEN": "127.0.0.1:0", "SEGUE_EMULATOR_RUN_SECONDS": "600"}
    async with command("devstack.run", tmp_path, **environment) as run:
        await wrote(run, r"^Ctrl-C stops everything")
        children = psutil.Process(run.pid).children(recursive=True)
        calls = run.output().partition("# With buf curl")[2].rpartition("Ctrl-C")[0].replace("\n# ", "\necho '# '")
        shell = ChildProcess("shell", [BASH, "-e", "-c", f"cd {ROOT}\n#{calls}"], log_path=tmp_path / "shell.log")
        shell.spawn()
        await only_the_first_ends(EmulatorControl((await wrote(run, r"(http://\S+)/emulator/ledger"))[1]))

        assert await asyncio.wait_for(shell.wait(), 90) == 0, shell.tail()

        answers = shell.output()
        assert "segue.v1.JobService/WatchJob" in answers
        assert '"toState": "JOB_STATE_SUCCEEDED"' in answers
        assert re.search(r'"state": "JOB_STATE_CANCELL(ED|ING)"', answers)
        assert '"status": "SERVING"' in answers
        run.send_signal(signal.SIGINT)
        assert await asyncio.wait_for(run.wait(), 60) == 0
        assert await all_gone(children)


async def only_the_first_ends(emulator: EmulatorControl) -> None:
    """Let the generation that runs end once there is one, and the next one run until it is cancelled."""
    async with asyncio.timeout(60):
        while "IN_PROGRESS" not in [request["status"] for request in (await emulator.ledger()).requests]:
            await asyncio.sleep(0.05)
    await emulator.fault("never_finishes")
    await emulator.settings(run_seconds=0)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent has died")
async def test_a_killed_stack_leaves_no_process(tmp_path: Path) -> None:
    async with command("devstack.run", tmp_path, SEGUE_LISTEN="127.0.0.1:0") as run:
        await wrote(run, r"^Ctrl-C stops everything")
        children = psutil.Process(run.pid).children(recursive=True)
        assert len(children) >= 4

        run.send_signal(signal.SIGKILL)

        assert await all_gone(children)
