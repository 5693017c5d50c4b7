"""What happens to a job. Pure; how the log keeps it and the channel publishes it is core/store/records.py's matter."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING

from core.value import value

if TYPE_CHECKING:
    from datetime import datetime

    from core.job import Job, JobState, Progress


@value
class Event:
    """Something happened to a job."""

    sequence: int
    """Its number in the job's log, from 1, without gaps."""
    time: datetime
    rendered: dict[str, bytes] = field(default_factory=dict, compare=False, repr=False)
    """What those who tell it have made of it, by the form: made once, however many are told."""

    @property
    def topic(self) -> str | None:
        """What it is the newest word on, until another of the same topic comes; None: it is never outdated."""
        return None

    @property
    def is_final(self) -> bool:
        """Whether no event will follow by itself."""
        return False


@value
class StateChanged(Event):
    """The job went from one state to another."""

    from_state: JobState | None
    """None for the first event of a job."""
    to_state: JobState
    job: Job
    """The job right after the change, without its spec."""

    @property
    def is_final(self) -> bool:
        """Whether the job has ended."""
        return self.to_state.is_terminal


@value
class ProgressMade(Event):
    """The job got further."""

    progress: Progress

    @property
    def topic(self) -> str:
        """Newer progress is all that counts."""
        return "progress"


@value
class LogWritten(Event):
    """The model wrote a line while it ran."""

    text: str

    @property
    def topic(self) -> str:
        """A line is of use together with those before it; who is too slow for them is left the newest."""
        return "log"
