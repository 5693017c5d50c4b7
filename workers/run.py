"""What a recipe works with: the job, its paid generations, its progress."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from core.errors import StoreUnavailableError
from core.job import Progress

if TYPE_CHECKING:
    from collections.abc import Mapping

    from core.job import Job
    from core.store.attempts import AttemptKey, AttemptStore
    from workers.generations import Ledger


class Run:
    """One attempt at a job, as its recipe sees it."""

    def __init__(self, job: Job, key: AttemptKey, *, store: AttemptStore, ledger: Ledger) -> None:
        self.job = job
        self._key = key
        self._store = store
        self._ledger = ledger

    async def generate(
        self, step: str, endpoint: str, arguments: Mapping[str, Any], *, span: tuple[float, float] = (0.0, 1.0)
    ) -> dict[str, Any]:
        """Return what a model of the provider makes of arguments; paid once for each step of a job.

        Args:
            step: the name of the step, the same in every attempt.
            span: which part of the job's progress the generation is.

        Raises:
            JobFailedError: the step failed.
            FencedError: the attempt no longer holds the job.
        """
        low, high = span

        async def report(progress: Progress | None, lines: list[str], intent: str) -> None:
            if progress is not None and progress.fraction is not None:
                progress = replace(progress, fraction=low + (high - low) * progress.fraction)
            await self._store.report(self._key, progress, lines, intent=intent)

        return await self._ledger.generate(step, endpoint, arguments, report=report)

    async def progress(self, stage: str, message: str, *, fraction: float | None = None) -> None:
        """Tell the watchers how far the job is.

        Raises:
            FencedError: the attempt no longer holds the job.
        """
        with suppress(StoreUnavailableError):  # what is lost is a report
            await self._store.report(self._key, Progress(fraction=fraction, stage=stage, message=message))
