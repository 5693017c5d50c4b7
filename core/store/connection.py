"""Opens connections to Redis that wait, time out and retry on purpose rather than by a library's defaults."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from core.errors import StoreUnavailableError
from core.store.client import SharedRedis
from core.store.line import TRANSIENT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from redis.asyncio import Redis

#: What a caller is told to wait when Redis does not answer.
RETRY_AFTER: Final = timedelta(seconds=1)


def connect(url: str, *, timeout: timedelta, connections: int = 32) -> Redis:
    """Return a client whose everyday commands share one connection, and all others a pool.

    Args:
        timeout: how long Redis may owe an answer, and a command wait for a connection of the pool.
        connections: most of the pool.
    """
    return SharedRedis.open(url, timeout=timeout, connections=connections)


@contextmanager
def translated() -> Iterator[None]:
    """Raise StoreUnavailableError in place of a failure of the connection.

    Raises:
        StoreUnavailableError: Redis did not answer, also when asked again.
    """
    try:
        yield
    except TRANSIENT as error:
        raise StoreUnavailableError(retry_after=RETRY_AFTER) from error
