"""The log lines a running model prints, as far as it has come."""

import asyncio
from datetime import datetime, timedelta
from typing import Final

from emulator.records import FalRequest, JsonObject

#: How many steps a model reports while it runs.
STEPS: Final = 10


def lines(request: FalRequest, run_seconds: float) -> list[JsonObject]:
    """List the lines *request*, which will run for *run_seconds*, has printed by now, oldest first."""
    if request.started_at is None or request.start_time is None:
        return []
    now = asyncio.get_running_loop().time() if request.ended_at is None else request.ended_at
    elapsed = now - request.started_at
    share = 1.0 if run_seconds <= 0 else min(1.0, elapsed / run_seconds)
    start = request.start_time
    printed = [_line(start, 0.0, "Loading the model")]
    for step in range(1, int(share * STEPS) + 1):
        text = f"Generating: {step * 100 // STEPS}% ({step}/{STEPS})"
        printed.append(_line(start, run_seconds * step / STEPS, text))
    if request.outcome is not None:
        failed = request.outcome.error is not None
        text = f"Failed: {request.outcome.error}" if failed else "Finished"
        printed.append(_line(start, elapsed, text, level="ERROR" if failed else "INFO"))
    return printed


def _line(start: datetime, offset: float, message: str, *, level: str = "INFO") -> JsonObject:
    timestamp = (start + timedelta(seconds=offset)).isoformat()
    return {"message": message, "level": level, "source": "USER", "timestamp": timestamp}
