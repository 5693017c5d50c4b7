"""The requests that the benchmarks send: of the size that callers send, and the same in every run."""

from __future__ import annotations

import struct

from segue.v1 import job_service_pb2, spec_pb2


def transition_request() -> job_service_pb2.SubmitJobRequest:
    """Return the submission of a transition with an owner and a label, about 500 bytes long, without a request_id."""
    transition = spec_pb2.TransitionSpec(
        name="Harbour at dawn to harbour at night",
        front_image_url="https://images.example.com/projects/0198c2f4/frames/harbour-at-dawn-1920x1080.jpg",
        tail_image_url="https://images.example.com/projects/0198c2f4/frames/harbour-at-night-1920x1080.jpg",
        transition_type=spec_pb2.TRANSITION_TYPE_CINEMATIC,
        prompt="The sun crosses the sky, shadows wander over the quay, boats come and go, then lamps light up one by "
        "one and are mirrored in the still water while the camera glides slowly along the pier towards the lighthouse",
        negative_prompt="text, watermark, flicker",
    )
    transition.video_length.seconds = 5
    return job_service_pb2.SubmitJobRequest(
        spec=spec_pb2.JobSpec(transition=transition), owner="customer-4711", labels={"project": "harbour"}
    )


def framed(message: bytes) -> bytes:
    """Return a message as the body of a gRPC request: not compressed, and its length before it."""
    return struct.pack(">BI", 0, len(message)) + message
