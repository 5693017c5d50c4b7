from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import psutil
import pytest

from devstack.errors import ProcessDiedError, StartTimeoutError
from devstack.process import ChildProcess

if TYPE_CHECKING:
    from pathlib import Path

STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print('ready', flush=True)
time.sleep(60)
"""
QUIET = "import time; time.sleep(60)"
READY = "import time; print('ready on 127.0.0.1:7', flush=True); time.sleep(60)"


def python(name: str, code: str, folder: Path) -> ChildProcess:
    return ChildProcess(name, [sys.executable, "-c", code], log_path=folder / f"{name}.log")


async def gone(pid: int, *, timeout: float = 30.0) -> bool:
    """Whether no live process has this id, at once or soon."""
    deadline = time.monotonic() + timeout
    while lives(pid):
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(0.02)
    return True


def lives(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


async def test_a_child_is_ready_when_its_line_is_written_and_stops_by_sigterm(tmp_path: Path) -> None:
    child = python("clock", READY, tmp_path)

    await child.start(r"^ready on (\S+)$")

    assert child.is_running
    match = child.matched(r"^ready on (\S+)$")
    assert match is not None
    assert match[1] == "127.0.0.1:7"
    assert await child.stop() == -signal.SIGTERM
    assert await gone(child.pid)


async def test_a_child_that_ignores_sigterm_is_killed_after_its_grace(tmp_path: Path) -> None:
    child = python("stubborn", STUBBORN, tmp_path)
    await child.start("ready")

    assert await child.stop(grace=0.2) == -signal.SIGKILL


async def test_a_child_that_dies_at_start_shows_the_end_of_its_log(tmp_path: Path) -> None:
    child = python("broken", "raise SystemExit('the port is taken')", tmp_path)

    with pytest.raises(ProcessDiedError, match=r"(?s)broken ended with code 1.*the port is taken"):
        await child.start("ready")


async def test_a_child_that_is_not_ready_in_time_is_killed(tmp_path: Path) -> None:
    child = python("quiet", QUIET, tmp_path)

    with pytest.raises(StartTimeoutError, match=r"(?s)quiet was not ready.*it wrote nothing"):
        await child.start("ready", timeout=0.3)

    assert await gone(child.pid)


async def test_only_the_output_since_the_last_start_counts(tmp_path: Path) -> None:
    child = python("clock", READY, tmp_path)
    await child.start("ready")
    await child.kill()

    await child.start("ready")

    assert child.output().count("ready") == 1
    assert child.log_path.read_text().count("ready") == 2
    await child.stop()


async def test_what_a_child_has_started_ends_with_it(tmp_path: Path) -> None:
    parent = python(
        "parent",
        "import subprocess, sys, time\n"
        f"print('grandchild', subprocess.Popen([sys.executable, '-c', {QUIET!r}]).pid, flush=True)\n"
        "time.sleep(60)",
        tmp_path,
    )
    await parent.start(r"^grandchild (\d+)$")
    match = parent.matched(r"^grandchild (\d+)$")
    assert match is not None

    await parent.stop()

    assert await gone(int(match[1]))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent has died")
async def test_a_child_is_gone_when_its_parent_is_killed(tmp_path: Path) -> None:
    owner = f"""
import sys, time
from pathlib import Path
from devstack.process import ChildProcess
child = ChildProcess('child', [sys.executable, '-c', {QUIET!r}], log_path=Path({str(tmp_path)!r}) / 'log')
child.spawn()
print(child.pid, flush=True)
time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", owner], stdout=subprocess.PIPE, text=True) as parent:  # noqa: ASYNC220 - of another owner than ours
        assert parent.stdout is not None
        child_pid = int(parent.stdout.readline())
        assert psutil.pid_exists(child_pid)

        parent.kill()

        assert await gone(child_pid)


async def test_a_child_started_from_a_thread_outlives_that_thread(tmp_path: Path) -> None:
    child = python("clock", READY, tmp_path)
    thread_ended = asyncio.get_running_loop().run_in_executor(None, child.spawn)
    await thread_ended
    await asyncio.get_running_loop().shutdown_default_executor()

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(child.wait(), timeout=0.3)

    assert child.is_running
    await child.stop()


async def test_an_own_environment_replaces_ours(tmp_path: Path) -> None:
    child = ChildProcess(
        "env",
        [sys.executable, "-c", "import os; print('home', os.environ.get('HOME'), os.environ['COLOUR'])"],
        log_path=tmp_path / "env.log",
        environment={"PATH": os.defpath, "COLOUR": "red"},
    )
    child.spawn()

    assert await child.wait() == 0
    assert child.output() == "home None red\n"
