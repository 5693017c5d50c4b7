"""Tells callers which clips of a composition name no job of theirs.

The store refuses such a job when it shall accept it; only here it is known which fields of the request that is about.
Not asked before: a repeated request is answered with the job that it made, whatever has become of the clips' jobs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.errors import InvalidRequestError, Violation
from core.job import JobId
from server.tenants import current_tenant

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from core.errors import SegueError
    from core.jobs import Jobs
    from segue.v1 import job_service_pb2 as pb


async def check_awaited(jobs: Jobs, request: pb.SubmitJobRequest) -> None:
    """Check the clips of a job.

    Raises:
        InvalidRequestError: a clip names a job that the caller does not have.
    """
    clips = _clips("spec", request)
    absent = await jobs.absent(current_tenant(), set(clips.values()))
    if error := _refusal(clips, absent):
        raise error


async def check_awaited_of_batch(
    jobs: Jobs, request: pb.BatchSubmitRequest, refused: Mapping[int, SegueError]
) -> dict[int, SegueError]:
    """Check the clips of a batch's jobs, and return the error of each refused item where partial success is allowed.

    Args:
        refused: the items that are refused for other reasons; those are returned too.

    Raises:
        InvalidRequestError: with every such clip, unless others can be accepted without their jobs.
    """
    named = {index: _clips(f"jobs[{index}].spec", job) for index, job in enumerate(request.jobs)}
    absent = await jobs.absent(current_tenant(), {job_id for clips in named.values() for job_id in clips.values()})
    found = {index: error for index, clips in named.items() if (error := _refusal(clips, absent))}
    all_refused: dict[int, SegueError] = {**found, **refused}
    if found and (not request.allow_partial_success or len(all_refused) == len(request.jobs)):
        raise InvalidRequestError([violation for error in found.values() for violation in error.violations])
    return all_refused


def _clips(path: str, request: pb.SubmitJobRequest) -> dict[str, JobId]:
    """Return the jobs that a composition is made of, by the fields that name them."""
    if request.spec.WhichOneof("kind") != "composition":
        return {}
    return {
        f"{path}.composition.clips[{index}].job_id": JobId(clip.job_id)
        for index, clip in enumerate(request.spec.composition.clips)
        if clip.WhichOneof("source") == "job_id"
    }


def _refusal(clips: Mapping[str, JobId], absent: Collection[JobId]) -> InvalidRequestError | None:
    found = [Violation(path, "there is no such job") for path, job_id in clips.items() if job_id in absent]
    return InvalidRequestError(found) if found else None
