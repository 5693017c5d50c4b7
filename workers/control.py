"""Hears whose cancellation was asked for. Fast, not certain: the heartbeat learns the same, a few seconds later."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from core.store.pubsub import answers, keep_connected

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Never

    from redis.asyncio import Redis


async def listen(redis: Redis, channel: str, heard: Callable[[str], None]) -> Never:
    """Call *heard* with each name (tenant/id) that is published on the control channel, for ever."""

    async def serve(connection: Any) -> None:
        await connection.send_command("SUBSCRIBE", channel)
        async for answer in answers(connection):
            if answer[0] == b"message":
                heard(answer[2].decode())

    await keep_connected(redis, serve, name="control")
