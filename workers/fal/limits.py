"""How much of fal one process uses at once, and how long it waits for it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import httpx

#: Bytes of one answer: results are JSON with links, media is never in them.
MAX_ANSWER_BYTES: Final = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Connections at once, for each kind of request; the next ones wait their turn.

    Each kind has its own connections, so polls that hang delay no cancellation and no submit. What bounds
    polls is the processor: some 0.25 ms each (measured); 64 connections carry all that it can make.
    """

    submits: int = 32
    polls: int = 64
    cancels: int = 16
    transfers: int = 32
    """Results and uploads."""
    answer_bytes: int = MAX_ANSWER_BYTES
    """Longer answers are dropped while they are read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """How long each step may take; the connection and the wait for one are counted apart where it says so."""

    connect: timedelta = timedelta(seconds=5)
    """To reach fal: TCP and TLS. Running out of it proves that nothing was sent."""
    turn: timedelta = timedelta(seconds=30)
    """To get one of the connections. Running out of it proves that nothing was sent."""
    submit: timedelta = timedelta(seconds=60)
    """From sending a submit to the end of its answer. Generous: running out of it leaves the outcome unknown."""
    poll: timedelta = timedelta(seconds=15)
    result: timedelta = timedelta(seconds=60)
    cancel: timedelta = timedelta(seconds=5)
    """All tries of one cancellation together."""
    upload: timedelta = timedelta(minutes=5)
    """One upload in whole."""

    def http(self, step: timedelta) -> httpx.Timeout:
        """Return the timeouts of one request that may take *step* once it is under way."""
        return httpx.Timeout(
            step.total_seconds(),
            connect=min(self.connect, step).total_seconds(),
            pool=self.turn.total_seconds(),
        )
