"""One child process: its start, its readiness, its log, its end.

A child leads a process group of its own, so that Ctrl-C reaches only us and we end it in order. It never
outlives us: `tether.py` has the kernel kill it when we are gone. What it writes goes to a file, not to a
pipe, so that nobody has to read it for the child to go on, and it can be read after the child's death.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

from devstack import tether
from devstack.errors import ProcessDiedError, StartTimeoutError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from pathlib import Path

#: Seconds between two looks at a child; short beside any start, long beside the cost of a look.
POLL_SECONDS: Final = 0.02
#: Seconds a child gets for its start unless its owner says otherwise; generous, as machines may be busy.
START_SECONDS: Final = 30.0
#: Seconds a child gets to end after SIGTERM before SIGKILL.
GRACE_SECONDS: Final = 15.0
#: Lines of the log shown in an error.
TAIL_LINES: Final = 30


@functools.cache
def _spawner() -> ThreadPoolExecutor:
    """Return the one thread that forks, and lives as long as this process.

    The kernel counts the death of the *thread* that forked as the death of the parent (prctl(2)), so a
    child started from a short-lived thread would be killed in the middle of its work.
    """
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="devstack-spawner")


class ChildProcess:
    """A command that runs until it is stopped, with its output in *log_path*.

    Args:
        name: what it is called in messages.
        command: the program and its arguments.
        environment: the whole environment of the child; None: ours.
        log_path: where its output is appended; the folder is made.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        log_path: Path,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.command = tuple(command)
        self.log_path = log_path
        self._environment = environment
        self._log_start = 0
        self._popen: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The id of the process; it is kept after its end."""
        if self._popen is None:
            message = f"{self.name} was never started"
            raise ProcessDiedError(message)
        return self._popen.pid

    @property
    def returncode(self) -> int | None:
        """How it ended (negative: by which signal); None while it runs or before it was started."""
        return None if self._popen is None else self._popen.poll()

    @property
    def is_running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._popen is not None and self._popen.poll() is None

    def output(self) -> str:
        """Return what it has written since its last start."""
        with contextlib.suppress(FileNotFoundError), self.log_path.open("rb") as log:
            log.seek(self._log_start)
            return log.read().decode(errors="replace")
        return ""

    def tail(self, lines: int = TAIL_LINES) -> str:
        """Return the last *lines* of its output, indented, under the name of its file."""
        last = self.output().splitlines()[-lines:] or ["(it wrote nothing)"]
        return "\n".join([f"The end of {self.log_path}:", *(f"  | {line}" for line in last)])

    def spawn(self) -> None:
        """Start it and do not wait; `start` also waits until it is ready."""
        self.log_path.parent.mkdir(parents=True, exist_ok=True)
        with self.log_path.open("ab") as log:
            self._log_start = log.tell()
            self._popen = _spawner().submit(self._fork, log.fileno()).result()

    def _fork(self, log: int) -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603 - our own programs, no shell
            [sys.executable, "-I", tether.__file__, str(os.getpid()), *self.command],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=self._environment,
            start_new_session=True,
        )

    async def start(self, ready: str | Callable[[], Awaitable[bool]], *, timeout: float = START_SECONDS) -> None:
        """Start it and return when it is ready.

        Args:
            ready: a regular expression for the line it writes when ready, or a probe asked again and again.
            timeout: seconds; after them it is killed.

        Raises:
            ProcessDiedError: it ended before.
            StartTimeoutError: it was not ready in time.
        """
        self.spawn()
        try:
            await self._until_ready(ready, deadline=time.monotonic() + timeout)
        except BaseException:
            await self.kill()
            raise

    async def _until_ready(self, ready: str | Callable[[], Awaitable[bool]], *, deadline: float) -> None:
        while not (self.matched(ready) if isinstance(ready, str) else await ready()):
            if not self.is_running:
                message = f"{self.name} ended with code {self.returncode} while starting.\n{self.tail()}"
                raise ProcessDiedError(message)
            if time.monotonic() > deadline:
                message = f"{self.name} was not ready in time.\n{self.tail()}"
                raise StartTimeoutError(message)
            await asyncio.sleep(POLL_SECONDS)

    def matched(self, pattern: str) -> re.Match[str] | None:
        """Return the first match of *pattern* in a whole line of its output."""
        complete, _, _ = self.output().rpartition("\n")
        return re.search(pattern, complete, re.MULTILINE)

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal to the process alone; nothing happens when it has ended."""
        if self._popen is not None:
            self._popen.send_signal(number)

    async def wait(self) -> int:
        """Wait until it ends by itself and return how (negative: by which signal)."""
        while (code := self.returncode) is None and self._popen is not None:  # noqa: ASYNC110 - it sets no event
            await asyncio.sleep(POLL_SECONDS)
        return code or 0

    async def stop(self, *, grace: float = GRACE_SECONDS) -> int:
        """End it, and all it has started, by SIGTERM, then SIGKILL; return how it ended."""
        self.send_signal(signal.SIGTERM)
        try:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.wait(), grace)
        finally:  # also when we are told to hurry
            self._kill_group()
        return await self.wait()

    async def kill(self) -> int:
        """End it and all it has started by SIGKILL, at once, and return how it ended."""
        self._kill_group()
        return await self.wait()

    def _kill_group(self) -> None:
        # Also after its own end: what it started (an ffmpeg) may still run in its group.
        if self._popen is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._popen.pid, signal.SIGKILL)
