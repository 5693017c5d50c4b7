"""`python -m benchmarks.bare`: the least that a grpc.aio server can do, to measure ours against.

It shares our server's loop, collector thresholds, gRPC options and connections to Redis by importing them, so
the two cannot drift apart. It does not parse requests: bytes come in and the same bytes go out.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import itertools
import os
import signal
import sys
from datetime import timedelta
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

import grpc
import uvloop

from benchmarks.payload import transition_request
from core.job import JobId
from core.store import tickets
from core.store.connection import connect
from core.store.records import pack, record_of
from server.__main__ import GC_THRESHOLDS
from server.app import CONNECTIONS
from server.options import server_options
from server.settings import Settings
from server.translate.requests import submission_from_proto

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from redis.asyncio import Redis

#: The only method: `/bench.Bare/Call`.
SERVICE: Final = "bench.Bare"
METHOD: Final = "Call"
#: Any instant, in milliseconds since the epoch; today's have as many digits.
SOME_TIME: Final = 1_800_000_000_000


async def echo(request: bytes, _context: object) -> bytes:
    """Return the request."""
    return request


async def one_script(redis: Redis, settings: Settings) -> Callable[[bytes, object], Awaitable[bytes]]:
    """Return a behaviour that runs one EVALSHA which writes what a submitted job takes, and returns the request."""
    sha = await redis.script_load((files(__package__ or "") / "bare.lua").read_text())
    submission = submission_from_proto(transition_request(), settings)
    record: list[Any] = [*record_of(JobId("0" * 36), None, submission), "created", SOME_TIME]
    event = pack([1, SOME_TIME, "state", "", "pending", record])
    constant: list[Any] = [event, tickets.template(), *record]
    # Ids of their own, and as long as real ones, also where several of us write into one Redis.
    process, numbers = os.getpid(), itertools.count()

    async def call(request: bytes, _context: object) -> bytes:
        await redis.evalsha(sha, 1, settings.key_prefix, f"{process:08d}{next(numbers):028d}", request, *constant)
        return request

    return call


async def serve(mode: str, settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    timeout = timedelta(seconds=settings.redis_timeout_seconds)
    async with connect(settings.redis_url.get_secret_value(), timeout=timeout, connections=CONNECTIONS) as redis:
        behaviour = echo if mode == "echo" else await one_script(redis, settings)
        server = grpc.aio.server(options=server_options(settings))
        methods: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {
            METHOD: grpc.unary_unary_rpc_method_handler(behaviour)
        }
        # Both, as generated code does it.
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, methods),))
        server.add_registered_method_handlers(SERVICE, methods)
        server.add_insecure_port(settings.listen)
        await server.start()
        sys.stdout.write(f"server ready on {settings.listen}\n")
        sys.stdout.flush()
        await stop.wait()
        await server.stop(None)


def main() -> None:
    """Read what to be, and serve."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bare", description=__doc__)
    parser.add_argument("mode", choices=("echo", "evalsha"))
    mode = parser.parse_args().mode
    gc.set_threshold(*GC_THRESHOLDS)
    uvloop.run(serve(mode, Settings()))


if __name__ == "__main__":
    main()
