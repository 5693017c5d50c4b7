"""A connection of its own for what Redis publishes, driven by hand.

What happens around a reconnect is the point here, and redis-py's PubSub has a history of not subscribing again
(redis-py #2089, #2417).
"""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, Any, Final

import structlog
from redis.exceptions import RedisError

from core.tasks import ended

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from typing import Never

    from redis.asyncio import Redis

log = structlog.get_logger(__name__)

#: Pause before the next try to reach Redis, in seconds.
RECONNECT: Final = 0.2
#: Silence after which the connection is asked whether it lives, and by the next such silence given up, in seconds.
QUIET: Final = 5.0


async def keep_connected(redis: Redis, serve: Callable[[Any], Awaitable[None]], *, name: str) -> Never:
    """Connect, and *serve* the connection until it breaks; then again, for ever.

    Args:
        name: who it is for, in the log; an outage is one line there, however long it takes.
    """
    connected = True
    while True:
        connection: Any = redis.connection_pool.make_connection()  # type: ignore[no-untyped-call]
        try:
            await connection.connect()
            if not connected:
                log.info("pubsub.connected", name=name)
            connected = True
            await serve(connection)
        except (RedisError, OSError) as error:
            if connected:
                log.warning("pubsub.connection_lost", name=name, error=type(error).__name__)
            connected = False
        finally:
            await connection.disconnect(nowait=True)
        await asyncio.sleep(RECONNECT)


async def answers(connection: Any) -> AsyncIterator[list[bytes]]:
    """Yield what comes on a subscribed connection, such as ``[b"message", channel, payload]``.

    Raises:
        RedisError, OSError: the connection is lost, or nothing has come for twice QUIET although it was asked to.
    """
    pulse = _Pulse(connection)
    feeling = asyncio.create_task(pulse.feel(), name="pubsub-pulse")
    try:
        while True:
            # Without a time limit: to set one for each message costs more than to read it.
            answer = await connection.read_response(disable_decoding=True, timeout=math.inf)
            pulse.felt = True
            yield answer
    finally:
        await ended(feeling, again=0.02)


class _Pulse:
    """Asks a silent connection whether it lives, and closes it if it does not answer: then reading fails."""

    def __init__(self, connection: Any) -> None:
        self.felt = True
        """Set with whatever comes."""
        self._connection = connection

    async def feel(self) -> None:
        """Go on until the connection is dead."""
        while True:
            self.felt = False
            await asyncio.sleep(QUIET)
            if self.felt:
                continue
            await self._connection.send_command("PING")
            await asyncio.sleep(QUIET)
            if not self.felt:
                log.warning("pubsub.silent")
                await self._connection.disconnect(nowait=True)
                return
