"""Deadlines that strike when a test says so, however long it took to get there."""

from __future__ import annotations

import asyncio


def leap(seconds: float) -> None:
    """Let the running loop's clock jump ahead: whatever it was to do within so many seconds, it does now."""
    loop = asyncio.get_running_loop()
    time = loop.time
    loop.time = lambda: time() + seconds  # type: ignore[method-assign]  # of this loop, which ends with its test
