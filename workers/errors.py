"""How a recipe says that its job cannot go on."""

from __future__ import annotations

from typing import TYPE_CHECKING

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


class InterruptedSubmitError(Exception):
    """The process stops, and a submit had to be left behind with its outcome unknown."""
