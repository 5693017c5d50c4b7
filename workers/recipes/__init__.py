"""How each kind of job is made: one module per kind, a plain coroutine over `run.generate`.

A recipe is run again from its beginning in every attempt; steps that are done answer from the ledger.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from core.job import JobKind
from segue.v1.spec_pb2 import JobSpec
from workers.recipes.composition import composition
from workers.recipes.model import model
from workers.recipes.script_video import script_video
from workers.recipes.transition import transition

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from segue.v1.job_pb2 import JobResult
    from workers.run import Run

    Recipe = Callable[[Run, Any], Awaitable[JobResult]]

#: The kinds that a worker can make, and how.
RECIPES: Final[Mapping[JobKind, Recipe]] = {
    JobKind.TRANSITION: transition,
    JobKind.COMPOSITION: composition,
    JobKind.SCRIPT_VIDEO: script_video,
    JobKind.MODEL: model,
}
#: The kinds that generate nothing: they need no provider slot.
UNPAID: Final = frozenset({JobKind.COMPOSITION})


async def perform(run: Run) -> JobResult:
    """Make what the job asks for.

    Raises:
        JobFailedError: the attempt failed.
        FencedError: the attempt no longer holds the job.
    """
    kind = run.job.kind
    return await RECIPES[kind](run, getattr(JobSpec.FromString(run.job.spec or b""), kind.value))
