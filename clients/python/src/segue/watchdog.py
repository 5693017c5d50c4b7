"""A time limit on each message of a stream that grpc's synchronous iterator cannot have."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Watchdog:
    """Calls *bite* from a thread of its own when a guarded step takes longer than its limit.

    It bites once. Guarding a step costs no thread and no system call, so it suits every single message.
    """

    def __init__(self, bite: Callable[[], object]) -> None:
        self.bit = False
        """Whether a limit has passed."""
        self._bite = bite
        self._until: float | None = None
        self._sleeping_until: float | None = None
        self._wake = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="segue-watchdog", daemon=True)

    @contextmanager
    def guard(self, limit: float) -> Iterator[None]:
        """Bite if the body takes more than *limit* seconds."""
        until = time.monotonic() + limit
        with self._wake:
            # The thread looks at the new limit when the one it sleeps for is over; only an earlier one wakes it.
            if self._sleeping_until is None or until < self._sleeping_until:
                self._wake.notify()
            self._until = until
        try:
            yield
        finally:
            self._until = None

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._wake:
            self._closed = True
            self._wake.notify()
        self._thread.join()

    def _run(self) -> None:
        with self._wake:
            while not self._closed:
                now = time.monotonic()
                if self._until is not None and self._until <= now:
                    self.bit = True
                    break
                self._sleeping_until = self._until
                self._wake.wait(None if self._until is None else self._until - now)
        if self.bit:
            self._bite()
