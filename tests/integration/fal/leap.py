"""Deadlines that are long, as machines may be busy, and strike when a test says so."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Final

from workers.fal.limits import Timeouts

PATIENCE: Final = timedelta(seconds=30)
#: Nothing that is answered runs out of these.
PATIENT: Final = Timeouts(turn=PATIENCE, submit=PATIENCE, poll=PATIENCE, result=PATIENCE, cancel=PATIENCE)


def leap(time: timedelta = PATIENCE) -> None:
    """Let the running loop's clock jump ahead: whatever was to happen within that time happens now."""
    loop = asyncio.get_running_loop()
    before, seconds = loop.time, time.total_seconds()
    loop.time = lambda: before() + seconds  # type: ignore[method-assign]  # of this loop, which ends with its test
