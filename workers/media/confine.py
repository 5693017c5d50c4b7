"""Becomes another program, under limits that end with it. Run by path, so that it starts within 40 ms.

python -I -S confine.py PARENT MEMORY_BYTES FILE_BYTES PROGRAM [ARGUMENT ...]

PARENT is the process id of the starter: when that dies, even by SIGKILL, the kernel kills the program (Linux).
A limit of 0 is none. Where a limit does not exist (macOS has none on memory), the program runs without it.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import sys
from typing import Final

#: PR_SET_PDEATHSIG of Linux's prctl(2).
_SET_PARENT_DEATH_SIGNAL: Final = 1

#: Media may take what the worker's heartbeats leave.
_NICENESS: Final = 5

#: Out of memory, the kernel is to kill this, not the worker that holds a hundred jobs.
_OOM_SCORE: Final = "500"


def _main() -> None:
    parent, memory, file_size = map(int, sys.argv[1:4])
    _die_with(parent)
    _limit(resource.RLIMIT_AS, memory)
    _limit(resource.RLIMIT_FSIZE, file_size)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # Python ignores these two, and what is ignored stays so in the program.
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    os.nice(_NICENESS)
    program = sys.argv[4]
    os.execv(program, sys.argv[4:])  # noqa: S606 - no shell is the point; our own worker names the program


def _die_with(parent: int) -> None:
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit("the starter is gone")  # it died before the kernel was asked
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:
        file.write(_OOM_SCORE)


def _limit(which: int, most: int) -> None:
    if most:
        hard = resource.getrlimit(which)[1]
        if hard != resource.RLIM_INFINITY:
            most = min(most, hard)
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(which, (most, most))


if __name__ == "__main__":
    _main()
