"""Requests that are right, for tests to bend."""

from __future__ import annotations

from segue.v1 import job_service_pb2 as pb
from segue.v1 import spec_pb2

FRONT = "https://images.example/front.jpg"
TAIL = "https://images.example/tail.jpg"


def transition() -> spec_pb2.TransitionSpec:
    """A transition with only what is required."""
    return spec_pb2.TransitionSpec(front_image_url=FRONT, tail_image_url=TAIL)


def submit(spec: spec_pb2.TransitionSpec | None = None) -> pb.SubmitJobRequest:
    """A request for a transition with only what is required."""
    return pb.SubmitJobRequest(spec=spec_pb2.JobSpec(transition=spec or transition()))


def submit_model(endpoint: str = "fal-ai/flux/schnell", **arguments: str) -> pb.SubmitJobRequest:
    """A request for any endpoint."""
    spec = spec_pb2.ModelSpec(endpoint=endpoint)
    spec.arguments.update(arguments)
    return pb.SubmitJobRequest(spec=spec_pb2.JobSpec(model=spec))
