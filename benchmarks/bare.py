"""`python -m benchmarks.bare`: the least that a grpc.aio server can do, to measure ours against.

It shares our server's loop, collector thresholds and gRPC options by importing them, so the two cannot drift apart. To
Redis it speaks as one does with redis-py, over as many connections; one method does over the line that our server uses.
It does not parse requests: bytes come in, and bytes go out.
"""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
from datetime import timedelta
from typing import Final

import grpc
import uvloop
from redis.asyncio import BlockingConnectionPool, Redis

from benchmarks.least import Broadcast, echo, one_page, one_read, one_script
from core.store.connection import connect
from server.app import CONNECTIONS
from server.options import server_options
from server.process import GC_THRESHOLDS
from server.settings import Settings

#: The methods are `/bench.Bare/<name>`.
SERVICE: Final = "bench.Bare"
#: How long a call may wait for a connection. The pool is not fair: with more calls than connections some wait for long.
POOL_SECONDS: Final = 60


async def methods(redis: Redis, line: Redis, settings: Settings) -> dict[str, grpc.RpcMethodHandler[bytes, bytes]]:
    """Return what is served."""
    unary, broadcast = grpc.unary_unary_rpc_method_handler, Broadcast.create(settings)
    return {
        "Echo": unary(echo),
        "Evalsha": unary(await one_script(redis, settings)),
        "Line": unary(await one_script(line, settings)),
        "Hgetall": unary(one_read(redis, settings)),
        "Page": unary(one_page(redis, settings)),
        "Watch": grpc.unary_stream_rpc_method_handler(broadcast.watch),
        "Emit": unary(broadcast.emit),
    }


async def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    url = settings.redis_url.get_secret_value()
    pool = BlockingConnectionPool.from_url(url, max_connections=CONNECTIONS, timeout=POOL_SECONDS, protocol=2)
    async with (
        Redis.from_pool(pool) as redis,
        connect(url, timeout=timedelta(seconds=settings.redis_timeout_seconds)) as line,
    ):
        server = grpc.aio.server(options=server_options(settings))
        handlers = await methods(redis, line, settings)
        # Both, as generated code does it.
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
        server.add_registered_method_handlers(SERVICE, handlers)
        server.add_insecure_port(settings.listen)
        await server.start()
        sys.stdout.write(f"server ready on {settings.listen}\n")
        sys.stdout.flush()
        await stop.wait()
        await server.stop(None)


def main() -> None:
    """Serve."""
    gc.set_threshold(*GC_THRESHOLDS)
    uvloop.run(serve(Settings()))


if __name__ == "__main__":
    main()
