"""`python -m server`: serve segue.v1 until SIGTERM or SIGINT. `--help` tells what can be set."""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
from typing import TYPE_CHECKING, Final

import uvloop

from core.logs import configure
from core.settings import read_settings
from server.app import CannotListenError, serving
from server.logs import quiet_grpc
from server.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Awaitable, Sequence

#: How the process is started.
PROGRAM: Final = "python -m server"
#: With the default (700, 10, 10) the collector walks ten thousand open watches ever again: 280 ms at worst, 9 ms so.
GC_THRESHOLDS: Final = (50_000, 50, 50)


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the settings, serve, and return after a signal."""
    settings = read_settings(Settings, program=PROGRAM, summary="Serves segue.v1 over gRPC.", arguments=arguments)
    configure(settings)
    quiet_grpc()
    gc.set_threshold(*GC_THRESHOLDS)
    try:
        uvloop.run(_serve(settings))
    except CannotListenError as error:
        sys.exit(f"{PROGRAM}: {error}")


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


if __name__ == "__main__":
    main()
