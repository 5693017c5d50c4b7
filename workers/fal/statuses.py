"""Where a generation stands at fal, as one poll tells it.

fal knows three states; a failed or cancelled generation is `Completed` with an error. A generation may go
from running back to queued when fal moves it to another runner.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from workers.fal.answers import clean

if TYPE_CHECKING:
    from workers.fal.answers import Answer


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line that the model wrote."""

    text: str
    time: datetime | None = None


@dataclass(frozen=True, slots=True)
class Queued:
    """It waits at fal."""

    position: int | None
    """Requests ahead of it; None: fal did not say."""


@dataclass(frozen=True, slots=True)
class Running:
    """A model works on it."""

    logs: tuple[LogLine, ...] = ()
    """All lines so far, if they were asked for."""


@dataclass(frozen=True, slots=True)
class Completed:
    """It has ended, well or badly."""

    logs: tuple[LogLine, ...] = ()
    error: str | None = None
    """fal's words on why it failed; None: it succeeded, or fal leaves it to the result to say."""
    error_type: str | None = None
    inference_time: float | None = None
    """Seconds that the model worked."""


Status = Queued | Running | Completed


def status_of(answer: Answer) -> Status | None:
    """Return the status in *answer*, or None if it holds none that is known."""
    fields = answer.fields
    match fields.get("status"):
        case "IN_QUEUE":
            position = fields.get("queue_position")
            return Queued(position if isinstance(position, int) and position >= 0 else None)
        case "IN_PROGRESS":
            return Running(_logs(fields.get("logs"), answer.secrets))
        case "COMPLETED":
            return _completed(fields, answer.secrets)
        case _:
            return None


def _completed(fields: dict[str, Any], secrets: tuple[str, ...]) -> Completed:
    error, error_type = fields.get("error"), fields.get("error_type")
    if error_type and not error:
        error = error_type
    metrics = fields.get("metrics")
    seconds = metrics.get("inference_time") if isinstance(metrics, dict) else None
    return Completed(
        logs=_logs(fields.get("logs"), secrets),
        error=clean(str(error), secrets) if error else None,
        error_type=clean(str(error_type), secrets) if error_type else None,
        inference_time=float(seconds) if isinstance(seconds, int | float) else None,
    )


def _logs(entries: object, secrets: tuple[str, ...]) -> tuple[LogLine, ...]:
    if not isinstance(entries, list):
        return ()
    found = (entry for entry in entries if isinstance(entry, dict) and isinstance(entry.get("message"), str))
    return tuple(LogLine(clean(entry["message"], secrets), _time(entry.get("timestamp"))) for entry in found)


def _time(value: object) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None
