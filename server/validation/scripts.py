"""Looks into scripts: of some no video can be made, or none as long as it is asked for.

That is work, unlike all other checks, so a request that has scripts is checked beside the event loop.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

from core.script.errors import ScriptError
from core.script.pacing import check_target
from core.script.scenes import speech_expected
from server.limits import SCRIPT_BYTES, SCRIPT_VIDEO_LENGTHS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import timedelta

    from segue.v1 import job_service_pb2 as pb
    from segue.v1 import spec_pb2
    from server.settings import Settings
    from server.validation.findings import Findings

RequestT = TypeVar("RequestT", bound="pb.SubmitJobRequest | pb.BatchSubmitRequest")
FoundT = TypeVar("FoundT")


async def checked(check: Callable[[RequestT, Settings], FoundT], request: RequestT, settings: Settings) -> FoundT:
    """Return what *check* finds in a request, worked out beside the loop if there are scripts in it.

    Raises:
        InvalidRequestError: as *check* does.
    """
    jobs: Iterable[pb.SubmitJobRequest] = getattr(request, "jobs", [request])
    if any(job.spec.WhichOneof("kind") == "script_video" for job in jobs):
        return await asyncio.to_thread(check, request, settings)
    return check(request, settings)


def check_script(found: Findings, path: str, spec: spec_pb2.JobSpec) -> None:
    """Check whether a video can be made of the script of *spec*, if it has one."""
    if spec.WhichOneof("kind") != "script_video":
        return
    wanted = spec.script_video
    if not 0 < len(wanted.script_content.strip()) <= SCRIPT_BYTES:
        return  # check_script_video says so
    try:
        check_target(speech_expected(wanted.script_content, wanted.language), _length_of(wanted))
    except ScriptError as error:
        if error.field != "language":  # check_script_video knows who speaks what
            found.add(f"{path}.script_video.{error.field}", str(error))


def _length_of(spec: spec_pb2.ScriptVideoSpec) -> timedelta | None:
    """Return how long the video shall be; None: no matter, or not a length that is allowed."""
    if not spec.HasField("video_length"):
        return None
    shortest, longest = SCRIPT_VIDEO_LENGTHS
    length = spec.video_length.ToTimedelta()
    return length if shortest <= length <= longest else None
