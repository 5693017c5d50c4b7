"""Shows how a job goes on: one line that is rewritten on a terminal, else one line per news."""

from __future__ import annotations

import shutil
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from segue import is_final, state_name

if TYPE_CHECKING:
    from segue import Job, WatchJobResponse
    from segue.v1.job_pb2 import Progress

#: Characters of the bar itself.
BAR_WIDTH: Final = 28


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """What is worth showing after an event."""

    state: str = ""
    fraction: float | None = None
    stage: str = ""
    message: str = ""
    waiting: str = ""
    """Where it waits and behind how many; empty: it does not."""

    @property
    def words(self) -> str:
        """The news in words, without the fraction; at least the state."""
        return self.details if self.stage else " · ".join(part for part in (self.state, self.details) if part)

    @property
    def details(self) -> str:
        """What goes beyond the state; may be empty."""
        return " · ".join(part for part in (self.stage, self.message, self.waiting) if part)

    @property
    def percent(self) -> str:
        """The fraction for people; empty while unknown."""
        return "" if self.fraction is None else f"{self.fraction:.0%}"


class View(Protocol):
    """Where news are shown."""

    def show(self, news: News) -> None:
        """Show *news*."""

    def close(self) -> None:
        """End the display; what follows begins on a new line."""


class Lines:
    """A line per news with the seconds since the start: for pipes and log files."""

    def __init__(self) -> None:
        self._start = time.monotonic()
        self._last: News | None = None

    def show(self, news: News) -> None:
        """Write *news* unless they are none."""
        if news != self._last:
            self._last = news
            seconds = time.monotonic() - self._start
            sys.stdout.write(f"{seconds:7.1f} s  {news.percent:>4}  {news.state:<10}  {news.details}".rstrip() + "\n")
            sys.stdout.flush()

    def close(self) -> None:
        """Do nothing: every line is ended already."""


class Bar:
    """One line with a bar that is written over and over: for terminals."""

    def __init__(self) -> None:
        self._start = time.monotonic()

    def show(self, news: News) -> None:
        """Draw the bar anew."""
        filled = round((news.fraction or 0.0) * BAR_WIDTH)
        bar = "█" * filled + "░" * (BAR_WIDTH - filled)
        seconds = time.monotonic() - self._start
        line = f"{bar} {news.percent:>4}  {seconds:5.1f} s  {news.words}"
        # A line that wraps could not be written over; \x1b[K clears what the last one left.
        sys.stdout.write(f"\r{line[: shutil.get_terminal_size().columns - 1]}\x1b[K")
        sys.stdout.flush()

    def close(self) -> None:
        """Leave the last bar where it is."""
        sys.stdout.write("\n")
        sys.stdout.flush()


def view() -> View:
    """Return what fits the standard output."""
    return Bar() if sys.stdout.isatty() else Lines()


class Reporter:
    """Turns the events of one watch into news."""

    def __init__(self) -> None:
        self._state = ""

    def news(self, event: WatchJobResponse) -> News | None:
        """Return what *event* brings; None: nothing to show."""
        match event.WhichOneof("event"):
            case "snapshot":
                return self._of_job(event.snapshot.job)
            case "state_change":
                return self._of_job(event.state_change.job)
            case "progress":
                return self._of_progress(event.progress, "")
            case _:
                return None

    def _of_job(self, job: Job) -> News:
        self._state = state_name(job.state)
        if is_final(job.state):  # what it did last is no news any more
            return News(state=self._state, fraction=job.progress.fraction)
        queued = f"{job.queue_position} before it" if job.HasField("queue_position") else ""
        return self._of_progress(job.progress, queued)

    def _of_progress(self, progress: Progress, waiting: str) -> News:
        if progress.HasField("provider_queue_position"):
            waiting = f"place {progress.provider_queue_position} in fal's queue"
        return News(
            state=self._state,
            fraction=progress.fraction if progress.HasField("fraction") else None,
            stage=progress.stage,
            message=progress.message,
            waiting=waiting,
        )
