"""Requests that are right, for tests to bend."""

from __future__ import annotations

from typing import TYPE_CHECKING

from segue.v1 import job_service_pb2 as pb
from segue.v1 import spec_pb2

if TYPE_CHECKING:
    from collections.abc import Callable

FRONT = "https://images.example/front.jpg"
TAIL = "https://images.example/tail.jpg"


def transition() -> spec_pb2.TransitionSpec:
    """A transition with only what is required."""
    return spec_pb2.TransitionSpec(front_image_url=FRONT, tail_image_url=TAIL)


def composition() -> spec_pb2.CompositionSpec:
    """Two clips: a job and a video of somewhere else."""
    clips = [spec_pb2.Clip(job_id="job-1"), spec_pb2.Clip(video_url="https://videos.example/a.mp4")]
    return spec_pb2.CompositionSpec(clips=clips)


def script_video() -> spec_pb2.ScriptVideoSpec:
    """A script video with only what is required."""
    return spec_pb2.ScriptVideoSpec(script_content="Ships come home. The harbour sleeps.")


def right(kind: str) -> spec_pb2.JobSpec:
    """A right spec of a kind."""
    made: dict[str, Callable[[], spec_pb2.JobSpec]] = {
        "transition": lambda: spec_pb2.JobSpec(transition=transition()),
        "composition": lambda: spec_pb2.JobSpec(composition=composition()),
        "script_video": lambda: spec_pb2.JobSpec(script_video=script_video()),
        "model": lambda: spec_pb2.JobSpec(model=spec_pb2.ModelSpec(endpoint="fal-ai/flux/schnell")),
    }
    return made[kind]()


def submit(spec: spec_pb2.TransitionSpec | None = None) -> pb.SubmitJobRequest:
    """A request for a transition with only what is required."""
    return pb.SubmitJobRequest(spec=spec_pb2.JobSpec(transition=spec or transition()))


def submit_model(endpoint: str = "fal-ai/flux/schnell", **arguments: str) -> pb.SubmitJobRequest:
    """A request for any endpoint."""
    spec = spec_pb2.ModelSpec(endpoint=endpoint)
    spec.arguments.update(arguments)
    return pb.SubmitJobRequest(spec=spec_pb2.JobSpec(model=spec))
