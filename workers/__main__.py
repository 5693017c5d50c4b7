"""`python -m workers`: a worker process."""

from __future__ import annotations

import sys

import uvloop
from pydantic_settings import CliApp

from core.logs import configure
from workers.app import serve
from workers.settings import WorkerSettings


def main() -> None:
    """Read the settings, work until told to stop, exit with 0."""
    settings = CliApp.run(WorkerSettings, cli_exit_on_error=True)
    configure(level=settings.log_level, form=settings.log_format)
    uvloop.run(serve(settings, ready=_say))


def _say(worker: str) -> None:
    sys.stdout.write(f"worker ready as {worker}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
