"""Hears whose cancellation was asked for. Fast, not certain: the heartbeat learns the same, a few seconds later."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

import structlog
from redis.exceptions import RedisError

if TYPE_CHECKING:
    from collections.abc import Callable

    from redis.asyncio import Redis

log = structlog.get_logger(__name__)

#: Silence after which the connection is asked whether it lives, in seconds.
QUIET: Final = 5.0
#: Pause before the next try to reach Redis, in seconds.
RECONNECT: Final = 0.2


async def listen(redis: Redis, channel: str, heard: Callable[[str], None]) -> None:
    """Call *heard* with each name (tenant/id) that is published on the control channel, for ever."""
    while True:
        connection: Any = redis.connection_pool.make_connection()  # type: ignore[no-untyped-call]
        try:
            await connection.connect()
            await connection.send_command("SUBSCRIBE", channel)
            await _read(connection, heard)
        except (RedisError, OSError) as error:
            log.warning("control.connection_lost", error=type(error).__name__)
        finally:
            await connection.disconnect(nowait=True)
        await asyncio.sleep(RECONNECT)


async def _read(connection: Any, heard: Callable[[str], None]) -> None:
    asked = False
    while True:
        answer = await connection.read_response(disable_decoding=True, timeout=QUIET)
        if answer is None:
            if asked:
                raise TimeoutError("Redis has not answered a PING")
            await connection.send_command("PING")
            asked = True
            continue
        asked = False
        if answer[0] == b"message":
            heard(answer[2].decode())
