"""A video that begins with one image and ends with another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workers.recipes.arguments import arguments_of, model_of
from workers.recipes.artifacts import result_of

if TYPE_CHECKING:
    from segue.v1.job_pb2 import JobResult
    from segue.v1.spec_pb2 import TransitionSpec
    from workers.run import Run


async def transition(run: Run, spec: TransitionSpec) -> JobResult:
    """Let the model make the video."""
    output = await run.generate("video", model_of(spec).endpoint, arguments_of(spec))
    return result_of(output)
