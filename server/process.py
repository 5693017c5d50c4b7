"""One process that serves: alone, or as one of several that share a port (server/processes.py)."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
from typing import TYPE_CHECKING, Final

import structlog
import uvloop

from core.logs import configure
from core.settings import read_settings
from server.app import serving
from server.errors import CannotListenError
from server.logs import quiet_grpc
from server.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Awaitable, Sequence

__all__ = ["CannotListenError", "serve_alone"]

#: With the default (700, 10, 10) the collector walks ten thousand open watches ever again: 280 ms at worst, 9 ms so.
GC_THRESHOLDS: Final = (50_000, 50, 50)


def serve_alone(settings: Settings) -> None:
    """Serve, and return after a signal.

    Raises:
        CannotListenError: the address is taken or not ours.
    """
    _run(settings, tethered=False)


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve as one of several: `python -m server.process HOST:PORT NUMBER`, the end of stdin being the parent's end."""
    listen, number = sys.argv[1:] if arguments is None else arguments
    settings = read_settings(Settings, program="python -m server", summary="", arguments=[])
    configure(settings)
    structlog.contextvars.bind_contextvars(process=int(number))
    try:
        _run(settings.model_copy(update={"listen": listen, "so_reuseport": True}), tethered=True)
    except CannotListenError as error:
        sys.exit(f"python -m server: {error}")


def _run(settings: Settings, *, tethered: bool) -> None:
    quiet_grpc()
    gc.set_threshold(*GC_THRESHOLDS)
    uvloop.run(_serve(settings, tethered=tethered))


async def _serve(settings: Settings, *, tethered: bool) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if tethered:
        loop.add_reader(sys.stdin.fileno(), _stop_at_the_end, stop)
    async with serving(settings) as server:
        announcing = asyncio.create_task(_announce(server.ready(), server.address))
        await stop.wait()
        announcing.cancel()


def _stop_at_the_end(stop: asyncio.Event) -> None:
    """Stop when the parent is gone, however it died: nobody would ever stop this process otherwise."""
    if not os.read(sys.stdin.fileno(), 1):
        asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
        stop.set()


async def _announce(ready: Awaitable[None], address: str) -> None:
    await ready
    sys.stdout.write(f"server ready on {address}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
