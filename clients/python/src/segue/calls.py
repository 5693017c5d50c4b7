"""When a call is tried again: the rules of a unary call, without any I/O."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

import grpc

from segue import errors

if TYPE_CHECKING:
    from segue.options import Retry

#: The call did not reach a handler, or its answer was lost. A burst of calls is shed as CANCELLED by C-core; a
#: CANCELLED that the caller asked for never comes this far (grpc.aio raises asyncio.CancelledError for it).
TRANSIENT: Final = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED})


class Deadline:
    """A point in time, or none at all."""

    def __init__(self, timeout: float | None) -> None:
        self._at = None if timeout is None else time.monotonic() + timeout

    @property
    def remaining(self) -> float | None:
        """The seconds that are left, never below zero; None: any number."""
        return None if self._at is None else max(0.0, self._at - time.monotonic())

    @property
    def passed(self) -> bool:
        """Whether nothing is left."""
        return self.remaining == 0

    def cap(self, wait: float) -> float:
        """Return the wait, or what is left if that is less."""
        remaining = self.remaining
        return wait if remaining is None else min(wait, remaining)


class Attempts:
    """The tries of one unary call under one deadline.

    Every unary call of the contract may be repeated: submits carry a request_id, and the others say what shall be,
    not what shall change.
    """

    def __init__(self, retry: Retry, timeout: float) -> None:
        self._retry = retry
        self._deadline = Deadline(timeout)
        self._failures = 0

    @property
    def timeout(self) -> float | None:
        """The seconds that the next try may take."""
        return self._deadline.remaining

    def failed(self, call: grpc.RpcError) -> float:
        """Note a failed try and return the seconds to wait before the next one.

        Raises:
            SegueError: there shall be no next try.
        """
        self._failures += 1
        error = errors.from_call(call)
        if error.code not in TRANSIENT or self._failures >= self._retry.attempts:
            raise error from call
        delay = self._retry.delay(self._failures, error.retry_after)
        remaining = self._deadline.remaining
        if remaining is not None and delay >= remaining:
            raise error from call
        return delay
