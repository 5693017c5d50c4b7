"""Becomes another command, and dies with the process that started it.

    python -I tether.py PARENT_PID COMMAND ARGUMENT...

Linux kills a process whose parent is gone if the process asked for it (PR_SET_PDEATHSIG), and `exec`
keeps that wish. Asking here, in a small program between fork and exec, needs no `preexec_fn`, which is
unsafe in a parent with threads. Elsewhere it only becomes the command.
"""

import ctypes
import os
import signal
import sys
from typing import Final

#: From <linux/prctl.h>.
PR_SET_PDEATHSIG: Final = 1


def main(parent: int, command: list[str]) -> None:
    """Tie this process to *parent* and become *command*; the environment stays as it is."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        # The parent may have died before the wish was known to the kernel.
        if os.getppid() != parent:
            sys.exit(1)
    os.execvp(command[0], command)  # noqa: S606 - the command is our own, and no shell is wanted


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
