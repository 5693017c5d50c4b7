"""Opens connections to Redis that wait, time out and retry on purpose rather than by a library's defaults."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialWithJitterBackoff
from redis.exceptions import BusyLoadingError, ConnectionError, ReadOnlyError, TimeoutError  # noqa: A004

from core.errors import StoreUnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Times a call is repeated after a lost connection. Every script may be repeated: see its header.
RETRIES: Final = 3
#: What a caller is told to wait when Redis does not answer.
RETRY_AFTER: Final = timedelta(seconds=1)
#: Errors that pass: Redis is away, restarting, or failing over.
TRANSIENT: Final = (ConnectionError, TimeoutError, BusyLoadingError, ReadOnlyError)


def connect(url: str, *, timeout: timedelta, connections: int = 32) -> Redis:
    """Return a client whose commands share *connections* sockets and wait for a free one.

    Args:
        timeout: how long a command, and the wait for a free connection, may take.
    """
    seconds = timeout.total_seconds()
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=connections,
        timeout=seconds,
        socket_timeout=seconds,
        socket_connect_timeout=seconds,
        socket_keepalive=True,
        protocol=2,  # one form of answer, whatever the server's version
        retry=Retry(ExponentialWithJitterBackoff(base=0.05, cap=1), RETRIES),
        retry_on_error=list(TRANSIENT),
    )
    return Redis.from_pool(pool)


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
