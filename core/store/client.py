"""redis-py's client, with its commands on a shared line instead of connections from a pool (ADR 15)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

import hiredis
from redis.asyncio import BlockingConnectionPool, ConnectionPool, Redis
from redis.asyncio.client import Pipeline
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from core.store.line import BACKOFF, RETRIES, TRANSIENT, Line

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import timedelta

#: Commands that go over the line: they neither block nor change the connection. Any other gets one from the pool.
SHARED: Final = frozenset(
    {
        *("EVALSHA", "TIME"),
        *("EXISTS", "GET", "HGET", "HGETALL", "HMGET", "HSETNX", "HDEL"),
        *("ZCARD", "ZMSCORE", "ZRANGE", "ZRANGEBYLEX", "ZREVRANGEBYLEX"),
        *("XRANGE", "XREVRANGE"),
    }
)
_MULTI: Final = hiredis.pack_command(("MULTI",))
_EXEC: Final = hiredis.pack_command(("EXEC",))


class SharedRedis(Redis):
    """A client whose everyday commands share one connection; subscriptions and all else use its pool."""

    line: Line

    @classmethod
    def open(cls, url: str, *, timeout: timedelta, connections: int) -> SharedRedis:
        """Return a client; nothing is connected before the first command.

        Args:
            timeout: how long connecting, an answer, and the wait for a connection of the pool may take.
            connections: most of the pool.
        """
        seconds = timeout.total_seconds()
        # protocol: one form of answer, whatever the server's version
        common: Any = {"socket_keepalive": True, "protocol": 2}
        pool = BlockingConnectionPool.from_url(
            url,
            max_connections=connections,
            timeout=seconds,
            socket_timeout=seconds,
            socket_connect_timeout=seconds,
            retry=Retry(BACKOFF, RETRIES),
            retry_on_error=list(TRANSIENT),
            **common,
        )
        # The line keeps time and tries again by itself: for all commands at once, not for each.
        single = ConnectionPool.from_url(
            url, socket_timeout=None, socket_connect_timeout=None, retry=Retry(NoBackoff(), 0), **common
        )
        client = cast("SharedRedis", cls.from_pool(pool))
        client.line = Line(single.make_connection, timeout=seconds)
        return client

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        """Run a command and return its answer."""
        name = args[0]
        if name not in SHARED:
            return await super().execute_command(*args, **options)  # type: ignore[no-untyped-call]
        (answer,) = await self.line.ask(hiredis.pack_command(args))
        if isinstance(answer, Exception):
            raise answer
        return self.answered(name, answer, options)

    def pipeline(self, transaction: bool = True, shard_hint: str | None = None) -> Pipeline:  # noqa: FBT001, FBT002 - as redis-py has it
        """Return commands that are sent together."""
        return _SharedPipeline(self, transaction=transaction, shard_hint=shard_hint)

    def answered(self, name: str | bytes, answer: Any, options: Mapping[str, Any]) -> Any:
        """Return an answer as redis-py gives it to its callers."""
        callback = self.response_callbacks.get(name)
        if callback is None:
            return answer
        # keys: for redis-py's cache only
        return callback(answer, **{key: value for key, value in options.items() if key != "keys"})

    async def aclose(self, close_connection_pool: bool | None = None) -> None:  # noqa: FBT001 - as redis-py has it
        """Close all connections; commands without an answer fail."""
        await self.line.close()
        await super().aclose(close_connection_pool)


class _SharedPipeline(Pipeline):
    """Commands that go over the line in one piece, if all of them may."""

    def __init__(self, client: SharedRedis, *, transaction: bool, shard_hint: str | None) -> None:
        super().__init__(client.connection_pool, client.response_callbacks, transaction, shard_hint)
        self._client = client

    async def execute(self, raise_on_error: bool = True) -> list[Any]:  # noqa: FBT001, FBT002 - as redis-py has it
        """Run the commands and return their answers; with *raise_on_error* the first error among them is raised."""
        stack: list[tuple[Any, Mapping[str, Any]]] = list(self.command_stack)
        if not stack or self.watching or self.explicit_transaction or any(args[0] not in SHARED for args, _ in stack):
            return await super().execute(raise_on_error)
        self.command_stack = []
        packed = [hiredis.pack_command(args) for args, _ in stack]
        answers: Sequence[Any]
        if self.is_transaction:
            # MULTI, each command and EXEC are answered; the last answer holds those of the commands.
            *_, answers = await self._client.line.ask(b"".join([_MULTI, *packed, _EXEC]), commands=len(packed) + 2)
            if isinstance(answers, Exception):
                raise answers
        else:
            answers = await self._client.line.ask(b"".join(packed), commands=len(packed))
        if raise_on_error and (refused := next((one for one in answers if isinstance(one, Exception)), None)):
            raise refused
        return [
            answer if isinstance(answer, Exception) else self._client.answered(args[0], answer, options)
            for (args, options), answer in zip(stack, answers, strict=True)
        ]
