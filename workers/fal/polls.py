"""The lane of polls: connections of its own to fal's queue, with turns in order and deadlines.

It does what a `Lane` does, at a tenth of the processor time (`wire`). Nothing that may be billed goes this way.
"""

from __future__ import annotations

import asyncio
import re
import time
from typing import TYPE_CHECKING, Final

from workers.fal.answers import Answer, secrets_of
from workers.fal.lanes import KEEP_ALIVE_SECONDS
from workers.fal.transport import QUEUE_HOSTS, HostRefusedError, origin_of
from workers.fal.wire import Connection

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping

    from workers.fal.http1 import RawAnswer
    from workers.fal.limits import Limits, Timeouts

#: Without a user, a port, a fragment or anything that would end a line.
_ADDRESS: Final = re.compile(r"https://(?P<host>[a-z0-9.-]+)(?P<target>/[!\"$-~]*)")
_HTTPS_PORT: Final = 443
_HTTP_PORT: Final = 80


class PollLane:
    """Asks over at most `limits.polls` connections; the others wait in order. Belongs to one event loop."""

    def __init__(
        self,
        *,
        base_url: str | None,
        headers: Mapping[str, str],
        tls: ssl.SSLContext,
        limits: Limits,
        timeouts: Timeouts,
    ) -> None:
        """Prepare the lane; nothing is connected yet.

        Args:
            base_url: what stands in for fal's queue; None: the host that the poll's URL names.
            headers: what each poll carries, the key among them.
        """
        self._base = None if base_url is None else origin_of(base_url)
        self._tls = tls
        self._max_bytes = limits.answer_bytes
        self._timeouts = timeouts
        self._secrets = secrets_of(headers.get("Authorization", ""))
        fixed = {"Accept": "application/json", "Accept-Encoding": "gzip", **headers}
        self._headers = "".join(f"{name}: {value}\r\n" for name, value in fixed.items())
        self._turns = asyncio.Semaphore(limits.polls)
        self._idle: dict[str, list[tuple[Connection, float]]] = {}
        """By host: open connections and since when they idle. The last one used is taken first, so that few stay."""
        self._open: set[Connection] = set()

    async def get(self, url: str) -> Answer:
        """Send one GET to *url* and return the answer, whatever its status.

        Raises:
            HostRefusedError: the URL is not one of fal's queue; nothing was sent.
            OSError: there was no whole answer, or not in time.
            AnswerTooLargeError: the answer was dropped.
        """
        address = _ADDRESS.fullmatch(url)
        if address is None or address["host"] not in QUEUE_HOSTS:
            raise HostRefusedError
        host, target = address.groups()
        async with asyncio.timeout(self._timeouts.turn.total_seconds()):
            await self._turns.acquire()
        try:
            async with asyncio.timeout(self._timeouts.poll.total_seconds()):
                raw = await self._exchange(host, target)
        finally:
            self._turns.release()
        return Answer(raw.status, raw.headers, raw.body, self._secrets)

    async def aclose(self) -> None:
        """Close its connections."""
        for connection in self._open:
            connection.close()
        self._open.clear()
        self._idle.clear()

    async def _exchange(self, host: str, target: str) -> RawAnswer:
        connection = self._warm(host) or await self._connected(host)
        try:
            answer = await connection.exchange(
                f"GET {target} HTTP/1.1\r\nHost: {host}\r\n{self._headers}\r\n".encode("ascii")
            )
        except BaseException:
            self._open.discard(connection)
            raise
        if connection.is_open:
            self._idle.setdefault(host, []).append((connection, time.monotonic()))
        else:
            self._open.discard(connection)
        return answer

    def _warm(self, host: str) -> Connection | None:
        """Return the connection that idles for the shortest time, if any is still open."""
        idle = self._idle.get(host)
        while idle:
            connection, since = idle.pop()
            if connection.is_open and time.monotonic() - since < KEEP_ALIVE_SECONDS:
                return connection
            connection.close()
            self._open.discard(connection)
        return None

    async def _connected(self, host: str) -> Connection:
        scheme, name, port = "https", host, _HTTPS_PORT
        if self._base is not None:
            scheme, name = self._base.scheme, self._base.host
            port = self._base.port or (_HTTPS_PORT if scheme == "https" else _HTTP_PORT)
        async with asyncio.timeout(self._timeouts.connect.total_seconds()):
            _, connection = await asyncio.get_running_loop().create_connection(
                lambda: Connection(max_bytes=self._max_bytes),
                *(name, port),
                ssl=self._tls if scheme == "https" else None,
            )
        self._open.add(connection)
        return connection
