"""What a recipe works with: the job, its paid generations, its progress, what it saves for the worst."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from core.errors import StoreUnavailableError
from core.job import Progress
from workers.progress import Board, Stage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from core.job import Job
    from core.store.attempts import AttemptKey, AttemptStore
    from segue.v1.job_pb2 import JobResult
    from workers.generations import Ledger
    from workers.studio import Studio


class Run:
    """One attempt at a job, as its recipe sees it."""

    def __init__(
        self, job: Job, key: AttemptKey, *, store: AttemptStore, ledger: Ledger, studio: Studio | None = None
    ) -> None:
        self.job = job
        self.salvaged = b""
        """What the job's result shall be if it fails: the last that the recipe has deposited."""
        self._key = key
        self._store = store
        self._ledger = ledger
        self._studio = studio
        self._board = Board()
        self._stored = b""

    @property
    def studio(self) -> Studio:
        """The tools for media.

        Raises:
            RuntimeError: this process has none.
        """
        if self._studio is None:
            raise RuntimeError("this worker was put together without a studio")
        return self._studio

    async def stage(self, name: str, *, span: tuple[float, float], part: str = "", parts: int = 1) -> Stage:
        """Begin a stage for steps that run side by side, and tell the watchers, who hear of each step that ends.

        Stages may run side by side too: what is told is the first that has not ended.

        Args:
            name: what people see, for example "generating audio".
            span: which part of the job's progress it is.
            part: what one of its steps makes, for example "scene".
            parts: how many steps it has.

        Raises:
            FencedError: the attempt no longer holds the job.
        """
        stage = self._board.add(Stage(low=span[0], high=span[1], name=name, part=part, parts=parts))
        await self._tell()
        return stage

    async def generate(
        self,
        step: str,
        endpoint: str,
        arguments: Mapping[str, Any],
        *,
        span: tuple[float, float] = (0.0, 1.0),
        stage: Stage | None = None,
        quiet: bool = False,
    ) -> dict[str, Any]:
        """Return what a model of the provider makes of arguments; paid once for each step of a job.

        Different steps may be under way at once, by `core.tasks.together`. Where one fails the others end: what they
        have submitted goes on at the provider, and the next attempt follows it; if there is none it is cancelled.

        Args:
            step: the name of the step, the same in every attempt.
            span: which part of the job's progress the generation is; the model's own stages are told.
            stage: the stage that the step belongs to, in place of a span.
            quiet: tell nothing of its progress: the recipe does.

        Raises:
            JobFailedError: the step failed.
            FencedError: the attempt no longer holds the job.
        """
        stage = stage or (Stage(low=0, high=0) if quiet else self._board.unnamed(span))

        async def report(progress: Progress | None, lines: list[str], intent: str) -> None:
            if progress is not None:
                stage.update(step, progress)
            await self._report(None if quiet or progress is None else self._board.news(), lines, intent)

        # Nothing is awaited before: steps stand in the line for provider slots in the order in which they were begun.
        stage.begin(step)
        output = await self._ledger.generate(step, endpoint, arguments, report=report)
        stage.end(step)
        if stage.name and not quiet:
            await self._tell()
        return output

    async def progress(self, stage: str, message: str, *, fraction: float | None = None) -> None:
        """Tell the watchers how far the job is.

        Raises:
            FencedError: the attempt no longer holds the job.
        """
        self._ledger.goes_on()
        with suppress(StoreUnavailableError):  # what is lost is a report
            await self._keep_salvage()
            await self._report(Progress(fraction=fraction, stage=stage, message=message), [], "")

    def salvage(self, result: JobResult) -> None:
        """Deposit what is paid for and can be used: whatever way the job fails, this is its result then.

        Each deposit takes the place of the one before. It outlives this process with the next progress that is told.
        """
        self.salvaged = result.SerializeToString()

    async def _keep_salvage(self) -> None:
        deposit = self.salvaged
        if deposit != self._stored:
            await self._store.salvage(self._key, deposit)
            self._stored = deposit

    async def _tell(self) -> None:
        with suppress(StoreUnavailableError):
            await self._keep_salvage()
            await self._report(self._board.news(), [], "")

    async def _report(self, progress: Progress | None, lines: list[str], intent: str) -> None:
        if progress is None and not lines:
            return
        await self._store.report(self._key, progress, lines, intent=intent)
        self._board.told = progress or self._board.told
