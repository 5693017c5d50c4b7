"""`python -m workers`: take jobs until SIGTERM or SIGINT. `--help` tells what can be set."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

import uvloop

from core.logs import configure
from core.settings import read_settings
from workers.app import serve
from workers.settings import WorkerSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

#: How the process is started.
PROGRAM: Final = "python -m workers"


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the settings, work, and return after a signal."""
    settings = read_settings(WorkerSettings, program=PROGRAM, summary="Performs jobs on fal.", arguments=arguments)
    configure(settings)
    uvloop.run(serve(settings, ready=_announce))


def _announce(worker: str) -> None:
    sys.stdout.write(f"worker ready as {worker}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
