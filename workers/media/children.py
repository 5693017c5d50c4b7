"""Starts programs that touch strangers' files: confined, in a session of their own, and never left behind.

They get no environment: not fal's key, and nothing that would change what they do. When the worker dies, also by
SIGKILL, the kernel ends them (`confine`; Linux). Elsewhere they end on their own, at the latest with their input.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from asyncio import StreamReader
    from asyncio.subprocess import Process
    from collections.abc import AsyncIterator, Sequence

_CONFINE: Final = str(Path(__file__).with_name("confine.py"))
_ENVIRONMENT: Final = {"LC_ALL": "C.UTF-8", "AV_LOG_FORCE_NOCOLOR": "1"}


@asynccontextmanager
async def confined(command: Sequence[str], *, memory_bytes: int, file_bytes: int) -> AsyncIterator[Process]:
    """Start a program, and kill it with all its children if it still runs at the end of the block.

    Args:
        command: the absolute path of the program and its arguments.
        memory_bytes: of its address space.
        file_bytes: of each file it writes; beyond, it is killed by SIGXFSZ.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-S", _CONFINE),
        *(str(os.getpid()), str(memory_bytes), str(file_bytes)),
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=_ENVIRONMENT,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        await _end(process)


async def tail_text(stream: StreamReader | None, *, keep: int) -> str:
    """Read *stream* to its end and return the last *keep* bytes as text."""
    kept = bytearray()
    while stream is not None and (chunk := await stream.read(65536)):
        kept += chunk
        del kept[:-keep]
    return kept.decode(errors="replace")


async def _end(process: Process) -> None:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    # Also empties its pipes: the process counts as ended only when they are.
    await process.communicate()
