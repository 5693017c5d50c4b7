"""How events are handed out when many come: in crowds, for which the loop and gRPC wake up once."""

from __future__ import annotations

import asyncio
import time
from typing import Final

#: Events handed out at once before their watchers get their turn.
BURST: Final = 100
#: So many events, or so short a time (s) since the last one that had to be waited for, make a crowd likely: more than
#: about 2000 events per second.
CROWD: Final = 4
SOON: Final = 0.0005
#: How long the next ones are then let gather, in seconds.
GATHERING: Final = 0.002


class Pace:
    """Says after each event whether to let others gather: not at all while they come one by one."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._waited = True
        """Whether the loop has turned since the last event: the next one is not there yet when it is asked for."""
        self._woken = 0.0
        self._events = 0
        self._pause = 0.0

    def rest_is_due(self) -> bool:
        """Return whether to rest after the event that was handed out last."""
        self._events += 1
        if self._waited:
            now = time.monotonic()
            crowded = self._events >= CROWD or now - self._woken < SOON
            self._woken, self._events, self._waited = now, 0, False
            self._pause = GATHERING if crowded else 0.0
            self._loop.call_soon(self._turned)
            return crowded
        self._pause = 0.0
        return self._events % BURST == 0

    async def rest(self) -> None:
        """Let watchers have their turn, and events gather."""
        await asyncio.sleep(self._pause)
        # What has gathered meanwhile was not waited for.
        self._waited = False
        self._loop.call_soon(self._turned)

    def _turned(self) -> None:
        self._waited = True
