"""One connection to Redis that all commands of a process share (ADR 15).

Redis answers the commands of a connection in their order, so nobody needs a connection for himself: commands go out as
they come, those of one turn of the loop in one piece, and each answer belongs to the oldest command without one.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from redis.backoff import ExponentialWithJitterBackoff
from redis.exceptions import (
    BusyLoadingError,
    ConnectionError,  # noqa: A004
    ReadOnlyError,
    RedisError,
    ResponseError,
    TimeoutError,  # noqa: A004
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

#: Errors that pass: Redis is away, restarting, or failing over.
TRANSIENT: Final = (ConnectionError, TimeoutError, BusyLoadingError, ReadOnlyError)
#: Times a call is repeated after a lost connection, over a second or so. Every script may be repeated: see its header.
RETRIES: Final = 5
#: Waits between the tries.
BACKOFF: Final = ExponentialWithJitterBackoff(base=0.05, cap=1)


class Line:
    """The shared connection: opened with the first command, and again after it was lost."""

    def __init__(self, make: Callable[[], Any], *, timeout: float) -> None:
        """Take how to *make* a connection, as redis-py's pools do; it must neither retry nor time out by itself.

        Args:
            timeout: seconds that opening may take, and that Redis may be silent while it owes an answer.
        """
        self._make = make
        self._timeout = timeout
        self._session: _Session | None = None
        self._opening: asyncio.Task[_Session] | None = None

    async def ask(self, packed: bytes, *, commands: int = 1) -> Sequence[Any]:
        """Send packed commands, and return the answer of each; one that Redis refused is an exception among them.

        Raises:
            ConnectionError, TimeoutError, BusyLoadingError, ReadOnlyError: also when asked again.
        """
        failures, until = 0, math.inf
        while True:
            try:
                session = self._session
                if session is None or session.is_lost:
                    session = await self._opened()
                answers = await session.ask(packed, commands)
            except TRANSIENT:
                if failures == RETRIES or asyncio.get_running_loop().time() > until:
                    raise
            else:
                if failures == RETRIES or not any(isinstance(answer, ReadOnlyError) for answer in answers):
                    return answers
                # What was the primary no longer is: where its name leads now is found by connecting anew.
                session.give_up(ConnectionError("Redis has become a replica"))
            # A silent Redis is asked once more; one that refuses comes back within a second or so, or not.
            until = min(until, asyncio.get_running_loop().time() + self._timeout)
            failures += 1
            await asyncio.sleep(BACKOFF.compute(failures))

    async def close(self) -> None:
        """Close the connection; commands without an answer fail."""
        if self._opening is not None:
            self._opening.cancel()
            await asyncio.wait([self._opening])
        if self._session is not None:
            await self._session.close()

    async def _opened(self) -> _Session:
        """Return a new session, the same for all who need one now."""
        if self._opening is None or self._opening.done():
            self._opening = asyncio.create_task(self._open(), name="redis-line-opening")
            self._opening.add_done_callback(_seen)
        # Shielded: whoever no longer waits must not take the others' connection with him.
        return await asyncio.shield(self._opening)

    async def _open(self) -> _Session:
        if self._session is not None:
            await self._session.close()
        connection = self._make()
        try:
            async with asyncio.timeout(self._timeout):
                await connection.connect()
        except BaseException as error:
            await connection.disconnect(nowait=True)
            if isinstance(error, asyncio.TimeoutError):
                raise TimeoutError("Redis does not take a connection in time") from error
            raise
        self._session = _Session(connection, timeout=self._timeout)
        return self._session


class _Session:
    """A connection from its opening to its loss."""

    def __init__(self, connection: Any, *, timeout: float) -> None:
        self._connection = connection
        self._timeout = timeout
        self._loop = asyncio.get_running_loop()
        self._owed: deque[asyncio.Future[Any]] = deque()
        self._unsent: list[bytes] = []
        self._sending: asyncio.Task[None] | None = None
        self._watching: asyncio.TimerHandle | None = None
        self._silent_since = 0.0
        self._error: RedisError | None = None
        self._reading = asyncio.create_task(self._read(), name="redis-line-reading")

    @property
    def is_lost(self) -> bool:
        """Whether it can no longer be used."""
        return self._error is not None

    async def ask(self, packed: bytes, commands: int) -> Sequence[Any]:
        """Send commands in one piece, and wait for their answers."""
        if self._error is not None:
            raise _again(self._error)
        if not self._owed:
            self._silent_since = self._loop.time()
            if self._watching is None:
                self._watching = self._loop.call_later(self._timeout, self._watch)
        answers = [self._loop.create_future() for _ in range(commands)]
        self._owed += answers
        self._unsent.append(packed)
        if self._sending is None:
            self._sending = asyncio.create_task(self._send(), name="redis-line-sending")
        return [await answer for answer in answers] if commands > 1 else [await answers[0]]

    def give_up(self, error: RedisError) -> None:
        """Lose the connection: every command without an answer fails with *error*."""
        if self._error is not None:
            return
        self._error = error
        for task in (self._reading, self._sending):
            if task is not None and task is not asyncio.current_task():
                task.cancel()
        if self._watching is not None:
            self._watching.cancel()
        for answer in self._owed:
            if not answer.done():
                answer.set_exception(_again(error))
                answer.exception()  # seen: of several answers only the first is waited for
        self._owed.clear()

    async def close(self) -> None:
        """Give up, and wait until the tasks have ended and the socket is closed."""
        self.give_up(ConnectionError("closed"))
        await asyncio.wait([task for task in (self._reading, self._sending) if task is not None])

    async def _send(self) -> None:
        """Send what there is, and what comes meanwhile."""
        try:
            # A lost connection must not be written to: redis-py would open it anew, behind the reader's back.
            while self._unsent and self._error is None:
                unsent, self._unsent = self._unsent, []
                await self._connection.send_packed_command(unsent, check_health=False)
        except (RedisError, OSError) as error:
            self.give_up(_as_transient(error))
        finally:
            self._sending = None

    async def _read(self) -> None:
        """Hand each answer to the oldest command without one, until the connection is lost."""
        try:
            while True:
                try:
                    answer = await self._connection.read_response(disable_decoding=True, timeout=math.inf)
                except ResponseError as error:
                    answer = error
                self._silent_since = self._loop.time()
                asking = self._owed.popleft()
                if not asking.done():  # it may have been cancelled
                    asking.set_result(answer)
        except IndexError:
            self.give_up(ConnectionError("Redis answered what nobody had asked"))
        except (RedisError, OSError) as error:
            self.give_up(_as_transient(error))
        finally:
            await self._connection.disconnect(nowait=True)

    def _watch(self) -> None:
        """Give up when Redis owes an answer and has said nothing for too long."""
        self._watching = None
        if not self._owed:
            return
        left = self._silent_since + self._timeout - self._loop.time()
        if left > 0:
            self._watching = self._loop.call_later(left, self._watch)
        else:
            self.give_up(TimeoutError("Redis does not answer in time"))


def _again(error: RedisError) -> RedisError:
    """Return a copy: each who gets an error adds to its traceback."""
    return type(error)(*error.args)


def _as_transient(error: Exception) -> RedisError:
    return error if isinstance(error, TRANSIENT) else ConnectionError(str(error))


def _seen(task: asyncio.Task[Any]) -> None:
    """Take note of how a task ended, in case nobody waits for it any longer."""
    if not task.cancelled():
        task.exception()
