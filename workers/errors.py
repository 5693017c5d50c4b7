"""How a recipe says that its job cannot go on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.errors import FencedError

if TYPE_CHECKING:
    from datetime import timedelta

    from core.job import JobError


class JobFailedError(Exception):
    """The attempt failed; the error says why and whether another attempt may go better."""

    def __init__(self, error: JobError, *, retry_after: timedelta | None = None) -> None:
        super().__init__(error.message)
        self.error = error
        self.retry_after = retry_after
        """How long the provider asks to wait; None: it did not say."""


def most_telling(error: Exception) -> Exception:
    """Return the error itself, or of a group the one to go by.

    That is the loss of the job before all; then a fault of ours, a failure that no retry mends, and any other.
    """

    def weight(each: Exception) -> int:
        if isinstance(each, FencedError):
            return 0
        if not isinstance(each, JobFailedError):
            return 1
        return 3 if each.error.retryable else 2

    if not isinstance(error, ExceptionGroup):
        return error
    return min((most_telling(each) for each in error.exceptions), key=weight)
