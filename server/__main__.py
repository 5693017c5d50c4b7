"""`python -m server`: serve segue.v1 until SIGTERM or SIGINT. `--help` tells what can be set."""

from __future__ import annotations

import argparse
import asyncio
import gc
import signal
import sys
from typing import TYPE_CHECKING, Final

import uvloop
from pydantic import ValidationError

from server import logs
from server.app import CannotListenError, serving
from server.settings import Settings, usage

if TYPE_CHECKING:
    from collections.abc import Awaitable, Sequence

#: With the default (700, 10, 10) the collector walks ten thousand open watches ever again: 280 ms at worst, 9 ms so.
GC_THRESHOLDS: Final = (50_000, 50, 50)


class _Arguments(argparse.ArgumentParser):
    def format_help(self) -> str:
        return f"{usage()}\n"


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the settings, serve, and return after a signal."""
    _Arguments(prog="python -m server").parse_args(arguments)
    try:
        settings = Settings()
    except ValidationError as error:
        sys.exit("\n".join(_told(error)))
    logs.configure(settings)
    gc.set_threshold(*GC_THRESHOLDS)
    try:
        uvloop.run(_serve(settings))
    except CannotListenError as error:
        sys.exit(f"python -m server: {error}")


async def _serve(settings: Settings) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with serving(settings) as server:
        announcing = asyncio.create_task(_announce(server.ready(), server.address))
        await stop.wait()
        announcing.cancel()


async def _announce(ready: Awaitable[None], address: str) -> None:
    await ready
    sys.stdout.write(f"server ready on {address}\n")
    sys.stdout.flush()


def _told(error: ValidationError) -> list[str]:
    """Return one line per wrong setting, under the name it has in the environment."""
    return [
        f"python -m server: {''.join(f'SEGUE_{str(part).upper()}: ' for part in fault['loc'][:1])}"
        f"{fault['msg'].removeprefix('Value error, ')}"
        for fault in error.errors(include_input=False, include_url=False)
    ]


if __name__ == "__main__":
    main()
