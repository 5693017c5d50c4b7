"""`python -m emulator --port N`: run a local fal.ai until SIGTERM or SIGINT."""

import argparse
import asyncio
import logging
import signal
import sys
from collections.abc import Sequence
from typing import Any

import structlog

from emulator.app import start
from emulator.settings import Settings


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the settings, serve, and return after a signal."""
    settings = Settings(**_options(arguments))
    logging.basicConfig(level=settings.numeric_log_level, stream=sys.stderr)
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(settings.numeric_log_level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    asyncio.run(_serve(settings))


async def _serve(settings: Settings) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    emulator = await start(settings)
    front = f", as an HTTPS proxy on {emulator.tls_url}" if emulator.tls_url else ""
    sys.stdout.write(f"emulator ready on {emulator.url}{front}\n")
    sys.stdout.flush()
    try:
        await stop.wait()
    finally:
        await emulator.close()


def _options(arguments: Sequence[str] | None) -> dict[str, Any]:
    """Return the options that were given; they go before the environment."""
    parser = argparse.ArgumentParser(
        prog="python -m emulator",
        description="A local fal.ai: queue API, storage and models, with faults and a ledger.",
        epilog="Every setting can also come from the environment: SEGUE_EMULATOR_PORT, "
        "SEGUE_EMULATOR_RUN_SECONDS, SEGUE_EMULATOR_KEY and so on (see emulator/settings.py); "
        "PUT /emulator/settings changes the behaviour while it runs.",
        argument_default=argparse.SUPPRESS,
    )
    parser.add_argument("--host", help="the address to listen on (default 127.0.0.1)")
    parser.add_argument("--port", type=int, help="the port of plain HTTP; 0, the default, takes a free one")
    parser.add_argument("--tls-port", type=int, help="start the TLS front there; 0 takes a free port")
    parser.add_argument("--ca-file", help="where to write the certificate of the front's authority (PEM)")
    parser.add_argument("--public-url", help="how others reach the plain port, if not by host and port")
    parser.add_argument("--data-dir", help="where to keep files (default: a temporary folder)")
    parser.add_argument("--log-level", choices=("debug", "info", "warning", "error"))
    return vars(parser.parse_args(arguments))


if __name__ == "__main__":
    main()
